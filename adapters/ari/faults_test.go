package ari

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"blfbridge/adapters/replay"
	"blfbridge/bridge/device"
)

// labPhones are the endpoints of the recorded Asterisk.
var labPhones = []string{"PJSIP/1001", "PJSIP/1002", "PJSIP/1003", "PJSIP/1004", "PJSIP/1005", "PJSIP/1006"}

// inTalk is a rig in the middle of a call: 1001 (busy) talks to 1002.
func inTalk(t *testing.T, cfg Config) *rig {
	r := newRig(t, replay.ARIConfig{Recording: readRecording(t, "call_hangup_by_caller.jsonl"), Endpoints: labPhones}, cfg)
	r.pbx.Next() // INVITE
	r.pbx.Next() // answered
	return r
}

func faulty(t *testing.T, cfg Config, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := inTalk(t, cfg)
		r.run(func() { f(r) })
	})
}

func (r *rig) wantUp() {
	r.t.Helper()
	synctest.Wait()
	if up := testutil.ToFloat64(r.src.metrics.up); up != 1 || !r.sink.isLive() {
		r.t.Fatalf("up is %v, the sink's last word is %v", up, r.sink.lastDown())
	}
}

func (r *rig) wantDown(want error, key string) {
	r.t.Helper()
	synctest.Wait()
	err := r.sink.lastDown()
	if !errors.Is(err, want) || !strings.Contains(err.Error(), key) {
		r.t.Fatalf("down by %v, want %v that names %q", err, want, key)
	}
	if up := testutil.ToFloat64(r.src.metrics.up); up != 0 {
		r.t.Errorf("up is %v", up)
	}
}

func TestSnapshotInTheMiddleOfACall(t *testing.T) {
	faulty(t, Config{}, func(r *rig) {
		r.wantUp()
		for name, want := range map[string]string{
			"PJSIP/1001": "[initiator confirmed 1002]", "PJSIP/1002": "[recipient confirmed 1001]",
		} {
			st, _ := r.sink.get(name)
			var calls []string
			for _, c := range st.Calls {
				calls = append(calls, fmt.Sprintf("%s %s %s", c.Direction, c.Phase, c.Remote.Number))
			}
			if st.State != device.Busy || fmt.Sprint(calls) != want {
				t.Errorf("%s is %s with %v, want busy with %s", name, st.State, calls, want)
			}
		}
		r.pbx.Next() // BYE
		synctest.Wait()
		if r.sink.state("PJSIP/1001") != device.Idle || r.sink.state("PJSIP/1002") != device.Idle {
			t.Errorf("after BYE: %v %v", r.sink.state("PJSIP/1001"), r.sink.state("PJSIP/1002"))
		}
	})
}

// Asterisk issue 2170 while connected: no event comes any more, pings are still answered.
// It is recognised within 10 s, told apart from a slow PBX, and after a restart of
// Asterisk the lamps come back at once.
func TestWedgedWhileConnected(t *testing.T) {
	var log logBuffer
	faulty(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, func(r *rig) {
		r.wantUp()
		began := time.Now()
		r.pbx.Fault(replay.ARIFault{HangEvents: true, HangApplications: true})
		settle(10 * time.Second)
		r.wantDown(ErrWedged, "restart Asterisk")
		if n := testutil.ToFloat64(r.src.metrics.wedged); n != 1 {
			t.Errorf("the wedged gauge is %v after %v", n, time.Since(began))
		}
		if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "restart Asterisk") {
			t.Errorf("no error in the log tells the fix:\n%s", log.String())
		}
		settle(10 * time.Second) // the operator thinks
		r.pbx.Restart()
		r.pbx.Fault(replay.ARIFault{})
		settle(wedgedPoll + time.Second)
		r.wantUp()
		if n := testutil.ToFloat64(r.src.metrics.wedged); n != 0 {
			t.Errorf("the wedged gauge is %v after the restart", n)
		}
		if r.sink.state("PJSIP/1001") != device.Idle {
			t.Errorf("1001 is %v after a restart that ended its call", r.sink.state("PJSIP/1001"))
		}
	})
}

