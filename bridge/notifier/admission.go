package notifier

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// admission bounds how many SUBSCRIBEs a loop owes an answer, so that none waits much
// longer than maxWait: in a storm it is better to be told at once to come again than to be
// answered when one has given up. Only new subscriptions are turned away; a refresh that is
// refused may cost a lamp.
type admission struct {
	waiting atomic.Int64 // SUBSCRIBEs without an answer
	limit   atomic.Int64 // above it the next new one is refused

	// The rest is of the loop's goroutine: a window in which it counts its answers.
	answers int64
	began   int64 // Unix milliseconds
	// slack: for a moment of the window so few waited that it does not tell what the loop
	// can do.
	slack bool
}

const (
	// maxWait (milliseconds) is what a SUBSCRIBE should wait at most: a phone repeats its
	// request after 500 ms, and gives up after 32 s (RFC 3261 §17.1.2.2).
	maxWait = 2000
	// leastWaiting may always wait: so many a slow disk answers in one group.
	leastWaiting = 1024
	// mostWaiting bounds the memory of a loop that has not been measured yet, or is very fast.
	mostWaiting = 8192
	// admissionWindow (milliseconds) is how long answers are counted.
	admissionWindow = 250
)

func (a *admission) start(now int64) {
	a.limit.Store(mostWaiting)
	a.began = now
}

// full reports whether a new subscription is to be refused.
func (a *admission) full() bool { return a.waiting.Load() >= a.limit.Load() }

// answered counts an answer.
func (a *admission) answered() {
	a.answers++
	if a.waiting.Add(-1) < leastWaiting {
		a.slack = true
	}
}

// settle draws the conclusion of a window that is over.
func (a *admission) settle(now int64) {
	took := now - a.began
	if took < admissionWindow {
		return
	}
	limit := a.limit.Load()
	switch {
	case !a.slack:
		limit = a.answers * maxWait / took
	case took < 8*admissionWindow:
		limit += limit / 4 // a group that was answered at once may have made the slack
	default:
		limit = mostWaiting
	}
	a.limit.Store(min(max(limit, leastWaiting), mostWaiting))
	a.answers, a.began, a.slack = 0, now, a.waiting.Load() < leastWaiting
}

// Waiting is how many SUBSCRIBEs wait for an answer.
func (n *Notifier) Waiting() (sum int) {
	for _, l := range n.loops {
		sum += int(l.admission.waiting.Load())
	}
	return sum
}

// Full reports whether a new subscription with that Call-ID would be refused now, because
// too many wait already. It is quick.
func (n *Notifier) Full(callID string) bool { return n.loopOf(callID).admission.full() }

// comeAgain is how who is turned away is told to: those that came together by chance apart.
func comeAgain() Answer {
	return Answer{Status: 503, RetryAfter: 5*time.Second + rand.N(10*time.Second)}
}

// answerTo gives a SUBSCRIBE its answer.
func (l *loop) answerTo(s *Subscribe, a Answer) {
	l.admission.answered()
	s.Answer(a)
}
