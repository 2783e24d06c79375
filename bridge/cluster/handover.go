package cluster

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"blfbridge/bridge/store"
)

// yieldTime bounds how long a feed that is handed over waits for the next holder to be
// connected to the PBX.
const yieldTime = 2 * time.Second

// Yield lets every feed that this replica holds go to another one, which connects to the PBX
// before we leave it; it follows from then on, and takes no feed any more.
func (c *Cluster) Yield() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.yield:
	default:
		close(c.yield)
	}
}

func (c *Cluster) yields() bool {
	select {
	case <-c.yield:
		return true
	default:
		return false
	}
}

// handOver frees the lease and keeps the source until another client took its place at the
// PBX, or the time is over. run has ended.
func (p *publisher) handOver(ctx context.Context) {
	p.close(ctx)
	for end := time.Now().Add(yieldTime); time.Now().Before(end) && ctx.Err() == nil; {
		p.mu.Lock()
		taken := p.taken
		p.mu.Unlock()
		if taken || !pause(ctx, 10*time.Millisecond) {
			return
		}
	}
}

// Leaving lets nothing new be taken from now on, tells the others so, and reports whether
// there are any.
func (s *Shards) Leaving(ctx context.Context) (others bool, err error) {
	s.mu.Lock()
	s.leaving = true
	begun := s.holder != nil
	s.mu.Unlock()
	if !begun {
		return false, nil // stopped before Run
	}
	who, err := s.c.beat(ctx, true, s.state())
	if err != nil || len(who.stay) == 0 {
		return false, err
	}
	s.homes()
	return true, nil
}

// HandOver gives all shards to the other replicas, one after the other, while Run goes on.
// All must have had the time to hear that this one leaves.
func (s *Shards) HandOver(ctx context.Context) error {
	if !pause(ctx, s.c.beatTime()) {
		return ctx.Err()
	}
	s.mu.Lock()
	all := maps.Clone(s.held)
	s.mu.Unlock()
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(all)) {
		f := store.Fence{Shard: id, Epoch: all[id].epoch}
		if !all[id].loaded {
			continue // Leave frees it
		}
		if err := s.holder.HandOver(ctx, f); err != nil {
			errs = append(errs, err)
			continue
		}
		s.mu.Lock()
		delete(s.held, id)
		s.mu.Unlock()
		if err := s.free(ctx, f); !errors.Is(err, store.ErrFenced) {
			errs = append(errs, err)
		}
		s.shown()
	}
	s.c.log.Info("the shards of the subscriptions are handed over", "shards", len(all))
	return errors.Join(errs...)
}
