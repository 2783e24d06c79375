package main

import (
	"fmt"
	"strings"
	"testing"

	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/store/storetest"
)

const floors = `tenants:
  - name: shop
    presence_groups: [{name: Workers, description: on the floor}, {name: Managers / 2}, {name: Spare}]
    permissions: [{from: Managers / 2, to: Workers, subscribe: allow, view: name}]
    partitions: [{name: P}]
    calling_search_spaces: [{name: C, partitions: [P]}]
    lines: [{number: 101, partition: P, presence_group: Workers}, {number: 102}]
    phones: [{name: SEP1, lines: ["101@P"], presence_group: Workers}]
    end_users: [{user_id: ann}]
    trunks: [{name: K, addresses: [192.0.2.1]}]
    application_users: [{user_id: app}]
  - name: annex
`

// TestGroupCommands: the same commands through a server, and on both stores without one.
func TestGroupCommands(t *testing.T) {
	_, redis := storetest.StartRedis(t)
	r := admintest.Start(t, nil)
	for name, flags := range map[string][]string{
		"server": {"--url", r.URL, "--token", admintest.Token},
		"bolt":   {"--config", "bolt.yaml"},
		"redis":  {"--config", "redis.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t, "USER=ada")
			s.file("floors.yaml", floors)
			s.file("bolt.yaml", boltConfig)
			s.file("redis.yaml", strings.Replace(boltConfig, "{path: blf.db}", fmt.Sprintf("{type: redis, url: %q}", redis.URL()), 1))
			ok := func(line string, want ...string) {
				t.Helper()
				s.says(s.ok(append(split(line), flags...)...), want...)
			}
			fails := func(line string, want ...string) {
				t.Helper()
				s.fails(exitFailure, want, append(split(line), flags...)...)
			}
			ok("policy import floors.yaml", "is revision 1", "changes")
			ok("group list", "4 presence groups of tenant shop, revision 1", "Workers", "on the floor")
			ok("group list floor --field description --match ends", "1 presence group of tenant shop")
			ok("group list --tenant annex --json", `"tenant": "annex"`, `"total": 1`)
			ok("group show 'Managers / 2'", "May watch", "Workers: allow, view name")
			ok("group show Workers", "Managers / 2: allow, view name", "all as the system default")
			ok("group dependents Workers Standard", "line", "101@P", "SEP1", "ann")
			ok("group add Board --description 'all of it'", "+ tenant shop: added presence_groups Board: description: (none) → all of it", "revision 2")
			ok("group copy 'Managers / 2' Chiefs --if-revision 2", "revision 3")
			ok("group rename Chiefs Directors", "revision 4")
			ok("group describe Directors few", "revision 5")
			ok("group relate --from Directors,Spare --to Board --subscribe allow --view state --pickup no", "Directors → Board", "Spare → Board", "revision 6")
			ok("group show Board --json", `"watched_by"`, `"view": "state"`)
			ok("group delete Spare --dry-run", "removed presence_groups Spare", "revision 6 stays")
			fails("group delete Workers", `line "101@P" uses "Workers"`, `phone "SEP1"`)
			fails("group delete Standard", "cannot be deleted")
			fails("group add board", "there is such a presence group already")
			fails("group add X --if-revision 1", "revision 6, not 1", "Export the policy again")
			fails("group show Bord", `did you mean "Board"`)
			fails("group list --tenant none", "no such tenant")
			fails("group relate --from Board --to Spare --subscribe perhaps", "subscribe", "disallow")
			fails("group relate --from Board --to Spare --view all", "view", "ringing")
			ok("apply line 101@P 102 --group Board", "revision 7")
			ok("apply phone SEP1 --group Board --css C", "revision 8")
			ok("apply logout-profile SEP1 lobby", "revision 9")
			ok("apply device-profile lobby --group '' --css ''", "revision 10")
			ok("apply trunk K --css C", "revision 11")
			ok("apply end-user ann --group Board", "revision 12")
			ok("apply application-user app --group Board", "revision 13")
			ok("apply list --group Board", "5 of tenant shop", "101@P", "SEP1", "ann", "application user")
			ok("apply list device-profile", "1 of tenant shop", "lobby")
			fails("apply line 999 --group Board", `line "999"`)
			ok("group delete Workers Spare", "revision 14")
			ok("policy audit --limit 2", "revision 14", "ada (", "removed presence_groups Workers", "revision 13")
			ok("policy audit --json", `"revision": 1`)
			ok("policy diff floors.yaml", "- tenant shop: removed presence_groups Board", "+ tenant shop: added presence_groups Workers")
			ok("policy diff floors.yaml --json", `"revision": 14`)
			ok("policy import floors.yaml --dry-run", "added presence_groups Workers", "revision 14 stays")
		})
	}
}

// split splits a command line at spaces, but for what is quoted.
func split(line string) (words []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// TestNameCompletion: names come from the running server.
func TestNameCompletion(t *testing.T) {
	r := admintest.Start(t, nil)
	s := newShell(t)
	s.file("floors.yaml", floors)
	s.ok("policy", "import", "floors.yaml", "--url", r.URL, "--token", admintest.Token)
	for line, want := range map[string]string{
		"group show Man":            "Managers / 2",
		"group delete W":            "Workers",
		"group list --within S":     "Standard",
		"group relate --subscribe ": "disallow",
		"group show --tenant an":    "annex",
		"apply phone SE":            "SEP1",
		"apply line 10":             "101@P",
		"apply line 102 --group Wo": "Workers",
		"apply logout-profile SEP":  "SEP1",
		"apply list end":            "end-user",
	} {
		words := strings.Split(line, " ")
		args := append([]string{"__complete"}, words[:2]...)
		args = append(append(args, "--url", r.URL), words[2:]...)
		s.says(s.run(args...).out, want+"\n")
	}
	if out := s.run("__complete", "group", "show", "--url", "http://127.0.0.1:1", "").out; strings.TrimSpace(out) != ":4" {
		t.Errorf("without a server: %q", out)
	}
}
