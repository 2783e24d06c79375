package esl

import (
	"errors"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"blfbridge/adapters/replay"
	"blfbridge/bridge/device"
)

func (r *rig) downReason() error {
	r.sink.mu.Lock()
	defer r.sink.mu.Unlock()
	if len(r.sink.downs) == 0 {
		return nil
	}
	return r.sink.downs[len(r.sink.downs)-1]
}

func (r *rig) waitSnapshots(n int) {
	r.t.Helper()
	r.waitFor("a snapshot", func() bool { have, _, _ := r.sink.count(); return have >= n })
}

// A restart in the middle of a call, in its three forms: the lamps of the call go out
// with the first snapshot of the new process, and the next call is seen.
func TestRestart(t *testing.T) {
	for _, tc := range []struct {
		how  string
		busy bool // the call is still up when the connection ends
		want error
	}{
		{"clean", false, ErrDisconnected},
		{"kill9", true, ErrLost},
		{"shutdown_now", true, ErrLost},
	} {
		t.Run(tc.how, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "restart_"+tc.how+"_midcall.esl", nil)
			r.playAll()
			before := "idle"
			if tc.busy {
				before = "busy"
			}
			if got := r.shownAs("1002@pbx.test", false); got != before {
				t.Fatalf("1002 is %s before the restart, want %s", got, before)
			}
			if tc.want == ErrDisconnected { // the notice ends the session before the EOF does
				r.waitFor("the notice to be heard", func() bool { return errors.Is(r.downReason(), ErrDisconnected) })
			}
			if err := r.srv.Restart(recording(t, "restart_"+tc.how+"_midcall_after.esl")); err != nil {
				t.Fatal(err)
			}
			r.waitFor("Down", func() bool { return r.downReason() != nil })
			if err := r.downReason(); !errors.Is(err, tc.want) {
				t.Errorf("Down(%v), want %v", err, tc.want)
			}
			r.waitFor("1002 idle after the restart", func() bool {
				s, ok := r.sink.get("1002@pbx.test")
				n, _, _ := r.sink.count()
				return n >= 2 && ok && s.State == device.Idle && len(s.Calls) == 0
			})
			r.playTo(479)
			if got := r.shownAs("1002@pbx.test", false); got != "ringing" {
				t.Errorf("1002 is %s when the next call rings", got)
			}
			if n := r.metric("blfbridge_esl_reconnects_total"); n < 1 {
				t.Errorf("reconnects %v", n)
			}
			if n := r.metric("blfbridge_esl_up"); n != 1 {
				t.Errorf("up is %v", n)
			}
		})
	}
}

// A connection cut in the middle of a frame is noticed, and nothing of the half frame
// is believed; the snapshot after it has the call that goes on.
func TestCutMidFrame(t *testing.T) {
	r := newRig(t, "call_answer_caller_hangs_up.all.esl", nil)
	r.playTo(2155)
	want, _ := r.sink.get("1002@pbx.test")
	r.srv.Cut()
	r.waitSnapshots(2)
	if err := r.downReason(); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "middle of a frame") {
		t.Errorf("Down(%v)", err)
	}
	got, _ := r.sink.get("1002@pbx.test")
	if got.State != want.State || len(got.Calls) != 1 || got.Calls[0].ID != want.Calls[0].ID ||
		got.Calls[0].Phase != want.Calls[0].Phase || got.Calls[0].Remote != want.Calls[0].Remote || !got.Calls[0].Since.Equal(want.Calls[0].Since) {
		t.Errorf("after the reconnect %+v, want %+v", got, want)
	}
	r.playAll()
	if got := r.shownAs("1002@pbx.test", false); got != "idle" {
		t.Errorf("1002 is %s at the end", got)
	}
}

// A ringing leg's dialog ids are asked for when the snapshot finds it ringing.
func TestSnapshotWhileRinging(t *testing.T) {
	r := newRig(t, "call_answer_caller_hangs_up.all.esl", nil)
	r.playTo(2142)
	want, _ := r.sink.get("1002@pbx.test")
	r.srv.Disconnect()
	r.waitSnapshots(2)
	got, _ := r.sink.get("1002@pbx.test")
	if !got.Equal(want) || got.Calls[0].Dialog.RemoteTag != "05d66219" {
		t.Errorf("after the reconnect %+v, want %+v", got, want)
	}
}

// A PBX that keeps the connection open and is silent is found out by the ping.
func TestHangingPBX(t *testing.T) {
	r := newRig(t, "register.esl", func(_ *replay.ESLConfig, c *Config) {
		c.Ping, c.CommandTimeout, c.AuthTimeout = 20*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
	})
	r.srv.Hang(true)
	r.waitFor("Down", func() bool { return r.downReason() != nil })
	if err := r.downReason(); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "global_getvar") {
		t.Errorf("Down(%v)", err)
	}
	time.Sleep(300 * time.Millisecond) // some attempts meet silence too
	r.srv.Hang(false)
	r.waitSnapshots(2)
	if _, downs, _ := r.sink.count(); downs != 1 {
		t.Errorf("Down was called %d times for one loss", downs)
	}
}

// slowSink holds up the applier until it is let go.
type slowSink struct {
	*board
	gate chan struct{}
}

func (s *slowSink) Change(st device.Status) {
	<-s.gate
	s.board.Change(st)
}

// When the applier falls behind, events are dropped, never the reader held up; the
// resync that follows shows the truth.
func TestQueueOverflow(t *testing.T) {
	r := &rig{t: t, sink: newBoard()}
	srv, err := replay.NewESLServer(replay.ESLConfig{Recording: recording(t, "call_answer_caller_hangs_up.all.esl"), Users: directory(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	r.srv = srv
	if r.src, err = New(Config{Name: "pbx", Address: srv.Addr(), Password: "ClueCon", Queue: 2, Reconcile: time.Hour}); err != nil {
		t.Fatal(err)
	}
	sink := &slowSink{board: r.sink, gate: make(chan struct{})}
	runInto(t, r.src, sink, r.sink)
	r.waitSnapshots(1)
	for {
		e, ok := r.next()
		if !ok {
			t.Fatal("no event 2155")
		}
		if e.Sequence == 2155 {
			break
		}
	}
	// Not before the queue is full: a late reader would find it empty again.
	r.waitFor("the queue to overflow", func() bool {
		var m dto.Metric
		return r.src.m.overflows.Write(&m) == nil && m.GetCounter().GetValue() > 0
	})
	close(sink.gate)
	r.waitSnapshots(2)
	for user, calls := range map[string]string{"1001@pbx.test": `initiator confirmed 1002 "Bob Two"`, "1002@pbx.test": `recipient confirmed 1001 "Alice One"`} {
		s, _ := r.sink.get(user)
		if len(s.Calls) != 1 || shownCall(s.Calls[0], false) != calls {
			t.Errorf("%s has %+v after the resync, want %s", user, s.Calls, calls)
		}
	}
	if _, downs, _ := r.sink.count(); downs != 0 {
		t.Errorf("the connection was given up: %v", r.downReason())
	}
}
