package notifier

import (
	"fmt"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/eventpkg"
	"blfbridge/policy"
)

// arrival is a NOTIFY as a phone saw it.
type arrival struct {
	at     time.Duration
	call   string
	desc   string // as rig.one has it
	target string
}

// listen answers every NOTIFY with 200 for a while.
func (r *rig) listen(d time.Duration) (out []arrival) {
	began := time.Now()
	for {
		synctest.Wait()
		for msgs := r.w.take(); len(msgs) > 0; msgs = r.w.take() { // the next ones follow the answers
			for _, m := range msgs {
				out = append(out, arrival{time.Since(began), find(callRE, m), describe(m), find(lineRE, m)})
				r.reply(m, 200)
			}
		}
		if time.Since(began) >= d {
			return out
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// phoneAt is a phone of a kind, with an address of its own behind a common proxy.
func phoneAt(agent, host string) opt {
	return func(s *Subscribe) {
		s.Dialect = eventpkg.DialectFor(agent)
		s.Cold.RemoteTarget = "sip:200@" + host + ";line=7"
	}
}

const takesTen = "Auerswald COMfortel D-600 2.8"

// spaced checks that no two NOTIFYs to one target are closer than the phone can take.
func spaced(t *testing.T, all []arrival, target string, want int) {
	t.Helper()
	last, n := time.Duration(-1), 0
	for _, a := range all {
		if a.target != target {
			continue
		}
		if n > 0 && a.at-last < 90*time.Millisecond { // the timing wheel's tick is 10 ms
			t.Errorf("%s: NOTIFYs at %v and %v", target, last, a.at)
		}
		last = a.at
		n++
	}
	if n != want || last > time.Duration(want)*110*time.Millisecond {
		t.Errorf("%s: %d NOTIFYs until %v, want %d", target, n, last, want)
	}
}

// TestTurns: a phone that takes ten NOTIFYs a second gets ten, whichever loops its
// subscriptions lie in; its 200s leave at once, what changes meanwhile is told by the NOTIFY
// that waits, and other phones wait for nothing.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Loops: 4})
		defer r.stop()
		const keys = 40
		for i := range keys {
			for _, host := range []string{"10.0.0.1:5060", "10.0.0.2:5060"} {
				began := time.Now()
				if a := r.subscribe(fmt.Sprint(host, "/", i), fmt.Sprint(100+i), 1, time.Hour, phoneAt(takesTen, host)); a.Status != 200 {
					t.Fatalf("answer %+v", a)
				}
				if time.Since(began) != 0 {
					t.Fatal("the 200 waited")
				}
			}
			r.subscribe(fmt.Sprint("plain", i), fmt.Sprint(100+i), 1, time.Hour, phoneAt("Yealink SIP-T46S", "10.0.0.3:5060"))
		}
		for i := 1; i < keys; i++ { // these wait still
			r.p.set(fmt.Sprint(100+i), device.Busy)
			r.p.set(fmt.Sprint(100+i), device.Ringing)
		}
		all := r.listen(keys * 110 * time.Millisecond)
		told := map[string]int{}
		for _, a := range all {
			told[a.call]++
			switch {
			case a.target == "10.0.0.3:5060":
				if a.at > 0 {
					t.Errorf("%s waited for %v", a.call, a.at)
				}
			case told[a.call] > 1:
				t.Errorf("%s was told twice", a.call)
			case a.at > 0 && a.desc != "active v=0 early":
				t.Errorf("%s shows %q", a.call, a.desc)
			}
		}
		if len(told) != 3*keys {
			t.Errorf("%d subscriptions were told of %d", len(told), 3*keys)
		}
		spaced(t, all, "10.0.0.1:5060", keys)
		spaced(t, all, "10.0.0.2:5060", keys)
		// From now on nobody waits: one change is told at once.
		r.p.set("100", device.Busy)
		for _, a := range r.listen(time.Second) {
			if a.at != 0 {
				t.Errorf("%s waited for %v", a.call, a.at)
			}
		}
	})
}

