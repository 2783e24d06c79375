//go:build freeswitch

package esl

import (
	"cmp"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/percipia/eslgo/command"
	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// live is the adapter at a running FreeSWITCH, with phones of it. It needs the event
// socket's address in BLFBRIDGE_FREESWITCH, and a PBX configured as the one that was
// recorded: users 1001 to 1003 of pbx.test with passwords secret1001 and so on, a
// dialplan with 3001 (conference), 570x (valet park), *78 and *79 (do not disturb).
type live struct {
	*rig
	phones map[string]*siptest.Phone
}

func newLive(t *testing.T) *live {
	t.Helper()
	addr := os.Getenv("BLFBRIDGE_FREESWITCH")
	if addr == "" {
		t.Skip("BLFBRIDGE_FREESWITCH names no FreeSWITCH")
	}
	l := &live{rig: &rig{t: t, sink: newBoard(), reg: prometheus.NewRegistry()}, phones: map[string]*siptest.Phone{}}
	l.src = l.source(addr, l.reg, 700*time.Millisecond)
	run(t, l.src, l.sink)
	l.waitSnapshots(1)
	proxy := cmp.Or(os.Getenv("BLFBRIDGE_FREESWITCH_SIP"), "127.0.0.1:25060")
	for _, n := range []string{"1001", "1002", "1003"} {
		p, err := siptest.NewPhone(siptest.Config{User: n, Password: "secret" + n, Domain: "pbx.test", Proxy: proxy, DisplayName: "Phone " + n})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Register(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		l.phones[n] = p
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if err := p.Unregister(ctx); err != nil {
				t.Errorf("unregister %s: %v", n, err)
			}
			p.Close()
		})
		l.shows(n+"@pbx.test", "idle | -")
	}
	return l
}

