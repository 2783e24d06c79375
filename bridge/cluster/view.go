package cluster

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// State is what a replica tells of itself with every beat.
type State struct {
	// Feeds are those that it holds or follows, by source.
	Feeds map[string]Position `json:"feeds,omitempty"`
	// Shards and Subscriptions are what it has now, Adopted what it took over from others
	// that were gone, and Rewrites how often it wrote all anew, since its start.
	Shards        int `json:"shards"`
	Subscriptions int `json:"subscriptions"`
	Adopted       int `json:"adopted"`
	Rewrites      int `json:"rewrites"`
	// Stale is how many of its NOTIFYs phones refused because another replica had their
	// subscriptions already.
	Stale int `json:"stale"`
}

// Position is how far a replica is with a feed.
type Position struct {
	// Entry is the number of the last entry that it published or took in.
	Entry uint64 `json:"n"`
	// Lag is from the event behind it to then, in milliseconds; clocks of two machines are compared.
	Lag float64 `json:"lag"`
}

// Member is a replica as the others see it.
type Member struct {
	Name    string
	Leaving bool
	// Beat is how long ago it was heard of, by the replicas' clock.
	Beat time.Duration
	State
}

// FeedView is how a feed stands.
type FeedView struct {
	Source, Holder string
	Token, Entry   uint64
	// Renewed is how long ago the lease was, and Left how long it holds still; 0 = it is over.
	Renewed, Left time.Duration
}

// Owned is a shard of subscriptions with its owner; empty = nobody.
type Owned struct {
	Shard uint16
	Owner string
}

// View is who owns what, as Redis has it.
type View struct {
	Replica string // that was asked
	Members []Member
	Feeds   []FeedView
	Shards  []Owned
}

// View looks who owns what now.
func (s *Shards) View(ctx context.Context) (v View, err error) {
	c := s.c
	v.Replica = c.replica
	type raw struct {
		beats, states map[string]string
	}
	got, err := within(ctx, c, func() (r raw, err error) {
		if r.beats, err = c.client.HGetAll(ctx, c.replicasKey()).Result(); err != nil {
			return r, err
		}
		r.states, err = c.client.HGetAll(ctx, c.statesKey()).Result()
		return r, err
	})
	if err != nil {
		return v, err
	}
	now := c.clock.Millis()
	for _, name := range slices.Sorted(maps.Keys(got.beats)) {
		till, leaving := strings.CutPrefix(got.beats[name], "-")
		ms, _ := strconv.ParseInt(till, 10, 64)
		if ms < now {
			continue // dead, and nobody has looked yet
		}
		m := Member{Name: name, Leaving: leaving, Beat: max(c.lease-time.Duration(ms-now)*time.Millisecond, 0)}
		_ = json.Unmarshal([]byte(got.states[name]), &m.State) // none yet: zero
		v.Members = append(v.Members, m)
	}
	c.mu.Lock()
	feeds := maps.Clone(c.feeds)
	c.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(feeds)) {
		f, err := feeds[name].view(ctx)
		if err != nil {
			return v, err
		}
		v.Feeds = append(v.Feeds, f)
	}
	owners, err := s.store.Owners(ctx)
	for _, id := range slices.Sorted(maps.Keys(owners)) {
		v.Shards = append(v.Shards, Owned{id, owners[id]})
	}
	return v, err
}

func (f *Feed) view(ctx context.Context) (v FeedView, err error) {
	s, err := f.look(ctx)
	if err != nil {
		return v, err
	}
	about, err := within(ctx, f.c, func() ([]any, error) {
		got, err := f.c.client.HMGet(ctx, f.keys.lease, "holder", "ttl").Result()
		if err == redis.Nil { //nolint:errorlint // go-redis returns it bare
			err = nil
		}
		return got, err
	})
	if err != nil {
		return v, err
	}
	v = FeedView{Source: f.Name(), Token: s.token, Entry: s.n, Left: s.left}
	if s.left > 0 && len(about) == 2 {
		v.Holder, _ = about[0].(string)
		text, _ := about[1].(string)
		ttl, _ := strconv.ParseInt(text, 10, 64)
		v.Renewed = max(time.Duration(ttl)*time.Millisecond-s.left, 0)
	}
	return v, nil
}

// reached notes how far we are.
func (f *Feed) reached(n uint64, at time.Time) {
	p := Position{Entry: n}
	if !at.IsZero() {
		p.Lag = float64(max(time.Since(at), 0).Microseconds()) / 1e3
	}
	f.position.Store(&p)
}

// state is what we tell of ourselves.
func (s *Shards) state() State {
	st := State{Feeds: map[string]Position{}, Adopted: int(s.adopted.Load()), Rewrites: int(s.rewrites.Load())}
	s.c.mu.Lock()
	for name, f := range s.c.feeds {
		if p := f.position.Load(); p != nil {
			st.Feeds[name] = *p
		}
	}
	s.c.mu.Unlock()
	s.mu.Lock()
	st.Shards = len(s.held)
	s.mu.Unlock()
	st.Subscriptions, st.Stale = s.holder.Total(), s.holder.Stale()
	return st
}
