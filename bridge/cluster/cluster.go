package cluster

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"blfbridge/bridge/clock"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/store"
)

// ErrLost: another replica holds the lease now.
var ErrLost = errors.New("cluster: the lease is another replica's")

// DefaultLease is how long a feed stays with a holder that is not heard of.
const DefaultLease = 3 * time.Second

// waiters is how many calls may wait on Redis at a time: one for each PBX that another
// replica follows.
const waiters = 1024

// Config is what New needs.
type Config struct {
	// Store is the Redis that all share; its owner closes it after Close.
	Store *store.Redis
	// Replica names this process; no other may have its name at the same time.
	Replica string
	// Lease is how long a holder that is not heard of keeps a feed; 0 = DefaultLease. It is
	// renewed three times in that time. All replicas should have the same.
	Lease time.Duration
	// Clock is set to the time that the replicas agree on; nil = one of its own.
	Clock      *clock.Clock
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Cluster is this replica's part in all feeds. Its methods are safe for concurrent use.
type Cluster struct {
	store   *store.Redis
	client  redis.UniversalClient
	prefix  string
	replica string
	lease   time.Duration
	clock   *clock.Clock
	log     *slog.Logger
	metrics *metrics

	yield  chan struct{} // closed: feeds are for others
	others atomic.Int64  // replicas that could take feeds, as of the last beat

	mu    sync.Mutex // guards held and feeds, and that no call begins after closed
	held  int
	feeds map[string]*Feed // by source
	ended bool
	calls sync.WaitGroup
}

// New makes a replica that takes part in nothing yet.
func New(c Config) *Cluster {
	k := &Cluster{
		store: c.Store, client: c.Store.Another(waiters), prefix: c.Store.Prefix(), replica: c.Replica, lease: c.Lease, clock: c.Clock,
		log: c.Logger, metrics: newMetrics(c.Registerer), yield: make(chan struct{}), feeds: map[string]*Feed{},
	}
	if k.clock == nil {
		k.clock = clock.New(time.Now())
	}
	if k.lease == 0 {
		k.lease = DefaultLease
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	return k
}

// Close ends the connections, and waits for the calls that were left behind.
func (c *Cluster) Close() error {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	err := c.client.Close()
	c.calls.Wait()
	return err
}

// Source is src as all replicas share it.
func (c *Cluster) Source(src compositor.Source) *Feed {
	f := newFeed(c, src)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.feeds[f.Name()] = f // one that the configuration has no more is told of until the end
	return f
}

// hold counts the feeds that this replica holds.
func (c *Cluster) hold(by int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held += by
	return c.held
}

// within runs fn and returns when it has or ctx ends: the client heeds a deadline but not
// a cancellation. A call left behind ends by the client's own timeouts; Close waits for it.
func within[T any](ctx context.Context, c *Cluster, fn func() (T, error)) (none T, err error) {
	type answer struct {
		value T
		err   error
	}
	got := make(chan answer, 1)
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return none, context.Canceled
	}
	c.calls.Go(func() {
		v, err := fn()
		got <- answer{v, err}
	})
	c.mu.Unlock()
	select {
	case a := <-got:
		return a.value, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// pause waits, and reports false if ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
