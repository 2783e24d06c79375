package cluster

import (
	"context"
	"errors"
	"time"
)

// errUnreached: we hold the feed, and do not reach the PBX.
var errUnreached = errors.New("cluster: the PBX is not reached from this replica")

const (
	// unreachedTime is how long a holder tries to reach the PBX before it lets another replica
	// try; two leases if that is longer. It is twice as long each time in a row, up to
	// unreachedMost: a PBX that is down for all is not passed on all the time.
	unreachedTime = 3 * time.Second
	unreachedMost = time.Minute
)

// unreached reports whether another replica should try the PBX.
func (p *publisher) unreached() bool {
	p.mu.Lock()
	lost := p.lost
	p.mu.Unlock()
	c := p.f.c
	most := min(max(unreachedTime, 2*c.lease)<<min(p.f.tries, 10), max(unreachedMost, 2*c.lease))
	return !lost.IsZero() && time.Since(lost) > most && c.others.Load() > 0
}

// tried counts the leases under which the PBX was not reached.
func (f *Feed) tried(p *publisher, unreached bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.heard {
		f.tries = 0
	}
	if unreached {
		f.tries++
	}
}

// letOthers waits until another replica holds the feed, or none wants it.
func (f *Feed) letOthers(ctx context.Context) {
	for end := time.Now().Add(f.c.lease); time.Now().Before(end); {
		if s, err := f.look(ctx); err != nil || s.left > 0 {
			return
		}
		if !pause(ctx, f.c.lease/20) {
			return
		}
	}
}
