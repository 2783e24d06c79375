package sipua

import (
	"math/rand/v2"
	"time"
)

// busy reports whether more than half of the common burst is used up: a storm is on.
func (l *limiter) busy() bool {
	if l.total.PerSecond <= 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.tokens < l.total.Burst/2
}

// spread shortens a lifetime to between half and all of it, never below the minimum: those
// that subscribe together in a storm must not refresh together an hour later. RFC 6665
// §4.2.1.1 lets a 2xx shorten.
func (l lifetimes) spread(granted time.Duration) time.Duration {
	if granted <= l.min {
		return granted
	}
	least := max(l.min, granted/2)
	return least + time.Duration(rand.Int64N(int64((granted-least)/time.Second)+1))*time.Second
}
