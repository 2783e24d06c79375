package bridge_test

import (
	"net"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// yealink shows unknown as a lamp of its own.
const yealink = "Yealink SIP-T46U 108.86.0.20"

// lampTime is how long a lamp may take: generous, for a machine that does much else.
const lampTime = 10 * time.Second

// watch is one strict watcher of one line.
type watch struct {
	*siptest.Subscription
	t     *testing.T
	phone *siptest.Phone
}

// watching subscribes a new phone; its violations fail the test at its end.
func watching(t *testing.T, bridge string, c siptest.Config, sc siptest.SubscribeConfig) *watch {
	t.Helper()
	if c.User == "" {
		c.User = "1006"
	}
	if c.UserAgent == "" {
		c.UserAgent = yealink
	}
	if c.Domain == "" {
		c.Domain, _, _ = net.SplitHostPort(bridge)
	}
	c.Proxy = bridge
	p, err := siptest.NewPhone(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	s, err := p.Subscribe(t.Context(), sc)
	if err != nil {
		t.Fatal(err)
	}
	w := &watch{s, t, p}
	t.Cleanup(func() {
		vs := append(s.Violations(), p.Strays()...)
		if len(vs) > 0 {
			t.Errorf("the watch of %s (%s) saw breaches:\n%s", sc.Target, sc.Event, siptest.Describe(vs))
		}
	})
	return w
}

// dialogWatch watches over UDP with the package dialog.
func dialogWatch(t *testing.T, bridge, target string) *watch {
	t.Helper()
	return watching(t, bridge, siptest.Config{}, siptest.SubscribeConfig{Target: target})
}

// shows waits for a lamp.
func (w *watch) shows(s device.State) siptest.Seen {
	w.t.Helper()
	seen, err := w.WaitLamp(s, lampTime)
	if err != nil {
		w.t.Fatal(err)
	}
	return seen
}

// stays fails the test if the lamp is not as given, or moves within d.
func (w *watch) stays(s device.State, d time.Duration) {
	w.t.Helper()
	n := len(w.History())
	if got := w.Lamp(); got != s {
		w.t.Fatalf("the lamp shows %v, want %v", got, s)
	}
	if seen, err := w.WaitNotify(n, d); err == nil {
		w.t.Fatalf("a NOTIFY came: %v %s %s", seen.State(), seen.Substate, seen.Reason)
	}
}

// last is the newest NOTIFY.
func (w *watch) last() siptest.Seen {
	w.t.Helper()
	seen, ok := w.Last()
	if !ok {
		w.t.Fatal("no NOTIFY was seen")
	}
	return seen
}

// saw fails the test unless the lamp has shown all these, in any order.
func (w *watch) saw(states ...device.State) {
	w.t.Helper()
	seen := map[device.State]bool{}
	for _, s := range w.History() {
		seen[s.State()] = true
	}
	for _, s := range states {
		if !seen[s] {
			w.t.Errorf("the lamp never showed %v", s)
		}
	}
}
