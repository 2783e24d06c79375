package trunk

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/notifier"
	"blfbridge/policy"
)

// Subscriber has the outbound subscriptions. Its methods are safe for concurrent use and
// do not block. It implements notifier.External and sipua.Subscriber.
type Subscriber struct {
	c       Config
	log     *slog.Logger
	metrics *metrics
	wake    chan struct{} // capacity 1: the first time due may be another one
	lookups sync.WaitGroup

	eventsMu sync.Mutex // guards events; taken with mu held
	events   []flowEvent

	mu        sync.Mutex // guards what follows
	externals map[compositor.Key]*external
	legs      map[string]*leg // by Call-ID
	branches  map[string]*leg // of outstanding requests
	logins    map[loginKey]*login
	paces     map[netip.AddrPort]time.Time // when each server's rate is used up to
	agenda    agenda
	running   context.Context //nolint:containedctx // ends the lookups with Run; nil before
	stopping  bool
	idle      chan struct{} // closed when the last leg is gone, while stopping
}

var _ notifier.External = (*Subscriber)(nil)

// New makes a Subscriber. Watch may be called before Run; time passes in Run only.
func New(c Config) (*Subscriber, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	s := &Subscriber{
		c: c, log: c.Logger, wake: make(chan struct{}, 1), externals: map[compositor.Key]*external{},
		legs: map[string]*leg{}, branches: map[string]*leg{}, logins: map[loginKey]*login{}, paces: map[netip.AddrPort]time.Time{}, idle: make(chan struct{}),
	}
	s.metrics = newMetrics(c.Registerer, s)
	return s, nil
}

// leaveTime bounds how long a stop waits for the answers to its unsubscribing.
const leaveTime = time.Second

// Run keeps the subscriptions until ctx ends. Then it ends them at their servers, so that
// those do not go on notifying nobody; the lamps stay as they are.
func (s *Subscriber) Run(ctx context.Context) error {
	lookups, cancel := context.WithCancel(ctx)
	defer s.lookups.Wait()
	defer cancel()
	s.mu.Lock()
	s.running = lookups
	for _, x := range s.externals {
		if x.phase == seeking && x.leg == nil {
			s.next(x) // its host names wait for us
		}
	}
	s.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	stop, stopped := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case <-stop:
			stop = nil
			stopped = time.After(leaveTime)
			s.leave()
		case <-s.idle:
			return nil
		case <-stopped:
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		s.mu.Lock()
		s.takeEvents()
		next := s.tick(time.Now())
		s.mu.Unlock()
		if !next.IsZero() {
			timer.Reset(max(time.Until(next), 0))
		}
	}
}

// tick serves what is due and says when the next is.
func (s *Subscriber) tick(now time.Time) time.Time {
	for len(s.agenda) > 0 {
		x := s.agenda[0]
		if at := x.due(); now.Before(at) {
			return at
		}
		x.tick(now)
		if *x.place() >= 0 {
			s.agenda.set(x)
		}
	}
	return time.Time{}
}

// plan puts an item in its place, and lets Run look.
func (s *Subscriber) plan(x item) {
	s.agenda.set(x)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// leave ends every subscription.
func (s *Subscriber) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for _, x := range s.externals {
		x.settle()
		s.agenda.drop(x)
	}
	for _, l := range s.legs {
		s.close(l)
	}
	s.left()
}

// left notes that a leg is gone.
func (s *Subscriber) left() {
	if s.stopping && len(s.legs) == 0 {
		select {
		case <-s.idle:
		default:
			close(s.idle)
		}
	}
}

// Admit implements notifier.External.
func (s *Subscriber) Admit(w policy.Watcher, d policy.Decision) (policy.Decision, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.externals[compositor.Key{Line: d.Line}]
	if x == nil {
		return d, 0
	}
	now := time.Now()
	switch {
	case x.phase == refused && now.Before(x.at):
		d.Outcome, d.View, d.Pickup, d.Rule = x.outcome, policy.ViewNone, false, "external presentity: "+x.why
		return d, x.at.Sub(now)
	case x.phase == standing:
		// CUCM: further watchers get the cached status; the trunk's group is asked for each.
		k := policy.DecideTrunk(s.c.Policy(), w, x.trunk)
		k.Line, k.Route, k.Device = d.Line, d.Route, d.Device
		return k, 0
	}
	return d, 0
}
