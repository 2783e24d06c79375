package bridge

import (
	"sync"
	"time"

	"blfbridge/policy"
)

// After freePINs wrong logins a phone waits before each further one, from firstWait twice
// as long each time up to longestWait; one that holds forgets them, and so does forgetPINs.
const (
	freePINs    = 3
	firstWait   = 5 * time.Second
	longestWait = 15 * time.Minute
	forgetPINs  = time.Hour
)

// pinGuard slows down who tries PINs on a phone. It holds no more phones than the policy
// lists. The zero value is ready; it is safe for concurrent use.
type pinGuard struct {
	mu    sync.Mutex // guards tries
	tries map[policy.PhoneRef]pinTries
}

type pinTries struct {
	wrong int
	last  time.Time
}

// wait is how long a phone must wait before its next login is looked at; 0 = not at all.
func (g *pinGuard) wait(phone policy.PhoneRef, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, ok := g.tries[phone]
	if !ok || t.wrong < freePINs || now.Sub(t.last) > forgetPINs {
		return 0
	}
	wait := longestWait
	if n := t.wrong - freePINs; n < 8 {
		wait = min(firstWait<<n, longestWait)
	}
	return max(t.last.Add(wait).Sub(now), 0)
}

// tried notes how a login went.
func (g *pinGuard) tried(phone policy.PhoneRef, ok bool, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if ok {
		delete(g.tries, phone)
		return
	}
	t := g.tries[phone]
	if now.Sub(t.last) > forgetPINs {
		t.wrong = 0
	}
	if g.tries == nil {
		g.tries = map[policy.PhoneRef]pinTries{}
	}
	g.tries[phone] = pinTries{t.wrong + 1, now}
}
