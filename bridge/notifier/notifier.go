// Package notifier is the hot path: a presentity that moved becomes NOTIFYs to its
// watchers. Every subscription belongs to one loop, a goroutine that alone touches its
// record, its timers and its outstanding NOTIFYs, and to one shard of the store, which this
// process alone writes. There is no goroutine, timer or store call per subscription or NOTIFY: timers
// are entries of a wheel, and what must be durable is committed in groups.
package notifier

import (
	"context"
	"crypto/rand"
	"hash/fnv"
	"hash/maphash"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge/clock"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/store"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// Lamps is what the notifier asks of the compositor. The methods are safe for concurrent
// use and do not block for long.
type Lamps interface {
	// Intern gives a presentity its number, for as long as the process lives.
	Intern(compositor.Key) uint32
	// Lamp is its state now; callers must not change Calls.
	Lamp(id uint32) compositor.Lamp
}

// Config is what New needs.
type Config struct {
	Lamps     Lamps
	Transport Transport
	// Backend holds the subscriptions; nil keeps them in memory only.
	Backend store.Backend
	// Committer writes to it; nil exactly if Backend is.
	Committer *store.Committer
	// Owner names this process in the store, for people.
	Owner string
	// Rules default to subscription.DefaultRules.
	Rules subscription.Rules
	// Loops is how many goroutines share the shards; 0 = GOMAXPROCS.
	Loops int
	// Decide decides about a subscription that comes back from the store, since the policy
	// may have changed meanwhile; Unavailable leaves it as it is. nil = all stay.
	Decide func(Standing) policy.Decision
	// External is told which external presentities are watched, and completes what was
	// decided about them. nil = there are none.
	External External
	// Shared says that other processes have shards of the store too. None is held then
	// before Hold, and new subscriptions go to those of Homes. nil = all shards are ours.
	Shared Shared
	// Offer says by what a watcher that may pick up does so, for bodies of the dialog
	// package that show a call ringing. It must be quick, not block and answer alike as
	// long as the lamp is the same. nil = lamps tell nothing of it.
	Offer func(Asked) Offer
	// MaxBacklog is how many messages may wait in one loop before SUBSCRIBEs get 503; 0 = 65536.
	MaxBacklog int
	// Clock is the time that subscriptions expire by; nil = one of its own.
	Clock      *clock.Clock
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Notifier runs the loops.
type Notifier struct {
	lamps     Lamps
	transport Transport
	backend   store.Backend
	committer committer
	owner     string
	rules     subscription.Rules
	backlog   int
	log       *slog.Logger
	metrics   *metrics
	loops     []*loop
	ready     chan struct{} // closed when every shard was loaded once
	ended     chan struct{} // closed when the loops have ended
	stopping  atomic.Bool
	clock     *clock.Clock
	decide    func(Standing) policy.Decision
	external  External
	offer     func(Asked) Offer
	turns     *turns
	shared    Shared
	homes     atomic.Pointer[[]uint16] // the shards of new subscriptions
	stale     atomic.Int64

	mu     sync.Mutex       // guards what follows
	failed string           // last store error that was logged
	hash   maphash.Seed     // of held; only read
	total  int              // subscriptions
	held   map[uint64]int32 // by hash of the watcher
}

// committer is what the notifier uses of store.Committer.
type committer interface {
	Submit(deltas []store.Delta, lamps []store.LampDelta, ack func(error))
	Away() bool
}

// noStore stands in where subscriptions are kept in memory only.
type noStore struct{}

func (noStore) Submit(_ []store.Delta, _ []store.LampDelta, ack func(error)) { ack(nil) }
func (noStore) Away() bool                                                   { return false }

// New makes a notifier; nothing runs before Run.
func New(c Config) *Notifier {
	n := &Notifier{
		lamps: c.Lamps, transport: c.Transport, backend: c.Backend, committer: noStore{}, owner: c.Owner,
		rules: c.Rules, backlog: c.MaxBacklog, log: c.Logger,
		ready: make(chan struct{}), ended: make(chan struct{}), clock: c.Clock, decide: c.Decide, offer: c.Offer, external: c.External, held: map[uint64]int32{}, hash: maphash.MakeSeed(), turns: newTurns(), shared: c.Shared,
	}
	if n.clock == nil {
		n.clock = clock.New(time.Now())
	}
	if c.Committer != nil {
		n.committer = c.Committer
	}
	if n.rules == (subscription.Rules{}) {
		n.rules = subscription.DefaultRules
	}
	if n.backlog == 0 {
		n.backlog = 1 << 16
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	count := c.Loops
	if count == 0 {
		count = min(runtime.GOMAXPROCS(0), store.Shards)
	}
	if c.Registerer != nil {
		n.metrics = newMetrics(count)
	}
	for i := range count {
		n.loops = append(n.loops, newLoop(n, i))
	}
	n.metrics.register(c.Registerer, n.Waiting, n.Stale)
	return n
}

// Run serves until ctx ends. Then it lets outstanding NOTIFYs finish, seals and writes
// every record, so that the next process goes on without a gap; it sends no terminated
// (DESIGN §4). The committer and the transport must outlive it.
func (n *Notifier) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { n.stopping.Store(true) })()
	var wg sync.WaitGroup
	for _, l := range n.loops {
		wg.Go(func() { l.run(ctx) })
	}
	if n.shared == nil {
		wg.Go(func() { n.load(ctx) })
	}
	wg.Wait()
	close(n.ended)
	for _, l := range n.loops {
		wg.Go(l.seal)
	}
	wg.Wait()
	return nil
}

// Ready is closed when the stored subscriptions were loaded (or there is no store).
func (n *Notifier) Ready() <-chan struct{} { return n.ready }

// Subscribe hands a SUBSCRIBE in; s.Answer is called later, and s is ours until then. It never blocks.
func (n *Notifier) Subscribe(s *Subscribe) {
	l := n.loopOf(s.CallID)
	if s.LocalTag == "" && l.admission.full() {
		s.Answer(comeAgain())
		return
	}
	if n.stopping.Load() {
		s.Answer(Answer{Status: 503, RetryAfter: 2 * time.Second})
		return
	}
	if l.box.backlog() > n.backlog {
		s.Answer(Answer{Status: 503, RetryAfter: 5 * time.Second})
		return
	}
	l.admission.waiting.Add(1)
	if !l.box.post(message{subscribe: s}) {
		l.admission.waiting.Add(-1)
		s.Answer(Answer{Status: 503, RetryAfter: 2 * time.Second})
	}
}

// Responses hands in answers to NOTIFYs, which stay the caller's. It never blocks.
func (n *Notifier) Responses(all ...Response) {
	given := 0
	for i, l := range n.loops {
		given += l.box.answer(int32(i), all) //nolint:gosec // a few
	}
	for range len(all) - given {
		n.metrics.stray()
	}
}

// FlowClosed says that a stream connection is gone. Send is tried again when there is
// something to tell the phone: the transport may be able to dial it.
func (n *Notifier) FlowClosed(f Flow) { n.flow(f, flowClosed) }

// FlowUp says that a stream connection stands again.
func (n *Notifier) FlowUp(f Flow) { n.flow(f, flowUp) }

func (n *Notifier) flow(f Flow, kind flowKind) {
	for _, l := range n.loops {
		l.box.post(message{flow: f, flowKind: kind})
	}
}

// Changed takes a piece of the compositor's feed. It never blocks.
func (n *Notifier) Changed(b compositor.Batch) {
	for _, l := range n.loops {
		l.box.mark(b.Presentities)
	}
}

// Counts are the subscriptions there are, in all and of one watcher.
func (n *Notifier) Counts(w policy.Watcher) policy.Counts {
	h := n.holder(w)
	n.mu.Lock()
	defer n.mu.Unlock()
	return policy.Counts{Total: n.total, Watcher: int(n.held[h])}
}

func (n *Notifier) count(w policy.Watcher, by int) {
	h := n.holder(w)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.total += by
	if n.held[h] += int32(by); n.held[h] == 0 { //nolint:gosec // one
		delete(n.held, h)
	}
}

// holder names a watcher, without what differs between its requests.
func (n *Notifier) holder(w policy.Watcher) uint64 {
	w.Trusted = false
	return maphash.Comparable(n.hash, w)
}

// shardOf spreads dialogs by Call-ID, so that all requests of a dialog meet in one loop,
// and in one of the fixed shards.
func shardOf(callID string) uint16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(callID))
	return uint16(h.Sum32() % store.Shards)
}

func (n *Notifier) loopOf(callID string) *loop { return n.loops[int(shardOf(callID))%len(n.loops)] }

func (n *Notifier) seed(b *[32]byte) { _, _ = rand.Read(b[:]) }

// storeFailed logs a store error once until another one comes.
func (n *Notifier) storeFailed(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := err.Error(); s != n.failed {
		n.failed = s
		n.log.Warn("subscriptions are granted for a short while only, because the store does not take them", "error", err)
	}
}
