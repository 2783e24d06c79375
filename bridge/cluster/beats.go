package cluster

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// beats tells the others that we live, also while shards are being loaded.
func (s *Shards) beats(ctx context.Context) {
	var last time.Time
	for {
		begun := time.Now()
		s.mu.Lock()
		leaving := s.leaving
		s.mu.Unlock()
		who, server, err := s.beat(ctx, leaving)
		s.silent.Store(err != nil)
		if err == nil {
			s.mu.Lock()
			switch {
			case last.IsZero():
				s.known = begun.Add(s.c.lease)
			case begun.Sub(last) > s.c.lease:
				s.known = begun.Add(2*s.c.lease + backTime)
			}
			last = begun
			other := server != "" && s.server != "" && server != s.server
			s.server = cmp.Or(server, s.server)
			s.alive = who
			s.mu.Unlock()
			if other {
				s.c.log.Warn("Redis is another server, or the same one again: all subscriptions are written anew, because it may have lost some")
				s.c.metrics.rewrites.Inc()
				s.rewrites.Add(1)
				s.holder.Rewrite()
				s.haunted.Store(true)
			}
			s.c.others.Store(int64(len(who.stay) - 1))
			s.c.metrics.replicas.Set(float64(len(who.stay) + len(who.leave)))
			select {
			case s.poke <- struct{}{}:
			default:
			}
		}
		// What a slow Redis took counts: with 200 ms for each answer too few beats would be heard.
		if !pause(ctx, max(s.c.beatTime()-time.Since(begun), s.c.beatTime()/4)) {
			return
		}
	}
}

// beat tells that we live, and looks at the same time which server Redis is; empty = not known.
// Neither waits for the other, nor for a connection that claims use: with a slow Redis the others
// would hear of us too seldom.
func (s *Shards) beat(ctx context.Context, leaving bool) (who alive, server string, err error) {
	var looking sync.WaitGroup
	looking.Go(func() { server, _ = s.store.Server(ctx, s.c.client) })
	who, err = s.c.beat(ctx, leaving, s.state())
	looking.Wait()
	return who, server, err
}

// Silent reports whether the last beat did not reach Redis: the others take us for dead, if it
// goes on, also when there is nothing to write. It is safe for concurrent use.
func (s *Shards) Silent() bool { return s.silent.Load() }

// beatTime is between two beats. What a replica hands over waits for the next one of another.
func (c *Cluster) beatTime() time.Duration { return min(c.lease/3, time.Second) }

// backTime is how much later than another replica one may find that Redis is back: a call
// that hangs has a time-out, and the client asks a server that was lost once a second.
const backTime = 3 * time.Second

// knows reports whether everybody who lives has had the time to say so since Redis answers:
// after an outage nobody has, and who comes back first must not take the others' shards.
func (s *Shards) knows() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().After(s.known)
}
