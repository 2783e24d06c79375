package policy_test

import (
	"fmt"

	"blfbridge/policy"
)

// The example of the CUCM document: managers may monitor workers, and not the other way.
func ExampleExplain() {
	doc, err := policy.Load([]byte(`
default_inter_presence_group_subscription: disallow
tenants:
  - name: acme
    domains: [acme.example]
    presence_groups: [{name: Workers}, {name: Managers}]
    permissions: [{from: Managers, to: Workers, subscribe: allow, view: name}]
    lines:
      - {number: 1001, presence_group: Workers}
      - {number: 2001, presence_group: Managers}
    phones:
      - {name: SEP-BOSS, lines: [2001], presence_group: Managers}
      - {name: SEP-ANN, lines: [1001], presence_group: Workers}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	snap, err := policy.Compile(doc)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, ask := range [][2]string{{"2001", "*891001"}, {"1001", "2001"}} {
		w, _ := snap.WatcherByIdentity("acme", ask[0])
		w.Trusted = true // the SIP side has checked the digest or the source address
		number, _ := snap.StripPickup("acme", ask[1])
		for _, step := range policy.Explain(snap, w, policy.Target{Tenant: "acme", Number: number}, policy.Counts{}) {
			fmt.Println(step)
		}
		fmt.Println()
	}
	// Output:
	// watcher     pass      phone SEP-BOSS: group "Managers", no calling search space
	// target      pass      line 1001 in partition "<None>", group "Workers"
	// allow_watch pass      allow watch on
	// button      pass      no button of the watcher
	// group       allowed   permission "Managers"→"Workers": allow
	// view        allowed   view name, pickup allowed
	//
	// watcher     pass      phone SEP-ANN: group "Workers", no calling search space
	// target      pass      line 2001 in partition "<None>", group "Managers"
	// allow_watch pass      allow watch on
	// button      pass      no button of the watcher
	// group       refused   default inter-presence-group subscription: disallow
}
