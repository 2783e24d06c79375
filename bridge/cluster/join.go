package cluster

import (
	"context"
	_ "embed"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/time.lua
var timeLua string

var timeScript = redis.NewScript(timeLua)

func (c *Cluster) clockKey() string { return "{" + c.prefix + "}:clock" }

// stand is how the replicas' clock stands in Redis, in milliseconds.
type stand struct {
	at int64 // that was said last; 0 = nobody did
	// then and now are by the clock of Redis.
	then, now int64
	members   int64
}

// Join sets our clock to the replicas' own, which runs steadily as long as one of them does:
// every beat tells the latest that any of them said, and who is behind catches up. So neither a
// replica's clock that is set nor that of Redis ends a lease or a subscription. It must have
// returned nil before anything else is asked.
func (c *Cluster) Join(ctx context.Context) error {
	first, err := c.stand(ctx)
	if err != nil {
		return err
	}
	s, elapsed := first, first.now-first.then
	lives := elapsed >= 0 && elapsed <= c.lease.Milliseconds()
	if !lives && s.at != 0 && s.members > 0 {
		// Dead all of them, or the clock of Redis was set: who lives says so soon.
		if !pause(ctx, 2*c.beatTime()) {
			return ctx.Err()
		}
		if s, err = c.stand(ctx); err != nil {
			return err
		}
		elapsed, lives = s.now-s.then, s.at != first.at
	}
	c.clock.Set(agreed(s, lives, c.clock.Millis(), c.beatTime().Milliseconds()))
	return nil
}

// agreed is what the replicas' clock says now; ours is what our own does, between two beats is
// as long as the name says.
func agreed(s stand, lives bool, ours, betweenBeats int64) int64 {
	elapsed := s.now - s.then
	switch {
	case s.at == 0:
		return ours
	case lives && elapsed < 0:
		return s.at // the clock of Redis was set meanwhile
	case lives:
		return s.at + min(elapsed, betweenBeats)
	case elapsed < 0:
		return max(s.at, ours)
	case ours < s.at:
		return s.at + elapsed
	}
	// Nobody knows which of the two was set. A subscription rather lives on than ends.
	return min(ours, s.at+elapsed)
}

func (c *Cluster) stand(ctx context.Context) (s stand, err error) {
	got, err := within(ctx, c, func() ([]int64, error) {
		return timeScript.Run(ctx, c.client, []string{c.clockKey(), c.replicasKey()}).Int64Slice()
	})
	if err != nil {
		return s, err
	}
	return stand{got[0], got[1], got[2], got[3]}, nil
}