// The same, found in the handshake.
func TestWedgedFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inTalk(t, Config{})
		r.pbx.Fault(replay.ARIFault{HangEvents: true, HangApplications: true})
		r.run(func() {
			settle(10 * time.Second)
			r.wantDown(ErrWedged, "opening the event socket")
			settle(20 * time.Second)
			if n := testutil.ToFloat64(r.src.metrics.reconnects); n != 0 {
				t.Errorf("%v handshakes more: each takes one of Asterisk's HTTP sessions for good", n)
			}
			r.pbx.Fault(replay.ARIFault{}) // it was not locked up after all
			settle(2 * wedgedWait)
			r.wantUp()
		})
	})
}

// Everything slow is slow, not wedged.
func TestSlowREST(t *testing.T) {
	faulty(t, Config{}, func(r *rig) {
		r.wantUp()
		r.pbx.Fault(replay.ARIFault{Delay: time.Minute})
		settle(10 * time.Second)
		r.wantDown(ErrSlow, "url")
		if n := testutil.ToFloat64(r.src.metrics.wedged); n != 0 {
			t.Errorf("wedged is %v", n)
		}
		r.pbx.Fault(replay.ARIFault{Delay: time.Second})
		settle(2 * time.Minute)
		r.wantUp()
	})
}

// Events that arrive while the look is under way win over what it saw.
func TestEventsWinOverTheSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inTalk(t, Config{})
		r.pbx.Fault(replay.ARIFault{Delay: 300 * time.Millisecond})
		r.run(func() {
			settle(1800 * time.Millisecond) // connected; the states are being asked for
			if n, _, _ := r.sink.counts(); n != 0 {
				t.Fatal("the snapshot is there already")
			}
			// REST has not seen it, or forgot it again: the event is the truth.
			r.pbx.Inject(`{"type":"DeviceStateChanged","application":"blf","device_state":{"name":"PJSIP/1006","state":"UNAVAILABLE"}}`, true)
			r.pbx.Inject(`{"type":"DeviceStateChanged","application":"blf","device_state":{"name":"PJSIP/1006","state":"NOT_INUSE"}}`, false)
			settle(5 * time.Second)
			r.wantUp()
			if st, ok := r.sink.get("PJSIP/1006"); !ok || st.State != device.Unknown {
				t.Errorf("1006 is %v in the snapshot, the event said UNAVAILABLE", st.State)
			}
		})
	})
}

func TestLossWithoutCloseFrame(t *testing.T) {
	faulty(t, Config{}, func(r *rig) {
		r.wantUp()
		r.pbx.Cut()
		r.wantDown(ErrLost, "without a close frame")
		settle(time.Second)
		r.wantUp()
		if n, _, _ := r.sink.counts(); n != 2 {
			t.Errorf("%d snapshots, want one for each connection", n)
		}
		if n := testutil.ToFloat64(r.src.metrics.resyncs); n != 2 {
			t.Errorf("resyncs is %v", n)
		}
	})
}

// A PBX that is away for long: the attempts grow rarer, and each reason is told once.
func TestUnreachable(t *testing.T) {
	faulty(t, Config{}, func(r *rig) {
		r.wantUp()
		r.net.refuse(true)
		r.pbx.Cut()
		settle(10 * time.Minute)
		r.wantDown(ErrUnreachable, "url")
		if _, _, n := r.sink.counts(); n != 2 {
			t.Errorf("Down was called %d times, want once for the loss and once for the refused connections", n)
		}
		if n := testutil.ToFloat64(r.src.metrics.reconnects); n < 40 || n > 400 {
			t.Errorf("%v attempts in 10 min with delays up to 15 s", n)
		}
		r.net.refuse(false)
		settle(16 * time.Second)
		r.wantUp()
	})
}

func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cfg    Config
		status int
		want   error
		key    string
	}{
		{"wrong password", Config{Username: "blf", Password: "wrong"}, 0, ErrAuth, "password"},
		{"ARI disabled", Config{}, http.StatusNotFound, ErrNoARI, "url"},
		{"read only", Config{}, http.StatusForbidden, ErrReadOnly, "read_only"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := inTalk(t, tc.cfg)
				r.pbx.Fault(replay.ARIFault{Status: tc.status})
				r.run(func() {
					settle(time.Minute)
					r.wantDown(tc.want, tc.key)
				})
			})
		})
	}
}