// TestTurnsOfWhatEnds: who leaves, or may no longer watch, while its NOTIFY waits gets its
// last one in that turn, once; what changed back needs none, and its turn is another's.
func TestTurnsOfWhatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Loops: 2})
		defer r.stop()
		const host = "10.0.0.1:5060"
		for i := range 5 {
			r.subscribe(fmt.Sprint("c", i), fmt.Sprint(100+i), 1, time.Hour, phoneAt(takesTen, host))
		}
		if a := r.subscribe("c3", "103", 2, 0, phoneAt(takesTen, host)); a.Status != 200 {
			t.Fatalf("answer %+v", a)
		}
		all := r.listen(time.Second)
		spaced(t, all, host, 5)
		for _, a := range all {
			if want := "active v=0 terminated"; a.call != "c3" && a.desc != want {
				t.Errorf("%s: %q, want %q", a.call, a.desc, want)
			} else if want := "terminated;reason=timeout v=0 terminated"; a.call == "c3" && a.desc != want {
				t.Errorf("%s: %q, want %q", a.call, a.desc, want)
			}
		}
		if n := r.n.Counts(policy.Watcher{}).Total; n != 4 {
			t.Errorf("%d subscriptions stand, want 4", n)
		}
		for _, number := range []string{"100", "101", "102"} {
			r.p.set(number, device.Busy)
			synctest.Wait()
		}
		r.p.set("101", device.Idle) // back before it was told
		all = r.listen(time.Second)
		spaced(t, all, host, 2)
		if all[0].call != "c0" || all[1].call != "c2" {
			t.Errorf("%+v", all)
		}
		r.p.set("100", device.Idle)
		r.p.set("102", device.Idle)
		r.reauthorize(policy.Decision{Outcome: policy.Refused})
		all = r.listen(time.Second)
		spaced(t, all, host, 5) // one was on its way
		if n := r.n.Counts(policy.Watcher{}).Total; n != 0 {
			t.Errorf("%d subscriptions stand", n)
		}
	})
}

// TestTurnsAfterRestart: those that a restart owes a NOTIFY are paced as well, and a stop
// waits for nobody's turn: who ended is told before, who stands by the next process.
func TestTurnsAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const host, keys = "10.0.0.1:5060", 120
		h := newHome(t)
		r, crash := h.open(Config{Loops: 2})
		for i := range keys {
			r.subscribe(fmt.Sprint("c", i), fmt.Sprint(100+i), 1, time.Hour, phoneAt(takesTen, host))
		}
		r.listen(keys * 110 * time.Millisecond)
		crash()
		r, crash = h.open(Config{Loops: 2})
		r.subscribe("late", "99", 1, time.Hour, phoneAt(takesTen, host))
		r.subscribe("late", "99", 2, 0, phoneAt(takesTen, host))
		first := r.listen(5 * time.Second)
		began := time.Now()
		go crash()
		last := r.listen(5 * time.Second)
		if len(last) != 1 || last[0].call != "late" || time.Since(began) > 6*time.Second {
			t.Errorf("at the stop: %+v", last)
		}
		r, crash = h.open(Config{Loops: 2})
		defer crash()
		next := r.listen(keys * 110 * time.Millisecond)
		spaced(t, first, host, len(first))
		spaced(t, next, host, keys)
	})
}

// TestTurnsAreForgotten: phones that were paced once cost nothing for ever.
func TestTurnsAreForgotten(t *testing.T) {
	turns := newTurns()
	for i := range 100_000 {
		turns.take(uint64(i), int64(i), 100)
	}
	if len(turns.next) > 2*minTurns {
		t.Errorf("%d phones are remembered", len(turns.next))
	}
	if at := turns.take(99_999, 100_000, 100); at != 100_099 {
		t.Errorf("its next turn is at %d", at)
	}
}

var (
	callRE = regexp.MustCompile(`Call-ID: ([^\r]+)`)
	lineRE = regexp.MustCompile(`^NOTIFY sip:200@([^;]+);line=7 `)
)
