package cluster

import (
	"context"
	_ "embed"
	"hash/fnv"
	"slices"
)

var (
	//go:embed lua/beat.lua
	beatLua string
	//go:embed lua/took.lua
	tookLua string

	beatScript = newScript(beatLua)
	tookScript = newScript(tookLua)
)

func (c *Cluster) replicasKey() string { return "{" + c.prefix + "}:replicas" }
func (c *Cluster) takenKey() string    { return "{" + c.prefix + "}:taken" }
func (c *Cluster) statesKey() string   { return "{" + c.prefix + "}:states" }

// alive is who lives, as a beat tells.
type alive struct {
	// stay are those that take over what is nobody's, leave those that do not any more.
	stay, leave []string
	// taken is how many subscriptions others took of who asks, so far.
	taken int64
}

func (a *alive) lives(name string) bool {
	return slices.Contains(a.stay, name) || slices.Contains(a.leave, name)
}

// beat tells that we live, or leave, and returns who does, we among them.
func (c *Cluster) beat(ctx context.Context, leaving bool, s State) (alive, error) {
	return c.tell(ctx, c.lease.Milliseconds(), leaving, encode(s))
}

// leave tells that we live no more.
func (c *Cluster) leave(ctx context.Context) error {
	_, err := c.tell(ctx, 0, true, "")
	return err
}

func (c *Cluster) tell(ctx context.Context, ttl int64, leaving bool, state string) (a alive, err error) {
	got, err := within(ctx, c, func() ([]any, error) {
		return beatScript.Run(ctx, c.client, []string{c.replicasKey(), c.takenKey(), c.statesKey(), c.clockKey()}, c.replica, ttl, leaving, state, c.clock.Millis()).Slice()
	})
	if err != nil {
		return a, err
	}
	a.taken, _ = got[0].(int64)
	stay, _ := got[1].(int64)
	now, _ := got[2].(int64)
	c.clock.Reach(now)
	for i, v := range got[3:] {
		name, _ := v.(string)
		if int64(i) < stay {
			a.stay = append(a.stay, name)
		} else {
			a.leave = append(a.leave, name)
		}
	}
	return a, nil
}

// took tells a replica that one of its subscriptions is ours now. It takes a connection of the
// store's, as all of a claim does: those that tell that we live are left to that.
func (c *Cluster) took(ctx context.Context, owner string) error {
	_, err := within(ctx, c, func() (int64, error) {
		return tookScript.Run(ctx, c.store.Client(), []string{c.replicasKey(), c.takenKey()}, owner).Int64()
	})
	return err
}

// heir is which of the living replicas takes a shard over whose owner is gone: each of them
// finds the same, and what one owner had is spread (highest random weight).
func heir(shard uint16, live []string) string {
	best, most := "", uint64(0)
	for _, name := range live {
		h := fnv.New64a()
		_, _ = h.Write([]byte{byte(shard >> 8), byte(shard)})
		_, _ = h.Write([]byte(name))
		sum := h.Sum64()
		sum ^= sum >> 29 // FNV's last bytes reach its high bits badly
		sum *= 0xbf58476d1ce4e5b9
		sum ^= sum >> 32
		if best == "" || sum > most || sum == most && name > best {
			best, most = name, sum
		}
	}
	return best
}