// The device state subscription is deleted before the socket is closed, or Asterisk may
// lock up.
func TestCloseUnsubscribesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inTalk(t, Config{})
		r.run(r.wantUp)
		if safe, risky := r.pbx.Closings(); safe != 1 || risky != 0 {
			t.Errorf("%d safe and %d risky closings, want 1 and 0", safe, risky)
		}
	})
}

// When another client takes the application, the subscription is that client's: it is left
// alone.
func TestReplacedLeavesTheSubscriptionAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inTalk(t, Config{})
		r.run(func() {
			r.wantUp()
			r.pbx.Inject(`{"type":"ApplicationReplaced","application":"blf"}`, true)
			r.wantDown(ErrReplaced, "taken by another client")
			// Here the application is still this socket's, so that what it leaves shows.
			if safe, risky := r.pbx.Closings(); safe != 0 || risky != 1 {
				t.Errorf("%d closings after, %d without a DELETE, want only one without", safe, risky)
			}
			if n := testutil.ToFloat64(r.src.metrics.replaced); n != 1 {
				t.Errorf("replaced is %v", n)
			}
			settle(replacedWait/2 - time.Second)
			if r.sink.isLive() {
				t.Error("it took the application back at once: two clients would do so in turn for ever")
			}
			settle(2 * replacedWait)
			r.wantUp()
		})
	})
}

// A subscription that somebody else deleted, and an application that is gone, are found
// by the check of the application.
func TestSubscriptionLost(t *testing.T) {
	faulty(t, Config{}, func(r *rig) {
		r.wantUp()
		req, _ := http.NewRequest(http.MethodDelete, "http://asterisk/ari/applications/blfbridge/subscription?eventSource=deviceState:", nil)
		req.SetBasicAuth("blf", "secret")
		resp, err := r.src.client.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		settle(5 * time.Second)
		if err := r.sink.lastDown(); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "subscription") {
			t.Errorf("down by %v", err)
		}
		if safe, risky := r.pbx.Closings(); safe != 1 || risky != 0 {
			t.Errorf("%d safe and %d risky closings, want 1 and 0", safe, risky)
		}
		r.wantUp()
	})
}

// More events than the queue holds, while the sink is stuck: the socket is read on, what
// was queued is dropped, and everything is looked at again.
func TestOverflow(t *testing.T) {
	faulty(t, Config{}, func(r *rig) {
		r.wantUp()
		r.sink.mu.Lock() // the sink takes nothing
		ev := `{"type":"DeviceStateChanged","application":"blf","device_state":{"name":"PJSIP/1006","state":"%s"}}`
		for i := range 2*queueMax + 100 {
			r.pbx.Inject(fmt.Sprintf(ev, [...]string{"UNAVAILABLE", "NOT_INUSE"}[i%2]), true)
		}
		r.pbx.Next() // BYE
		r.sink.mu.Unlock()
		settle(2 * time.Second)
		r.wantUp()
		if n := testutil.ToFloat64(r.src.metrics.overflows); n < 1 {
			t.Errorf("overflows is %v", n)
		}
		if n := testutil.ToFloat64(r.src.metrics.resyncs); n < 2 {
			t.Errorf("resyncs is %v", n)
		}
		for _, name := range []string{"PJSIP/1001", "PJSIP/1002", "PJSIP/1006"} {
			if st, _ := r.sink.get(name); st.State != device.Idle || len(st.Calls) != 0 {
				t.Errorf("%s is %v with %v", name, st.State, st.Calls)
			}
		}
		if err := r.sink.lastDown(); err != nil {
			t.Errorf("the connection was lost: %v", err)
		}
	})
}