func (l *live) source(addr string, reg prometheus.Registerer, reconcile time.Duration) *Source {
	l.t.Helper()
	src, err := New(Config{
		Name: "live", Address: addr, Password: cmp.Or(os.Getenv("BLFBRIDGE_FREESWITCH_PASSWORD"), "bridge-test"),
		Reconcile: reconcile, Registerer: reg, Devices: []string{"park:5701@pbx.test", "conference:3001-pbx.test"},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return src
}

// shows waits until the device looks so, in the words of a lamps file.
func (l *live) shows(name, want string) {
	l.t.Helper()
	var got string
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s, ok := l.sink.get(name)
		got = shown(s, ok)
		if strings.Contains(want, "|") {
			got += " | "
			for i, c := range s.Calls {
				if i > 0 {
					got += " | "
				}
				got += shownCall(c, false)
			}
			if len(s.Calls) == 0 {
				got += "-"
			}
		}
		if got == want {
			return
		}
		if time.Now().After(end) {
			l.t.Fatalf("%s is %q, want %q", name, got, want)
		}
	}
}

// second checks that a source which connects now is told by its snapshot what this one
// was told by events.
func (l *live) second(names ...string) {
	l.t.Helper()
	other := newBoard()
	ctx, cancel := context.WithCancel(l.t.Context())
	src := l.source(l.src.cfg.Address, nil, time.Hour)
	done := make(chan error, 1)
	go func() { done <- src.Run(ctx, other) }()
	l.waitFor("the second source's snapshot", func() bool { n, _, _ := other.count(); return n == 1 })
	for _, n := range names {
		want, _ := l.sink.get(n)
		got, _ := other.get(n)
		for _, s := range []*device.Status{&want, &got} {
			for i := range s.Calls {
				if s.Calls[i].Phase >= device.Confirmed {
					s.Calls[i].Dialog = device.SIPDialog{} // uuid_dump is not trusted then
				}
				if s.Kind == device.Special {
					s.Calls[i].Since = time.Time{} // when it was heard of
				}
			}
		}
		if !got.Equal(want) {
			l.t.Errorf("a new connection shows\n%+v, the events said\n%+v", got, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		l.t.Error(err)
	}
}

func (l *live) dial(from, to string) *siptest.Call {
	l.t.Helper()
	c, err := l.phones[from].Dial(l.t.Context(), to)
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

func (l *live) incoming(at string) *siptest.Call {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 30*time.Second)
	defer cancel()
	c, err := l.phones[at].Incoming(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

func (l *live) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// transfer sends the far end to a number and leaves, as a phone does. Without media
// FreeSWITCH sees the transfer only when the phone's leg ends.
func (l *live) transfer(c *siptest.Call, to string) {
	l.t.Helper()
	l.must(c.Refer(l.t.Context(), to))
	l.must(c.Bye(l.t.Context()))
}

func TestFreeSWITCH(t *testing.T) {
	l := newLive(t)
	ctx := t.Context()
	const a, b, c = "1001@pbx.test", "1002@pbx.test", "1003@pbx.test"

	out := l.dial("1001", "1002")
	in := l.incoming("1002")
	l.shows(b, `ringing | recipient early 1001 "Alice One"`)
	l.shows(a, `busy | initiator early 1002`)
	s, _ := l.sink.get(b)
	if d := s.Calls[0].Dialog; d.CallID != in.CallID() || d.LocalTag == "" || d.RemoteTag == "" {
		t.Errorf("dialog %+v of the ringing leg, its Call-ID is %s", d, in.CallID())
	}
	l.second(a, b, c)
	l.must(in.Answer())
	l.shows(a, `busy | initiator confirmed 1002 "Bob Two"`)
	l.shows(b, `busy | recipient confirmed 1001 "Alice One"`)
	l.must(in.Hold(ctx))
	l.shows(b, `busy | recipient held 1001 "Alice One"`)
	l.second(a, b)
	l.must(in.Unhold(ctx))
	l.shows(b, `busy | recipient confirmed 1001 "Alice One"`)
	l.transfer(in, "1003")
	third := l.incoming("1003")
	l.shows(c, `ringing | recipient early 1001 "Alice One"`)
	l.shows(b, "idle | -")
	l.must(third.Answer())
	l.shows(a, `busy | initiator confirmed 1003 "Carol Three"`)
	l.second(a, b, c)
	l.transfer(third, "5701")
	l.shows("park:5701@pbx.test", `busy | recipient confirmed 1001 "Alice One"`)
	l.shows(c, "idle | -")
	l.second("park:5701@pbx.test", c)
	back := l.dial("1003", "5701")
	l.shows("park:5701@pbx.test", "idle | -")
	l.shows(c, `busy | initiator confirmed 1001 "Alice One"`)
	l.must(back.HangUp(ctx))
	l.shows(a, "idle | -")
	l.shows(c, "idle | -")
	l.must(out.WaitEnded(ctx))

	room := l.dial("1002", "3001")
	l.shows("conference:3001-pbx.test", "busy")
	l.second("conference:3001-pbx.test", b)
	l.must(room.HangUp(ctx))
	l.shows("conference:3001-pbx.test", "idle")

	l.dial("1001", "*78")
	l.shows("dnd+"+a, "dnd")
	l.shows(a, "idle | -")
	l.dial("1001", "*79")
	l.shows("dnd+"+a, "clear")
	l.shows(a, "idle | -")

	l.must(l.phones["1003"].Unregister(ctx))
	l.shows(c, "unknown")
	l.must(l.phones["1003"].Register(ctx, time.Hour))
	l.shows(c, "idle")

	time.Sleep(2 * l.src.cfg.Reconcile)
	for _, m := range []string{"blfbridge_esl_drift_total", "blfbridge_esl_parse_errors_total", "blfbridge_esl_command_errors_total"} {
		if n := l.metric(m); n != 0 {
			t.Errorf("%s is %v", m, n)
		}
	}
}

// Bursts of calls that come and go while the reconciler looks all the time: it repairs
// nothing, and at the end every lamp is out.
func TestFreeSWITCHBursts(t *testing.T) {
	l := newLive(t)
	for _, p := range l.phones {
		p.SetPolicy(siptest.AutoAnswer)
	}
	c, err := l.src.dial(t.Context())
	l.must(err)
	defer c.close()
	for range 8 {
		for range 10 {
			for _, to := range []string{"1001", "1002", "1003"} {
				_, err := c.do(t.Context(), command.API{Background: true, Command: "originate", Arguments: "user/" + to + "@pbx.test &park()"})
				l.must(err)
			}
		}
		time.Sleep(400 * time.Millisecond)
		_, err := c.api(t.Context(), "hupall", "")
		l.must(err)
	}
	for _, n := range []string{"1001@pbx.test", "1002@pbx.test", "1003@pbx.test"} {
		l.shows(n, "idle | -")
	}
	time.Sleep(3 * l.src.cfg.Reconcile)
	for _, m := range []string{"blfbridge_esl_drift_total", "blfbridge_esl_parse_errors_total", "blfbridge_esl_queue_overflows_total"} {
		if n := l.metric(m); n != 0 {
			t.Errorf("%s is %v", m, n)
		}
	}
	if n := l.metric("blfbridge_esl_events_total"); n < 500 {
		t.Errorf("only %v events: the calls did not happen", n)
	}
}
