package replicatest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"blfbridge/bridge/siptest"
)

// Mark is one line of what happened.
type Mark struct {
	At   time.Time
	Text string
}

// Mark notes what was done, so that it can be told beside what phones saw. It is safe for
// concurrent use.
func (f *Fleet) Mark(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.marks = append(f.marks, Mark{time.Now(), fmt.Sprintf(format, args...)})
}

// AllRight waits until every lamp is right.
func (f *Fleet) AllRight(most time.Duration) {
	f.T.Helper()
	if err := f.allRight(most); err != nil {
		f.T.Fatal(err)
	}
}

func (f *Fleet) allRight(most time.Duration) error {
	for end := time.Now().Add(most); ; time.Sleep(10 * time.Millisecond) {
		wrong := f.wrong()
		if wrong == nil {
			return nil
		}
		if err := wrong.Right(); err != nil && time.Now().After(end) {
			return fmt.Errorf("not all right within %v: %v: %w\n%s", most, wrong, err, f.Story(wrong, time.Now(), 15*time.Second))
		}
	}
}

func (f *Fleet) wrong() *Watcher {
	for _, w := range f.Watchers() {
		if w.Right() != nil {
			return w
		}
	}
	return nil
}

// Stale are the NOTIFYs that a strict phone refused because their CSeq was too low: what a
// replica sent that did not know yet that it was replaced. from names the replicas.
func (w *Watcher) Stale() (all []siptest.Violation, from []string) {
	for _, v := range w.violations() {
		if !isStale(v) {
			continue
		}
		all = append(all, v)
		m, err := siptest.ParseMessage([]byte(v.Text))
		if err != nil {
			from = append(from, "?")
			continue
		}
		from = append(from, w.f.sender(m))
	}
	return all, from
}

func isStale(v siptest.Violation) bool {
	return v.Rule == "RFC 3261 §12.2.2" && strings.Contains(v.Detail, " after ")
}

// isLonger: a NOTIFY says that a subscription lasts longer than the last 200 did. What is granted
// while the store is away is short, and not known to who takes over then: that one names what
// was granted before. RFC 6665 §4.1.3 lets the NOTIFY decide.
func isLonger(v siptest.Violation) bool {
	return v.Rule == "RFC 6665 §4.2.2" && strings.Contains(v.Detail, "expires=")
}

// Breaches are all faults that no replica may cause, whatever happens to it.
func (w *Watcher) Breaches() []string {
	w.mu.Lock()
	all := slices.Clone(w.faults)
	w.mu.Unlock()
	for _, v := range w.violations() {
		if !isStale(v) && !isLonger(v) {
			all = append(all, v.String())
		}
	}
	for _, x := range w.History() {
		if x.Substate == "terminated" && !(w.TCP && x.Reason == "deactivated") { // its connection ends
			all = append(all, "the subscription was ended: "+x.Reason)
		}
	}
	return all
}

// inFlight is how much later than what its successor says the last word of a replica may reach a
// phone that moved, or whose subscription was taken over: it was on its way. No replica sends more
// after it was told (move.lua, acquirefrom.lua). It is longer by the time for which this process
// waited for a processor then.
const inFlight = 50 * time.Millisecond

// beside is the same where tests run beside each other: a replica that was told waits for a
// processor, like everybody else, before it heeds that.
const beside = 500 * time.Millisecond

// overtaken reports whether a stale NOTIFY was just overtaken by the first one of the replica
// that has the subscription now: by less than within.
func (w *Watcher) overtaken(v siptest.Violation, within time.Duration) bool {
	m, err := siptest.ParseMessage([]byte(v.Text))
	if err != nil {
		return false
	}
	cseq, _ := m.CSeq()
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.heard, func(h Heard) bool { return h.CSeq > cseq })
	if i < 0 {
		return false
	}
	first := w.heard[i].At
	return v.At.Sub(first) < within+w.f.stall.between(first.Add(-within), v.At)
}

// Judge fails the test for every breach, and for stale NOTIFYs of replicas that are not
// among may, but for what was on its way when its phone moved.
func (f *Fleet) Judge(may ...*Replica) {
	f.T.Helper()
	for _, w := range f.Watchers() {
		for _, b := range w.Breaches() {
			f.T.Errorf("%v: %s\n%s", w, b, f.Story(w, time.Now(), 20*time.Second))
		}
		stale, from := w.Stale()
		for i := range stale {
			if !slices.ContainsFunc(may, func(r *Replica) bool { return r.Name == from[i] }) && !w.overtaken(stale[i], beside) {
				f.T.Errorf("%v: replica %s: %v\n%s", w, from[i], stale[i], f.Story(w, stale[i].At, 10*time.Second))
			}
		}
	}
}

// Story is what happened around a time, as far as it concerns one watcher.
func (f *Fleet) Story(w *Watcher, around time.Time, span time.Duration) string {
	var all []Mark
	f.mu.Lock()
	all = append(all, f.marks...)
	f.mu.Unlock()
	for _, m := range f.PBX.History(w.Number) {
		all = append(all, Mark{m.At, fmt.Sprintf("PBX: %s is %v", w.Number, m.State)})
	}
	w.mu.Lock()
	all = append(all, w.notes...)
	for _, h := range w.heard {
		all = append(all, Mark{h.At, fmt.Sprintf("phone: NOTIFY %d from %s", h.CSeq, h.From)})
	}
	for _, at := range w.refreshed {
		all = append(all, Mark{at, "phone: refreshed"})
	}
	w.mu.Unlock()
	for _, x := range w.History() {
		all = append(all, Mark{x.At, fmt.Sprintf("phone: shows %v (CSeq %d, version %d) %s", x.State(), x.CSeq, x.Lamp.Version, x.Reason)})
	}
	slices.SortStableFunc(all, func(a, b Mark) int { return a.At.Compare(b.At) })
	var b strings.Builder
	for _, m := range all {
		if d := m.At.Sub(around); d > -span && d < span {
			fmt.Fprintf(&b, "  %8.3f %s\n", m.At.Sub(f.Began).Seconds(), m.Text)
		}
	}
	return b.String()
}