// What cannot be read or is of no use is counted and does no harm.
func TestStrangeEvents(t *testing.T) {
	faulty(t, Config{}, func(r *rig) {
		r.wantUp()
		for _, ev := range []string{
			`{"type":`, `{}`, `[]`, `null`, `{"type":"DeviceStateChanged"}`, `{"type":"ChannelCreated","channel":null}`,
			`{"type":"ChannelCreated","channel":{"id":"x","name":"PJSIP/1001-1","creationtime":"yesterday"}}`,
		} {
			r.pbx.Inject(ev, true)
		}
		r.pbx.Next() // BYE
		synctest.Wait()
		if r.sink.state("PJSIP/1001") != device.Idle {
			t.Errorf("1001 is %v", r.sink.state("PJSIP/1001"))
		}
		if n := testutil.ToFloat64(r.src.metrics.broken); n != 7 {
			t.Errorf("broken events: %v, want 7", n)
		}
	})
}

// An Asterisk without an event filter sends all types, also such as nobody knew when this
// was written.
func TestWithoutEventFilter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inTalk(t, Config{})
		r.pbx.Fault(replay.ARIFault{NoFilter: true})
		r.run(func() {
			r.wantUp()
			r.pbx.Inject(`{"type":"ChannelTelepathy","channel":{"id":"x"}}`, true)
			r.pbx.Next() // BYE
			synctest.Wait()
			if r.sink.state("PJSIP/1001") != device.Idle {
				t.Errorf("1001 is %v", r.sink.state("PJSIP/1001"))
			}
			if n := testutil.ToFloat64(r.src.metrics.unknown); n != 3 { // with two ChannelLeftBridge
				t.Errorf("unknown events: %v", n)
			}
		})
	})
}

func TestEndpointsAppearAndVanish(t *testing.T) {
	faulty(t, Config{}, func(r *rig) {
		r.wantUp()
		r.pbx.SetEndpoint("PJSIP/1099", "NOT_INUSE")
		r.pbx.Next() // BYE: 1001 has no call any more
		r.pbx.SetEndpoint("PJSIP/1001", "")
		synctest.Wait()
		r.reconcile()
		if st, ok := r.sink.get("PJSIP/1099"); !ok || st.State != device.Idle || st.Number != "1099" {
			t.Errorf("the new endpoint shows as %+v, %v", st, ok)
		}
		if _, ok := r.sink.get("PJSIP/1001"); ok {
			t.Error("the endpoint that is no more still shows")
		}
		if n := testutil.ToFloat64(r.src.metrics.driftDevice); n != 0 {
			t.Errorf("drift %v: no event was lost", n)
		}
	})
}

// The reconciler looks by itself, and an event that comes between its two looks has
// the last word.
func TestReconcilerByTheClock(t *testing.T) {
	faulty(t, Config{Reconcile: 30 * time.Second}, func(r *rig) {
		r.wantUp()
		ev := `{"type":"DeviceStateChanged","application":"blf","device_state":{"name":"PJSIP/1006","state":"%s"}}`
		r.pbx.Inject(fmt.Sprintf(ev, "UNAVAILABLE"), false)
		settle(30*time.Second + confirmDelay/2) // between the looks
		r.pbx.Inject(fmt.Sprintf(ev, "UNAVAILABLE"), true)
		settle(time.Second)
		if n := testutil.ToFloat64(r.src.metrics.driftDevice); n != 0 {
			t.Errorf("drift is %v, but the event came, late", n)
		}
		r.pbx.Inject(fmt.Sprintf(ev, "NOT_INUSE"), false)
		settle(31 * time.Second)
		if n := testutil.ToFloat64(r.src.metrics.driftDevice); n != 1 {
			t.Errorf("drift is %v, want 1", n)
		}
		if _, n, _ := r.sink.counts(); n != 1 {
			t.Errorf("%d repairs, want 1", n)
		}
		if r.sink.state("PJSIP/1006") != device.Idle {
			t.Errorf("1006 is %v", r.sink.state("PJSIP/1006"))
		}
	})
}

func TestMetricsOfTwoSources(t *testing.T) {
	reg := prometheus.NewRegistry()
	for _, name := range []string{"a", "b", "a"} {
		if _, err := New(Config{Name: name, URL: "http://127.0.0.1:8088", Username: "u", Password: "p", Registerer: reg}); err != nil {
			t.Fatalf("source %s: %v", name, err)
		}
	}
	if n, err := testutil.GatherAndCount(reg, "blfbridge_ari_up"); n != 2 || err != nil {
		t.Errorf("%d gauges, %v", n, err)
	}
}

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
