package cluster

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"blfbridge/bridge/store"
)

// homeShards is how many shards a replica makes for its own subscriptions. When it is gone
// they are spread over so many others at most.
const homeShards = 8

// maxClaims is how many subscriptions are looked for elsewhere at the same time.
const maxClaims = 64

// ErrBusy: too many subscriptions are being looked for with other replicas.
var ErrBusy = errors.New("cluster: too many subscriptions are looked for")

// ErrLoading: the subscription is in a shard that this replica is taking over.
var ErrLoading = errors.New("cluster: the shard is being taken over")

// Holder holds the subscriptions of shards; notifier.Notifier is one.
type Holder interface {
	// Hold loads a shard that was acquired.
	Hold(context.Context, store.Fence) (int, error)
	// LetGo drops a shard that is another's.
	LetGo(store.Fence)
	// Homes says where new subscriptions go.
	Homes([]uint16)
	// Gone drops subscriptions that are in other shards now.
	Gone(shard uint16, keys []string)
	// Went drops one at once, unless it is back.
	Went(store.Went)
	// Count is how many subscriptions of a shard are held.
	Count(ctx context.Context, shard uint16) (int, error)
	// Rewrite stores all again: Redis may have lost what it had acknowledged.
	Rewrite()
	// Unknown names those of the entries of a shard that are not held.
	Unknown(ctx context.Context, shard uint16, stored map[string][]byte) ([]string, error)
	// Total is how many subscriptions are held.
	Total() int
	// Stale is how many NOTIFYs phones refused because they came too late.
	Stale() int
	// HandOver writes a shard and drops it, for whoever acquires it next.
	HandOver(context.Context, store.Fence) error
}

// Shards are the shards of the store that this replica writes: its own, for what it is asked
// for, and those of replicas that are gone. It implements notifier.Shared.
type Shards struct {
	c      *Cluster
	store  *store.Redis
	holder Holder
	poke   chan struct{}
	claims chan struct{} // room for those under way
	wg     sync.WaitGroup
	ctx    context.Context // of Run
	cancel context.CancelFunc

	homing sync.Mutex // so that the holder is told last what is so last

	adopted, rewrites atomic.Int64
	haunted           atomic.Bool // Redis may have what had gone
	silent            atomic.Bool // the last beat failed

	mu    sync.Mutex // guards what follows
	alive alive
	taken int64 // by others, that was looked at
	// known is from when on it is known who lives, if we beat without a break.
	known  time.Time
	server string // that the last beat came to
	held   map[uint16]held
	// leaving: what is held is handed over, and nothing more taken.
	leaving, left bool
}

// held is a shard of ours.
type held struct {
	epoch  store.Epoch
	home   bool
	loaded bool
}

