package policy

import (
	"strings"
	"testing"
)

// TestSameLines: who may watch does not move a lamp, what makes the lines does.
func TestSameLines(t *testing.T) {
	const text = `
tenants:
  - name: t
    presence_groups: [{name: A}]
    permissions: [{from: A, to: Standard, subscribe: allow}]
    lines: [{number: 1, devices: [PJSIP/1]}, {number: 2, presence_group: A, devices: [PJSIP/2]}]
    phones: [{name: P, lines: [1], extension_mobility: true}]
    device_profiles: [{name: none}, {name: other, lines: [2]}]
    end_users: [{user_id: ann, device_profiles: [none, other], presence_group: A}]
`
	s := compileYAML(t, text)
	for _, c := range []struct {
		old, new string
		same     bool
	}{
		{"", "", true},
		{"subscribe: allow", "subscribe: disallow", true},
		{"name: P,", "name: P, presence_group: A,", true},
		{"number: 1,", "number: 1, allow_watch: false,", false}, // its device is not learned any more
		{"number: 2,", "number: 2, allow_watch: false,", true},  // nor was it before
		{"number: 1,", "number: 1, aliases: [11],", false},
		{"number: 1,", "number: 1, ring_in_as: idle,", false},
		{"number: 1,", "number: 1, display_name: One,", false},
		{"PJSIP/1", "PJSIP/9", false},
		{"lines: [1],", "lines: [2],", false},
		{"name: P,", "name: P, device: PJSIP/1,", false},
		{"name: t\n", "name: t\n    learn: false\n", false},
		{"name: t\n", "name: t\n    country_code: 1\n", false},
		{"name: t\n", "name: t\n    domains: [x.example]\n", false},
		{"  - name: t\n", "  - name: u\n  - name: t\n", false},
	} {
		if got := s.SameLines(compileYAML(t, strings.Replace(text, c.old, c.new, 1))); got != c.same {
			t.Errorf("%q → %q: %v", c.old, c.new, got)
		}
	}
	for profile, same := range map[string]bool{"none": true, "other": false} {
		if got := s.SameLines(s.WithLogins(Logins{{"t", "P"}: {"ann", profile}})); got != same {
			t.Errorf("logged in with profile %s: %v", profile, got)
		}
	}
}
