package bridge_test

import (
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// TestAsteriskRestart: Asterisk stops in an orderly way in the middle of a call and comes
// back within the grace period. Nothing tells that the call vanished; the lamps are
// right as soon as it is back, and never unknown.
func TestAsteriskRestart(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		phones := ast.phones(t, "1001", "1002")
		s := newServer(t, setup{store: st, pbx: ast.yaml("restart", "grace: 60s")})
		s.start()
		a, b := dialogWatch(t, s.udp, "1001"), dialogWatch(t, s.udp, "1002")
		call(t, phones[0], phones[1])
		a.shows(device.Busy)
		b.shows(device.Busy)
		n := len(a.History())

		ast.stop(t, false)
		ast.start(t)
		a.shows(device.Idle)
		b.shows(device.Idle)
		for _, seen := range a.History()[n:] {
			if seen.State() == device.Unknown {
				t.Error("the lamp was unknown within the grace period")
			}
		}
		s.ready()
		call(t, phones[0], phones[1])
		a.shows(device.Busy)
	})
}

// TestAsteriskKilled: Asterisk dies in the middle of a call and stays away. The lamps stay
// for the grace period, then they are unknown; they come back with Asterisk.
func TestAsteriskKilled(t *testing.T) {
	t.Parallel()
	const grace = 3 * time.Second
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		phones := ast.phones(t, "1001", "1002", "1003")
		s := newServer(t, setup{store: st, pbx: ast.yaml("killed", "grace: 3s")})
		s.start()
		busy, idle := dialogWatch(t, s.udp, "1001"), dialogWatch(t, s.udp, "1003")
		call(t, phones[0], phones[1])
		busy.shows(device.Busy)
		idle.shows(device.Idle)

		lost := time.Now()
		ast.stop(t, true)
		s.eventually(lampTime, "the loss to be noticed", func() error { return want(s.metric("blfbridge_source_up"), 0) })
		if time.Since(lost) < grace/2 {
			busy.stays(device.Busy, grace/4)
			idle.stays(device.Idle, time.Millisecond)
		}
		dark := busy.shows(device.Unknown)
		idle.shows(device.Unknown)
		if after := dark.At.Sub(lost); after < grace-time.Second {
			t.Errorf("unknown %v after the kill, the grace period is %v", after, grace)
		}
		// Whoever subscribes now is told the same.
		dialogWatch(t, s.udp, "1002").shows(device.Unknown)

		ast.start(t)
		s.ready()
		for _, p := range phones { // a dying Asterisk may not have written them down yet
			if err := p.Register(t.Context(), 10*time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		busy.shows(device.Idle)
		idle.shows(device.Idle)
		call(t, phones[0], phones[1])
		busy.shows(device.Busy)
	})
}
