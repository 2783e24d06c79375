package policy

import (
	"strings"
	"testing"
)

// TestAffectedTells: one change each, whom it touches and whom it does not.
func TestAffectedTells(t *testing.T) {
	const before = `
watcher_all: false
tenants:
  - name: t
    presence_groups: [{name: A}, {name: B}, {name: C}]
    permissions: [{from: A, to: B, subscribe: allow}]
    lines: [{number: 1}, {number: 2, presence_group: B}]
    phones: [{name: P, presence_group: A}, {name: Q, presence_group: C}]
    trunk_security_profiles: [{name: apps, accept_presence_subscription: true, digest: true, application_level_authorization: true}]
    trunks: [{name: K, presence_group: B, addresses: [192.0.2.1]}, {name: L, presence_group: B}, {name: M, security_profile: apps, presence_group: A}]
    application_users: [{user_id: app, accept_presence_subscription: true, presence_group: Standard}, {user_id: other}]
    route_patterns: [{pattern: 5XXX, trunk: K}, {pattern: 6XXX, trunk: L}]
`
	for _, c := range []struct{ name, old, new, touched, untouched string }{
		{"a line becomes a hunt pilot", "lines: [{number: 1}, ", "hunt_pilots: [{number: 1}]\n    lines: [", "phone:P→1 phone:Q→1", "phone:P→2 phone:P→5001"},
		{"an application gets no group", "presence_group: Standard}", "}", "app:app/M→1", "app:other/M→1 trunk:M→1 phone:P→1"},
		{"a route leads elsewhere", "5XXX, trunk: K", "5XXX, trunk: L", "phone:P→5001 phone:Q→5001", "phone:P→6001 phone:P→2"},
		{"another number is dialled", "5XXX, trunk: K", "5XXX, trunk: K, prefix_digits: \"0\"", "phone:P→5001", "phone:P→6001"},
		{"a setting for all", "watcher_all: false", "watcher_all: true", "trunk:K→1 phone:P→1", ""},
		{"a permission to the group of trunks", "from: A, to: B, subscribe: allow", "from: A, to: B, subscribe: disallow", "phone:P→5001 phone:P→2", "phone:Q→5001 phone:Q→2 phone:P→1"},
		{"a trunk's group", "name: K, presence_group: B", "name: K, presence_group: C", "phone:P→5001 trunk:K→1", "phone:P→6001 phone:P→1 trunk:L→1"},
		{"a trunk's profile", "digest: true, ", "digest: true, ", "", "trunk:M→1 phone:P→1"},
		{"a profile stops accepting", "accept_presence_subscription: true, digest", "digest", "trunk:M→1 app:app/M→1", "trunk:K→1 phone:P→5001"},
		{"a trunk's address", "192.0.2.1", "192.0.2.2", "trunk:K→1 app:app/K→1", "trunk:L→1 phone:P→1"},
		{"a new tenant", "  - name: t\n", "  - name: new\n  - name: t\n", "", "phone:P→1 phone:P→5001"},
		{"retries", "watcher_all: false", "watcher_all: false\nretry_limit: 20", "", "phone:P→5001"},
	} {
		after := strings.Replace(before, c.old, c.new, 1)
		if after == before && c.old != c.new {
			t.Fatalf("%s: nothing replaced", c.name)
		}
		old, next := compileYAML(t, before), compileYAML(t, after)
		changes := Affected(old, next)
		for want, list := range map[bool]string{true: c.touched, false: c.untouched} {
			for _, ask := range strings.Fields(list) {
				who, what, _ := strings.Cut(ask, "→")
				w := parseWatcher(who)
				if got := changes.Touches(w, parseTarget(next, w, what)); got != want {
					t.Errorf("%s: %s touched %v", c.name, ask, got)
				}
			}
		}
	}
}
