package replicatest

import (
	"fmt"
	"time"
)

// Asked is a refresh that was answered late, or not.
type Asked struct {
	At   time.Time
	Took time.Duration
	// Where is the replica that was the phone's home when it asked.
	Where string
	Err   error // nil = 200
}

// String tells it.
func (a Asked) String() string {
	if a.Err == nil {
		return fmt.Sprintf("a refresh at %s took %v", a.Where, a.Took.Round(time.Millisecond))
	}
	return fmt.Sprintf("a refresh at %s took %v: %v", a.Where, a.Took.Round(time.Millisecond), a.Err)
}

// promptly is how long a refresh waits for its answer, whatever that is, at most where replicas
// and Redis work: the 200 or a 503 with Retry-After. One datagram may be lost.
const promptly = time.Second

// late notes a refresh that was not answered promptly.
func (w *Watcher) late(a Asked) {
	if a.Took < promptly {
		return
	}
	w.note("%v", a)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lates = append(w.lates, a)
}

// judgeAnswers looks at the answers that came late since it was called the last time: nobody may
// be late in a fault's time in which all can answer, or in none.
func (c *chaos) judgeAnswers() {
	for _, w := range c.Watchers() {
		w.mu.Lock()
		lates := w.lates
		w.lates = nil
		w.mu.Unlock()
		for _, a := range lates {
			if c.late == nil || a.Took > c.late.Took {
				c.late = &a
			}
			end := a.At.Add(a.Took)
			if !c.mute(a.At, end) && a.Took > promptly+c.stall.between(a.At, end) {
				c.violated("%v: %v\n%s", w, a, c.Story(w, end, 12*time.Second))
			}
		}
	}
}

// mute reports whether something happened within a time that keeps replicas from answering.
func (c *chaos) mute(from, to time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		under := s.to.IsZero() || from.Before(s.to.Add(calm))
		if !s.fault.Answers && under && to.After(s.from) {
			return true
		}
	}
	return false
}
