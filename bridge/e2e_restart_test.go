package bridge_test

import (
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// TestTerminate: SIGTERM and a new process. No subscription ends, no number is skipped,
// nobody has to subscribe again, and what happened meanwhile is shown at once.
func TestTerminate(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		phones := ast.phones(t, "1001", "1002")
		s := newServer(t, setup{store: st, pbx: ast.yaml("terminate")})
		s.start()
		dialog := dialogWatch(t, s.udp, "1001")
		presence := watching(t, s.udp, siptest.Config{}, siptest.SubscribeConfig{Target: "1002", Event: "presence"})
		overTCP := watching(t, s.tcp, siptest.Config{TCP: true}, siptest.SubscribeConfig{Target: "1001"})
		watches := []*watch{dialog, presence, overTCP}
		for _, w := range watches {
			w.shows(device.Idle)
		}
		c := call(t, phones[0], phones[1])
		for _, w := range watches {
			w.shows(device.Busy)
		}

		before := []int{len(dialog.History()), len(presence.History())}
		s.stop()
		if err := c.HangUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.start()
		for i, w := range watches[:2] {
			seen, err := w.WaitFor(before[i], lampTime, func(x siptest.Seen) bool { return x.State() == device.Idle })
			if err != nil {
				t.Fatal(err)
			}
			if seen.Substate != "active" {
				t.Errorf("got %s;%s", seen.Substate, seen.Reason)
			}
		}
		// The phone's connection is gone; its next request brings the lamp.
		if err := overTCP.Refresh(t.Context(), 600); err != nil {
			t.Fatal(err)
		}
		overTCP.shows(device.Idle)
		if n := s.metric("blfbridge_subscriptions"); n != 3 {
			t.Errorf("%v subscriptions, want 3", n)
		}
		call(t, phones[1], phones[0])
		for _, w := range watches {
			w.shows(device.Busy)
			if err := w.Unsubscribe(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestKill: SIGKILL in the middle of a call. Every phone that can be reached has the
// lamp of now at once, with numbers above all that were used.
func TestKill(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		phones := ast.phones(t, "1001", "1002")
		s := newServer(t, setup{store: st, pbx: ast.yaml("kill")})
		s.start()
		dialog := dialogWatch(t, s.udp, "1001")
		presence := watching(t, s.udp, siptest.Config{}, siptest.SubscribeConfig{Target: "1002", Event: "presence"})
		overTCP := watching(t, s.tcp, siptest.Config{TCP: true}, siptest.SubscribeConfig{Target: "1001"})
		dialled := listening(t, s.tcp, "1001")
		c := call(t, phones[0], phones[1])
		for _, w := range []*watch{dialog, presence, overTCP} {
			w.shows(device.Busy)
		}
		dialled.shows(device.Busy)
		was := dialog.last()

		s.kill()
		for _, w := range []*watch{dialog, presence, overTCP} {
			w.AllowGap()
		}
		dialled.hangUp()
		if err := c.HangUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := []int{len(dialog.History()), len(presence.History())}
		s.run()
		for i, w := range []*watch{dialog, presence} {
			if _, err := w.WaitFor(before[i], 15*time.Second, func(x siptest.Seen) bool { return x.State() == device.Idle }); err != nil {
				t.Fatal(err)
			}
		}
		mendARI(t, s, ast)
		if now := dialog.last(); now.CSeq <= was.CSeq || now.Lamp.Version <= was.Lamp.Version {
			t.Errorf("CSeq %d and version %d after %d and %d", now.CSeq, now.Lamp.Version, was.CSeq, was.Lamp.Version)
		}
		dialled.shows(device.Idle) // over a connection that the bridge opened
		if err := overTCP.Refresh(t.Context(), 600); err != nil {
			t.Fatal(err)
		}
		overTCP.shows(device.Idle)
		call(t, phones[1], phones[0])
		for _, w := range []*watch{dialog, presence, overTCP} {
			w.shows(device.Busy)
		}
		dialled.shows(device.Busy)
	})
}
