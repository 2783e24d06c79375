package esl

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"blfbridge/adapters/replay"
)

// shownAs is a device in the words of testdata/drops.txt.
func (r *rig) shownAs(name string, withPhase bool) string {
	s, ok := r.sink.get(name)
	text := shown(s, ok)
	if withPhase && len(s.Calls) > 0 {
		text += ":" + s.Calls[0].Phase.String()
	}
	return text
}

// One event lost or out of place is seen, and the reconciler heals it, as the file says.
func TestLostAndSwappedEvents(t *testing.T) {
	text, err := os.ReadFile("testdata/drops.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		body, _, _ := strings.Cut(line, "#")
		f := strings.Fields(body)
		if len(f) == 0 {
			continue
		}
		if len(f) != 8 {
			t.Fatalf("line %d: %d fields", i+1, len(f))
		}
		seq, stop, drift := number(t, f[2]), number(t, f[3]), number(t, f[7])
		t.Run(strconv.Itoa(i+1)+"_"+f[0]+"_"+f[1]+"_"+f[2], func(t *testing.T) {
			t.Parallel()
			r := newRig(t, f[0], func(_ *replay.ESLConfig, c *Config) { c.Reconcile = 150 * time.Millisecond })
			r.damage(f[1], seq)
			if stop != seq {
				r.playTo(stop)
			}
			r.settled()
			device, wrong, right := f[4], f[5], f[6]
			phases := strings.Contains(right, ":")
			if got := r.shownAs(device, phases); got != wrong {
				t.Errorf("after the loss %s is shown as %s, want %s", device, got, wrong)
			}
			r.waitFor("the reconciler to heal "+device+" to "+right, func() bool { return r.shownAs(device, phases) == right })
			r.waitFor("the drift to be counted", func() bool { return r.metric("blfbridge_esl_drift_total") >= float64(drift) })
			time.Sleep(3 * r.src.cfg.Reconcile) // another round finds nothing
			if n := r.metric("blfbridge_esl_drift_total"); n != float64(drift) {
				t.Errorf("drift is %v, want %d", n, drift)
			}
			if got := r.shownAs(device, phases); got != right {
				t.Errorf("later %s is shown as %s, want %s", device, got, right)
			}
		})
	}
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// damage plays up to the event before seq and drops seq, or swaps it with the next.
func (r *rig) damage(how string, seq int) {
	r.t.Helper()
	for {
		e, ok := r.srv.Peek()
		if !ok {
			r.t.Fatalf("no event %d", seq)
		}
		if e.Sequence == seq {
			break
		}
		r.next()
	}
	if how == "drop" {
		r.srv.Drop()
		return
	}
	a, b, ok := r.srv.Swap()
	if !ok || !a.Delivered || !b.Delivered {
		r.t.Fatalf("event %d and its next are not both delivered", seq)
	}
	r.sent += 2
}

// While nothing is lost the reconciler repairs nothing, although what it is told by show
// channels is behind the events all the time.
func TestLaggingDatabaseIsNoDrift(t *testing.T) {
	for _, rec := range []string{"call_waiting.esl", "attended_transfer.all.esl", "blind_transfer.esl", "hold_unhold.esl"} {
		t.Run(rec, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rec, func(sc *replay.ESLConfig, c *Config) {
				sc.Lag = 7
				c.Reconcile = 20 * time.Millisecond
			})
			if err := r.srv.Play(t.Context(), 8); err != nil {
				t.Fatal(err)
			}
			time.Sleep(600 * time.Millisecond)
			for _, user := range []string{"1001@pbx.test", "1002@pbx.test"} {
				if got := r.shownAs(user, false); got != "idle" {
					t.Errorf("%s is %s at the end", user, got)
				}
			}
			if n := r.metric("blfbridge_esl_drift_total"); n != 0 {
				t.Errorf("drift is %v", n)
			}
			if _, _, repairs := r.sink.count(); repairs != 0 {
				t.Errorf("%d repairs", repairs)
			}
		})
	}
}
