package bridge_test

import (
	"testing"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// guarded is a policy with a line that others may watch, or not.
func guarded(word string) string {
	return `
tenants:
  - name: default
    presence_groups: [{name: Board}]
    permissions: [{from: Standard, to: Board, subscribe: ` + word + `}]
    lines: [{number: "1001", presence_group: Board}, {number: "1002"}]
`
}

// TestPolicyFileChangedWhileStopped: the file is edited and the process started again, as
// people do. Who may not watch any more is told so at once, not at the next refresh.
func TestPolicyFileChangedWhileStopped(t *testing.T) {
	t.Parallel()
	o := setup{
		store: newStorage(t, "bolt"), policy: guarded("allow"),
		pbx: "  - {name: nobody, type: asterisk, url: \"http://127.0.0.1:1\", username: a, password: b}\n",
	}
	s := newServer(t, o)
	s.run()
	board, free := dialogWatch(t, s.udp, "1001"), dialogWatch(t, s.udp, "1002")
	for _, w := range []*watch{board, free} {
		w.shows(device.Unknown)
	}
	s.stop()
	before := []int{len(board.History()), len(free.History())}
	o.policy = guarded("disallow")
	s.configure(o)
	s.run()
	ended := func(x siptest.Seen) bool { return x.Substate == "terminated" }
	if seen, err := board.WaitFor(before[0], lampTime, ended); err != nil || seen.Reason != "rejected" {
		t.Errorf("got %s;%s (%v), want rejected", seen.Substate, seen.Reason, err)
	}
	if seen, err := free.WaitNotify(before[1], lampTime); err != nil || seen.Substate != "active" {
		t.Errorf("the other watch: %s;%s (%v)", seen.Substate, seen.Reason, err)
	}
}
