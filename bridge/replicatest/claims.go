package replicatest

import (
	"slices"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// at finds the fault in whose time something happened.
func (c *chaos) at(t time.Time) *span {
	for i := range slices.Backward(c.spans) { // one begins where another's last words may be heard
		if s := &c.spans[i]; !t.Before(s.from) && (s.to.IsZero() || t.Before(s.to.Add(calm))) {
			return s
		}
	}
	return nil
}

// judgeStale looks at the NOTIFYs that were refused because they came too late, and counts them
// and those among them that were on their way when the phone moved.
func (c *chaos) judgeStale(w *Watcher) (stale, overtaken int) {
	all, from := w.Stale()
	seen := map[*span][]string{} // CSeqs
	for i, v := range all {
		s := c.at(v.At)
		switch {
		case w.overtaken(v, inFlight):
			overtaken++
		case s == nil || !s.fault.Impairs || s.replica.Name != from[i]:
			c.T.Errorf("%v: replica %s, to which nothing happened, sends what is too old: %v\n%s", w, from[i], v, c.Story(w, v.At, 10*time.Second))
		case s.fault.Once && !slices.Contains(seen[s], v.Detail) && !w.repeated(v):
			if seen[s] = append(seen[s], v.Detail); len(seen[s]) > 1 {
				c.T.Errorf("%v: replica %s sends more than one NOTIFY after it was replaced: %q\n%s", w, from[i], seen[s], c.Story(w, v.At, 10*time.Second))
			}
		}
	}
	return len(all), overtaken
}

// repeated reports whether the phone had heard a stale NOTIFY before: it was sent in time, and
// then once more because its answer was not read yet.
func (w *Watcher) repeated(v siptest.Violation) bool {
	m, err := siptest.ParseMessage([]byte(v.Text))
	if err != nil {
		return false
	}
	cseq, _ := m.CSeq()
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.heard, func(h Heard) bool { return h.CSeq == cseq })
	j := slices.IndexFunc(w.heard, func(h Heard) bool { return h.CSeq > cseq })
	return i >= 0 && i < j
}

// movedBefore reports whether the phone refreshed within d before a time.
func (w *Watcher) movedBefore(at time.Time, d time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.refreshed, func(r time.Time) bool { return at.After(r.Add(-d)) && at.Before(r.Add(d)) })
}

// judgeHistory looks at what the phone showed: no lamp unknown, none twice without a reason.
func (c *chaos) judgeHistory(w *Watcher) {
	h := w.History()
	for i := 1; i < len(h); i++ {
		switch s := c.at(h[i].At); {
		case h[i].State() == device.Unknown:
			c.T.Errorf("%v: the lamp was unknown\n%s", w, c.Story(w, h[i].At, 10*time.Second))
			return
		case h[i].Substate == "terminated":
			if s == nil || s.fault.Name != "rolled" {
				c.T.Errorf("%v: the subscription was ended, and nobody left\n%s", w, c.Story(w, h[i].At, 10*time.Second))
				return
			}
		case h[i].State() == h[i-1].State() && s == nil && !w.movedBefore(h[i].At, calm):
			c.T.Errorf("%v: a NOTIFY shows what the last one did, and nobody asked\n%s", w, c.Story(w, h[i].At, 10*time.Second))
			return
		}
	}
}
