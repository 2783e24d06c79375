package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// CommitterConfig sets up a Committer; the zero value is good.
type CommitterConfig struct {
	// MaxDelay waits for more changes before a group is written. 0, the default,
	// writes at once what came while the last group was being written.
	MaxDelay time.Duration
	// Gather is how long a group waits after one of many changes, for as many to come: in a
	// storm each round costs less then, and nobody waits longer, since all wait for the
	// processor. A change that comes alone is written at once. 0, the default, does not wait.
	Gather time.Duration
	// MaxBatch is how many changes one Backend.Commit gets, rounded up to whole
	// shards; default 4096.
	MaxBatch int
	// Timeout bounds one Backend.Commit; after it the store counts as away. Default 5 s.
	Timeout time.Duration
	// RetryMin and RetryMax bound the pause between tries while the store is away;
	// defaults 100 ms and 5 s.
	RetryMin, RetryMax time.Duration
	// OnAway, if set, is told when the store goes away (true) and is back with all
	// that was kept written (false). Called as acks are: it must not block.
	OnAway func(away bool)
	// Logger may be nil.
	Logger *slog.Logger
	// Registerer may be nil.
	Registerer prometheus.Registerer
}

func (c *CommitterConfig) defaults() {
	c.MaxBatch = orDefault(c.MaxBatch, 4096)
	c.Timeout = orDefault(c.Timeout, 5*time.Second)
	c.RetryMin = orDefault(c.RetryMin, 100*time.Millisecond)
	c.RetryMax = max(orDefault(c.RetryMax, 5*time.Second), c.RetryMin)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// Committer gathers the changes of all shards and writes them in groups: all that
// came while one group was being written makes the next. While the store is away it
// keeps the last change of every key and writes them when the store returns.
//
// Two goroutines serve it, both ended by Close: one owns the state and calls the
// acks, the other waits for the store, so that a store that hangs delays no answer.
type Committer struct {
	backend Writer
	cfg     CommitterConfig
	metrics *committerMetrics
	away    atomic.Bool
	full    atomic.Bool // why it is away

	mu      sync.Mutex // guards what follows, up to closed
	pending *group
	spare   *group // to be the next one; nil = none
	// inflight is how many keys the writer has.
	inflight int
	// flushNow asks for a try before the pause is over.
	flushNow bool
	closed   bool

	wake   chan struct{} // something was submitted; capacity 1
	work   chan batch    // to the writer
	done   chan result   // from the writer
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Writer is what a Committer needs of a Backend.
type Writer interface {
	// Commit is as Backend.Commit says.
	Commit(ctx context.Context, deltas []Delta, lamps []LampDelta) error
}

// NewCommitter starts a committer on top of backend. Close it before the backend.
func NewCommitter(backend Writer, cfg CommitterConfig) *Committer {
	cfg.defaults()
	ctx, cancel := context.WithCancel(context.Background())
	c := &Committer{
		backend: backend,
		cfg:     cfg,
		pending: newGroup(),
		wake:    make(chan struct{}, 1),
		work:    make(chan batch),
		done:    make(chan result),
		cancel:  cancel,
	}
	c.metrics = newCommitterMetrics(cfg.Registerer, c.Pending)
	c.wg.Go(func() { c.loop(ctx) })
	c.wg.Go(func() { c.write(ctx) })
	return c
}

// Submit hands over changes and returns at once. The values, not the slices, belong
// to the committer then. ack (which may be nil) is called exactly once:
//
//   - nil: the changes are durable (or newer ones of the same keys are);
//   - ErrAway (ErrFull if it has no room), at once: the store is away; the changes are kept and written later;
//   - a *FencedError: the shards it names have a newer owner; their changes are dropped,
//     the others' are durable; a *WentError tells of entries that others moved away, with it
//     or alone: those of its shards that anybody submitted;
//   - ErrInvalid: a key, value or shard is outside the limits; nothing of the
//     submission is kept;
//   - ErrClosed: the committer is closed; changes that came before Close ended and
//     could not be written are lost to this process.
//
// Acks come in the order of the submissions, from the committer's goroutine, and
// must not block; ErrInvalid and ErrClosed may come from within Submit.
func (c *Committer) Submit(deltas []Delta, lamps []LampDelta, ack func(error)) {
	if ack == nil {
		ack = func(error) {}
	}
	if err := checkBatch(deltas, lamps); err != nil {
		c.metrics.invalid.Inc()
		c.cfg.Logger.Error("store refuses an entry", "error", err)
		ack(err)
		return
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		ack(ErrClosed)
		return
	}
	w := waiter{ack: ack}
	for _, d := range deltas {
		w.add(Fence{d.Shard, d.Epoch})
		if !c.pending.put(d) {
			w.fenced = append(w.fenced, Fence{d.Shard, d.Epoch})
		}
	}
	for _, l := range lamps {
		c.pending.lamps[l.Key] = l.Value
	}
	c.pending.acks = append(c.pending.acks, w)
	c.mu.Unlock()
	c.nudge()
}

func (c *Committer) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Away reports whether the last write failed and none has succeeded since.
func (c *Committer) Away() bool { return c.away.Load() }

// Pending returns how many keys wait to be written or are being written.
func (c *Committer) Pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending.size() + c.inflight
}

// Flush waits until all that was submitted before it is durable, through an outage if
// need be, or until ctx ends. It tries at once even if a pause is under way.
func (c *Committer) Flush(ctx context.Context) error {
	got := make(chan error, 1)
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return ErrClosed
	}
	c.pending.acks = append(c.pending.acks, waiter{ack: func(err error) { got <- err }, patient: true})
	c.flushNow = true
	c.mu.Unlock()
	c.nudge()
	select {
	case err := <-got:
		return err
	case <-ctx.Done():
		if c.Away() {
			return fmt.Errorf("%w: %d entries not written: %w", ErrAway, c.Pending(), ctx.Err())
		}
		return ctx.Err()
	}
}

// Close flushes until ctx ends, then stops and waits for the goroutines. Its error
// says that something could not be written. The backend stays open.
func (c *Committer) Close(ctx context.Context) error {
	err := c.Flush(ctx)
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
	if errors.Is(err, ErrClosed) {
		return nil // closed before
	}
	return err
}