// NewShards makes a replica that holds none yet.
func (c *Cluster) NewShards() *Shards {
	k := &Shards{
		c: c, store: c.store, poke: make(chan struct{}, 1), claims: make(chan struct{}, maxClaims), held: map[uint16]held{},
	}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

// Run keeps this replica alive in the others' eyes, and holds what is its to hold, until
// ctx ends. What it holds stays its own until Leave.
func (s *Shards) Run(ctx context.Context, holder Holder) error {
	s.mu.Lock()
	s.holder = holder
	s.mu.Unlock()
	defer s.wg.Wait()
	defer s.cancel()
	var beating sync.WaitGroup
	beating.Go(func() { s.beats(ctx) })
	beating.Go(func() { s.heed(ctx) })
	defer beating.Wait()
	var told error
	for round := 0; ; round++ {
		err := s.keep(ctx, round)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && (told == nil || told.Error() != err.Error()) {
			s.c.log.Warn("the shards of the subscriptions could not be looked after; trying again", "error", err)
		}
		told = err
		select {
		case <-ctx.Done():
			return nil
		case <-s.poke:
		case <-time.After(s.c.lease): // Redis may be away
		}
	}
}

// keep makes what is held what ought to be.
func (s *Shards) keep(ctx context.Context, round int) error {
	s.mu.Lock()
	who, looked, leaving := s.alive, s.taken, s.leaving
	s.mu.Unlock()
	if leaving {
		return s.hear(ctx, who.taken, looked) // what others claim meanwhile is theirs
	}
	if len(who.stay) == 0 {
		return nil // no beat got through yet
	}
	if round == 0 || !s.atHome() {
		if err := s.store.Share(ctx); err != nil {
			return err
		}
	}
	owners, err := s.store.Owners(ctx)
	if err != nil {
		return err
	}
	if err := s.letGo(ctx, owners); err != nil {
		return err
	}
	if s.haunted.Swap(false) {
		if err := s.lay(ctx); err != nil {
			s.haunted.Store(true)
			return err
		}
	}
	if !s.atHome() {
		if err := s.settleDown(ctx); err != nil {
			return err
		}
	}
	fresh := false
	for _, id := range slices.Sorted(maps.Keys(owners)) {
		owner := owners[id]
		ours := owner == s.c.replica && !s.holds(id) // acquired, and then Redis went away
		if !fresh && owner != "" && !who.lives(owner) {
			// Who lives must be newer than who owns: a replica that has just come is no dead one.
			if who, err = s.c.beat(ctx, false, s.state()); err != nil {
				return err
			}
			fresh = true
		}
		free := owner == "" || s.knows() && !who.lives(owner)
		if ours || free && heir(id, who.stay) == s.c.replica {
			if err := s.adopt(ctx, id, owner); err != nil {
				return err
			}
		}
	}
	if err := s.hear(ctx, who.taken, looked); err != nil {
		return err
	}
	if round%64 == 63 { // what went more than a minute ago is forgotten by this
		if err := s.gone(ctx); err != nil {
			return err
		}
	}
	if round%16 == 15 {
		return s.dropEmpty(ctx)
	}
	return nil
}

// hear drops what others took since it was looked at the last time.
func (s *Shards) hear(ctx context.Context, taken, looked int64) error {
	if taken == looked {
		return nil
	}
	if err := s.gone(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.taken = taken
	s.mu.Unlock()
	return nil
}

func (s *Shards) holds(id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ours := s.held[id]
	return ours
}

// atHome reports whether we have shards of our own.
func (s *Shards) atHome() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.held {
		if h.home {
			return true
		}
	}
	return false
}

// letGo drops what others took over because they thought us dead. What Redis lost of ours in
// a failover is noted again.
func (s *Shards) letGo(ctx context.Context, owners map[uint16]string) error {
	s.mu.Lock()
	all := maps.Clone(s.held)
	s.mu.Unlock()
	var lost []store.Fence
	for id, h := range all {
		owner := owners[id]
		if owner == s.c.replica {
			continue
		}
		epoch, holder, err := s.store.Epoch(ctx, id)
		if err != nil {
			return err
		}
		// Without an owner it may have been taken over and given up again since.
		if epoch > h.epoch || owner != "" && epoch == h.epoch && holder != s.c.replica && holder != store.TakenOver {
			lost = append(lost, store.Fence{Shard: id, Epoch: h.epoch})
			continue
		}
		if err := s.store.SetOwner(ctx, id, s.c.replica); err != nil {
			return err
		}
		owners[id] = s.c.replica
	}
	for _, f := range lost {
		s.drop(f, owners[f.Shard])
	}
	if len(lost) > 0 {
		s.homes()
	}
	return nil
}

// drop drops a shard that is owner's now; empty = not known yet.
func (s *Shards) drop(f store.Fence, owner string) {
	s.mu.Lock()
	ours := s.held[f.Shard].epoch == f.Epoch
	if ours {
		delete(s.held, f.Shard)
	}
	s.mu.Unlock()
	if ours {
		s.c.log.Warn("another replica took a shard of the subscriptions over", "shard", f.Shard, "owner", owner)
		s.holder.LetGo(f)
	}
}

// homes tells the holder which shards are our own.
func (s *Shards) homes() {
	s.homing.Lock()
	defer s.homing.Unlock()
	s.mu.Lock()
	var all []uint16
	for id, h := range s.held {
		if h.home && h.loaded && !s.leaving {
			all = append(all, id)
		}
	}
	s.mu.Unlock()
	s.shown()
	slices.Sort(all)
	s.holder.Homes(all)
}

// shown brings the gauge up to date.
func (s *Shards) shown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.c.metrics.shards.Set(float64(len(s.held)))
}

