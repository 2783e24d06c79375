package store

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/commit.lua
	commitLua string
	//go:embed lua/acquire.lua
	acquireLua string
	//go:embed lua/release.lua
	releaseLua string
	//go:embed lua/layout.lua
	layoutLua string

	commitScript  = redis.NewScript(fenced(commitLua))
	acquireScript = redis.NewScript(acquireLua)
	releaseScript = redis.NewScript(releaseLua)
	layoutScript  = redis.NewScript(layoutLua)
)

// lampShards is how many hashes the lamps are spread over in Redis, so that a
// Cluster shares them.
const lampShards = 16

// Redis is the backend for a Redis or Valkey server, Sentinels or a Cluster. Its
// keys, with the prefix "blf":
//
//	{blf}:meta         hash: schema, shards
//	{blf:sNN}:epoch    hash: epoch, owner, since; NN is the shard, 00 to 63
//	{blf:sNN}:subs     hash: key → record
//	{blf:lNN}:lamps    hash: key → state; NN is 00 to 15, by FNV-1a of the key
//
// Replicas that share it have more: see shared.go and went.go.
//
// The keys of one shard share a hash tag, so that one script may use them.
type Redis struct {
	client       redis.UniversalClient
	opts         *redis.UniversalOptions
	prefix       string
	waitReplicas int
	waitTimeout  time.Duration
	rounds       prometheus.Counter

	mu     sync.Mutex // guards closed, and that no call begins after it
	closed bool
	calls  sync.WaitGroup
}

func openRedis(ctx context.Context, cfg Config) (*Redis, error) {
	opts, err := redisOptions(cfg)
	if err != nil {
		return nil, err
	}
	r := &Redis{
		client:       newClient(opts),
		opts:         opts,
		prefix:       cfg.Prefix,
		waitReplicas: cfg.WaitReplicas,
		waitTimeout:  opts.ReadTimeout / 2,
		rounds:       newRounds(cfg.Registerer),
	}
	if r.prefix == "" {
		r.prefix = "blf"
	}
	if err := r.init(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Redis) init(ctx context.Context) error {
	key := "{" + r.prefix + "}:meta"
	got, err := within(ctx, r, func() ([]any, error) {
		return layoutScript.Run(ctx, r.client, []string{key}, Schema, Shards).Slice()
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	return checkLayout("Redis key "+key, fmt.Sprint(got[0]), fmt.Sprint(got[1]))
}

// Client is the connection, for the policy's own keys. Its owner stays the Redis.
func (r *Redis) Client() redis.UniversalClient { return r.client }

// Another is another connection to the same Redis, with so many sockets at most, for calls
// that wait on the server. Its caller closes it.
func (r *Redis) Another(sockets int) redis.UniversalClient {
	o := *r.opts
	o.PoolSize, o.MinIdleConns = sockets, 0
	return newClient(&o)
}

// Prefix is what every key starts with, without braces.
func (r *Redis) Prefix() string { return r.prefix }

func (r *Redis) epochKey(shard uint16) string {
	return fmt.Sprintf("{%s:s%02d}:epoch", r.prefix, shard)
}

func (r *Redis) subsKey(shard uint16) string { return fmt.Sprintf("{%s:s%02d}:subs", r.prefix, shard) }

func (r *Redis) lampsKey(n uint32) string { return fmt.Sprintf("{%s:l%02d}:lamps", r.prefix, n) }

func lampShard(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return h.Sum32() % lampShards
}

// Acquire implements Backend.
func (r *Redis) Acquire(ctx context.Context, shard uint16, owner string) (Epoch, error) {
	epoch, err := within(ctx, r, func() (int64, error) {
		return acquireScript.Run(ctx, r.client, []string{r.epochKey(shard)},
			owner, r.now()).Int64()
	})
	return Epoch(epoch), err
}

// now is for people.
func (r *Redis) now() string { return time.Now().UTC().Format(time.RFC3339) }

// Release implements Backend.
func (r *Redis) Release(ctx context.Context, shard uint16, epoch Epoch) error {
	ok, err := within(ctx, r, func() (bool, error) {
		return releaseScript.Run(ctx, r.client, []string{r.epochKey(shard)}, uint64(epoch)).Bool()
	})
	if err == nil && !ok {
		return &FencedError{Fenced: []Fence{{shard, epoch}}}
	}
	return err
}

// Ping implements Backend.
func (r *Redis) Ping(ctx context.Context) error {
	_, err := within(ctx, r, func() (string, error) { return r.client.Ping(ctx).Result() })
	return err
}

// Close implements Backend.
func (r *Redis) Close() error {
	r.mu.Lock()
	was := r.closed
	r.closed = true
	r.mu.Unlock()
	if was {
		return nil
	}
	err := r.client.Close()
	r.calls.Wait()
	return err
}

// within runs fn and returns when it has or ctx ends: the client heeds a deadline but
// not a cancellation. A call left behind ends with the client's own timeouts; Close
// waits for it.
func within[T any](ctx context.Context, r *Redis, fn func() (T, error)) (none T, err error) {
	if err := ctx.Err(); err != nil {
		return none, err
	}
	type answer struct {
		value T
		err   error
	}
	got := make(chan answer, 1)
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return none, ErrClosed
	}
	r.calls.Go(func() {
		v, err := fn()
		got <- answer{v, err}
	})
	r.mu.Unlock()
	select {
	case a := <-got:
		return a.value, r.wrap(ctx, a.err)
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

func (r *Redis) wrap(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, ErrFenced), errors.As(err, new(*WentError)):
		return err
	case errors.Is(err, redis.ErrClosed):
		return ErrClosed
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	case redis.HasErrorPrefix(err, "OOM"):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return fmt.Errorf("store: redis: %w", err)
}
