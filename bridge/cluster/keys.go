package cluster

import (
	"context"
	_ "embed"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/take.lua
	takeLua string
	//go:embed lua/renew.lua
	renewLua string
	//go:embed lua/look.lua
	lookLua string
	//go:embed lua/publish.lua
	publishLua string
	//go:embed lua/save.lua
	saveLua string
	//go:embed lua/add.lua
	addLua string
	//go:embed lua/fill.lua
	fillLua string

	takeScript    = newScript(takeLua)
	renewScript   = newScript(renewLua)
	lookScript    = redis.NewScript(lookLua)
	publishScript = newScript(publishLua)
	saveScript    = newScript(saveLua)
	addScript     = newScript(addLua)
	fillScript    = newScript(fillLua)
)

// keys are those of one feed. They share a hash tag, so that one script may use them.
type keys struct{ lease, feed, devices string }

func (c *Cluster) keysOf(source string) keys {
	tag := "{" + c.prefix + ":pbx:" + source + "}:"
	return keys{tag + "lease", tag + "entries", tag + "devices:"}
}

// standing is how a lease stands.
type standing struct {
	token uint64
	left  time.Duration // 0 = nobody holds it
	n     uint64        // of the newest entry
}

// take takes the lease if it is free; mine tells.
func (f *Feed) take(ctx context.Context) (s standing, mine bool, err error) {
	got, err := within(ctx, f.c, func() ([]int64, error) {
		return takeScript.Run(ctx, f.c.client, []string{f.keys.lease, f.keys.feed},
			f.c.replica, f.c.lease.Milliseconds(), encode(entry{Taken: f.c.replica}), f.c.clock.Millis()).Int64Slice()
	})
	if err != nil {
		return s, false, err
	}
	return standing{uint64(got[1]), time.Duration(got[2]) * time.Millisecond, uint64(got[3])}, got[0] == 1, nil //nolint:gosec // counted by Redis
}

// look tells how the lease stands.
func (f *Feed) look(ctx context.Context) (s standing, err error) {
	got, err := within(ctx, f.c, func() ([]int64, error) {
		return lookScript.Run(ctx, f.c.client, []string{f.keys.lease, f.keys.feed}, f.c.clock.Millis()).Int64Slice()
	})
	if err != nil {
		return s, err
	}
	return standing{uint64(got[0]), time.Duration(got[1]) * time.Millisecond, uint64(got[2])}, nil //nolint:gosec // counted by Redis
}

// renew keeps the lease. The error is ErrLost if it is another's, errGap if it is ours and
// Redis lacks what was published or saved; empty = not known.
func (f *Feed) renew(ctx context.Context, token uint64, published, saved string) error {
	got, err := within(ctx, f.c, func() (int64, error) {
		return renewScript.Run(ctx, f.c.client, []string{f.keys.lease, f.keys.feed},
			f.c.replica, f.c.lease.Milliseconds(), token, published, saved, f.c.clock.Millis()).Int64()
	})
	return outcome(got, err)
}

// outcome is what a script says that needs the lease.
func outcome(got int64, err error) error {
	switch {
	case err != nil:
		return err
	case got == 0:
		return ErrLost
	case got < 0:
		return errGap
	}
	return nil
}
