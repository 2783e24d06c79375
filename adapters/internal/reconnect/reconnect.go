// Package reconnect says how long an adapter waits before it dials its PBX again:
// exponential backoff with full jitter, so that a fleet of bridges which lost one
// PBX at one moment does not come back to it at one moment.
package reconnect

import (
	"context"
	"math/rand/v2"
	"time"
)

// Defaults for a Backoff whose fields are zero.
const (
	DefaultMin = 250 * time.Millisecond
	DefaultMax = 30 * time.Second
)

// Backoff yields the delays between attempts. The n-th delay since the last Reset is
// uniform in (0, min(Max, Min·2ⁿ)]. The zero value uses the defaults. It is not safe
// for concurrent use: the loop that dials owns it.
type Backoff struct {
	// Min is the ceiling of the first delay. Zero or less means DefaultMin.
	Min time.Duration
	// Max is the ceiling of all delays. Zero or less means DefaultMax; a value
	// below Min means Min.
	Max time.Duration

	ceiling time.Duration // of the next delay; zero means Min
}

// Next returns the delay before the next attempt; it is always positive.
func (b *Backoff) Next() time.Duration {
	lo, hi := b.bounds()
	c := b.ceiling
	if c < lo {
		c = lo
	}
	if b.ceiling = hi; c <= hi/2 {
		b.ceiling = c * 2
	}
	return 1 + rand.N(min(c, hi))
}

// Reset starts over at Min: call it once a connection has proved good, not as soon
// as it is open, else a PBX that accepts and drops is hammered.
func (b *Backoff) Reset() { b.ceiling = 0 }

// Wait sleeps for Next, or returns the context's error if that ends first.
func (b *Backoff) Wait(ctx context.Context) error { return Sleep(ctx, b.Next()) }

// Sleep waits for d, or returns the context's error if that ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *Backoff) bounds() (lo, hi time.Duration) {
	lo, hi = b.Min, b.Max
	if lo <= 0 {
		lo = DefaultMin
	}
	if hi <= 0 {
		hi = DefaultMax
	}
	return lo, max(lo, hi)
}
