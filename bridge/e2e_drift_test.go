package bridge_test

import (
	"os"
	"testing"
	"time"

	"blfbridge/adapters/replay"
	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// reconcileTime is how soon a lamp must be right again: the interval of 2 s and a round.
const reconcileTime = 2*time.Second + lampTime

// TestDriftARI: events are lost between Asterisk and the bridge. The reconciler puts the
// lamps right and counts each one.
func TestDriftARI(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		proxy := newARIProxy(t, ast.addr.ARI)
		phones := ast.phones(t, "1001", "1002", "1003")
		s := newServer(t, setup{store: st, pbx: ast.yamlAt(proxy.url, "drift", "reconcile: 2s")})
		s.start()
		var watches []*watch
		for _, n := range []string{"1001", "1002", "1003"} {
			w := dialogWatch(t, s.udp, n)
			w.shows(device.Idle)
			watches = append(watches, w)
		}
		drift := 0.0
		lose := func(event func()) {
			proxy.deaf.Store(true)
			event()
		}
		right := func(what string, states ...device.State) {
			t.Helper()
			for i, w := range watches {
				if _, err := w.WaitLamp(states[i], reconcileTime); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
			}
			proxy.deaf.Store(false)
			drift += float64(proxy.wrong())
			s.eventually(lampTime, what+": the drift to be counted", func() error { return want(s.metric("blfbridge_drift_total"), drift) })
		}

		c := call(t, phones[0], phones[1])
		right("a call with all events", device.Busy, device.Busy, device.Idle)
		lose(func() {
			if err := c.HangUp(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
		right("the end of a call", device.Idle, device.Idle, device.Idle)
		lose(func() {
			if err := phones[2].Unregister(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
		right("a phone that leaves", device.Idle, device.Idle, device.Unknown)
		lose(func() { c = ring(t, phones[0], phones[1]) })
		right("a call that rings", device.Busy, device.Ringing, device.Unknown)
		if err := c.Cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
		right("events again", device.Idle, device.Idle, device.Unknown)
		if drift < 5 {
			t.Errorf("only %v events that mattered were lost", drift)
		}
		watches[0].stays(device.Idle, 2500*time.Millisecond) // another look finds nothing
		if err := want(s.metric("blfbridge_drift_total"), drift); err != nil {
			t.Errorf("drift %v", err)
		}
	})
}

// TestDriftESL is the same with FreeSWITCH: the last events of a call are lost.
func TestDriftESL(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		fs := replayed(t, "call_answer_caller_hangs_up")
		s := newServer(t, setup{store: st, pbx: freeswitchYAML("fs", fs, "reconcile: 2s")})
		s.start()
		a := watching(t, s.udp, siptest.Config{Domain: "pbx.test"}, siptest.SubscribeConfig{Target: "1001"})
		b := watching(t, s.udp, siptest.Config{Domain: "pbx.test"}, siptest.SubscribeConfig{Target: "1002"})
		a.shows(device.Idle)
		b.shows(device.Idle)
		playTo(t, fs, 2155)
		a.shows(device.Busy)
		b.shows(device.Busy)
		for _, ok := fs.Drop(); ok; _, ok = fs.Drop() {
		}
		for _, w := range []*watch{a, b} {
			if _, err := w.WaitLamp(device.Idle, reconcileTime); err != nil {
				t.Fatal(err)
			}
		}
		s.eventually(lampTime, "the drift to be counted", func() error { return want(s.metric("blfbridge_drift_total"), 2) })
	})
}

// replayed is a FreeSWITCH that replays a recording when it is told to.
func replayed(t *testing.T, recording string) *replay.ESLServer {
	t.Helper()
	f, err := os.Open("../adapters/esl/testdata/recordings/" + recording + ".esl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fs, err := replay.NewESLServer(replay.ESLConfig{Recording: f, Password: "replayed"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fs.Close() })
	return fs
}

// freeswitchYAML is its entry in a configuration.
func freeswitchYAML(name string, fs *replay.ESLServer, more ...string) string {
	out := "  - name: " + name + "\n    type: freeswitch\n    address: " + fs.Addr() + "\n    password: replayed\n"
	for _, m := range more {
		out += "    " + m + "\n"
	}
	return out
}

// playTo sends the events up to and with a sequence number.
func playTo(t *testing.T, fs *replay.ESLServer, seq int) {
	t.Helper()
	for {
		e, ok := fs.Next()
		if !ok {
			t.Fatalf("no event %d in the recording", seq)
		}
		if e.Sequence == seq {
			return
		}
	}
}