// settleDown makes shards of our own.
func (s *Shards) settleDown(ctx context.Context) error {
	ids, err := s.store.NewShards(ctx, homeShards, s.c.replica)
	if err != nil {
		return err
	}
	for _, id := range ids {
		epoch, err := s.store.Acquire(ctx, id, s.c.replica)
		if err != nil {
			return err
		}
		if _, err := s.take(ctx, id, held{epoch: epoch, home: true}); err != nil {
			return err
		}
	}
	s.homes()
	s.c.log.Info("this replica has shards of its own", "shards", ids)
	return nil
}

// take loads a shard that was acquired.
func (s *Shards) take(ctx context.Context, id uint16, h held) (int, error) {
	s.set(id, h)
	n, err := s.holder.Hold(ctx, store.Fence{Shard: id, Epoch: h.epoch})
	if err != nil {
		// Acquired and not loaded: nobody may count on us. The heir tries again.
		s.mu.Lock()
		delete(s.held, id)
		s.mu.Unlock()
		return 0, errors.Join(err, s.free(context.WithoutCancel(ctx), store.Fence{Shard: id, Epoch: h.epoch}))
	}
	h.loaded = true
	s.set(id, h)
	return n, nil
}

func (s *Shards) set(id uint16, h held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[id] = h
}

// adopt takes over a shard whose owner is gone.
func (s *Shards) adopt(ctx context.Context, id uint16, from string) error {
	epoch, holder, err := s.store.AcquireFrom(ctx, id, from, s.c.replica)
	if err != nil || epoch == 0 {
		return err // somebody else was first: holder is noted
	}
	n, err := s.take(ctx, id, held{epoch: epoch})
	if err != nil {
		return err
	}
	s.shown()
	s.c.metrics.adopted.Add(float64(n))
	s.adopted.Add(int64(n))
	s.c.log.Info("this replica took over a shard of the subscriptions", "shard", id, "from", from, "owner", holder, "subscriptions", n)
	// Some may have gone to a third replica while we read.
	return s.goneOf(ctx, id)
}

// gone drops what went to other replicas.
func (s *Shards) gone(ctx context.Context) error {
	s.mu.Lock()
	ids := slices.Sorted(maps.Keys(s.held))
	s.mu.Unlock()
	for _, id := range ids {
		if err := s.goneOf(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shards) goneOf(ctx context.Context, id uint16) error {
	keys, err := s.store.Moved(ctx, id)
	if err == nil && len(keys) > 0 {
		s.holder.Gone(id, keys)
	}
	return err
}

// dropEmpty deletes shards of others that have nothing left.
func (s *Shards) dropEmpty(ctx context.Context) error {
	s.mu.Lock()
	var all []store.Fence
	for id, h := range s.held {
		if !h.home && h.loaded {
			all = append(all, store.Fence{Shard: id, Epoch: h.epoch})
		}
	}
	s.mu.Unlock()
	for _, f := range all {
		if n, err := s.holder.Count(ctx, f.Shard); err != nil || n > 0 {
			continue
		}
		dropped, err := s.store.DropShard(ctx, f)
		if err != nil {
			return err
		}
		if dropped {
			s.mu.Lock()
			delete(s.held, f.Shard)
			s.mu.Unlock()
			s.shown()
		}
	}
	return nil
}

// free makes a shard nobody's.
func (s *Shards) free(ctx context.Context, f store.Fence) error {
	ctx, cancel := context.WithTimeout(ctx, s.c.lease)
	defer cancel()
	if err := s.store.Release(ctx, f.Shard, f.Epoch); err != nil {
		return err
	}
	return s.store.SetOwner(ctx, f.Shard, "")
}

// Leave gives all shards up, so that others take them over at once. All must have been
// written, and Run have ended.
func (s *Shards) Leave(ctx context.Context) error {
	s.mu.Lock()
	all := s.held
	s.held = map[uint16]held{}
	s.left = true
	s.mu.Unlock()
	var errs []error
	for id, h := range all {
		err := s.free(ctx, store.Fence{Shard: id, Epoch: h.epoch})
		if errors.Is(err, store.ErrFenced) {
			continue
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, s.c.leave(ctx))...)
}
