package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"blfbridge/bridge/compositor"
)

// Feed is a source that all replicas share. It is itself a compositor.Source.
type Feed struct {
	c      *Cluster
	source compositor.Source
	keys   keys
	log    *slog.Logger
	tries  int // leases in a row under which the PBX was not reached; of Run

	position atomic.Pointer[Position] // nil = nowhere yet
}

func newFeed(c *Cluster, src compositor.Source) *Feed {
	return &Feed{c: c, source: src, keys: c.keysOf(src.Name()), log: c.log.With("source", src.Name())}
}

// Name implements compositor.Source.
func (f *Feed) Name() string { return f.source.Name() }

// Run implements compositor.Source: it holds the feed or follows it until ctx ends.
func (f *Feed) Run(ctx context.Context, sink compositor.Sink) error {
	o := outage{f: f, sink: sink}
	for ctx.Err() == nil {
		// Who holds many waits longer, so that they spread.
		if !pause(ctx, time.Duration(f.c.hold(0))*f.c.lease/20+rand.N(20*time.Millisecond)) {
			return nil
		}
		if o.ended(ctx) {
			pause(ctx, f.c.lease/2) // who holds the feed still renews its lease first
		}
		var s standing
		var mine bool
		var err error
		if !f.c.yields() {
			s, mine, err = f.take(ctx)
		}
		switch {
		case err != nil:
		case mine:
			o.over()
			if err := f.lead(ctx, sink, s); err != nil {
				return err
			}
			if f.tries > 0 {
				f.letOthers(ctx)
			}
		default:
			err = f.follow(ctx, sink, o.over)
		}
		if err != nil && ctx.Err() == nil {
			o.goesOn(err)
			pause(ctx, f.c.lease/6)
		}
	}
	return nil
}

// outage tells once that Redis is away, and the compositor when it stays away: lamps that
// nobody tells of any more are unknown after the grace period.
type outage struct {
	f     *Feed
	sink  compositor.Sink
	since time.Time // zero = there is none
	told  bool
}

// ended reports whether there was an outage, and Redis answers again.
func (o *outage) ended(ctx context.Context) bool {
	if o.since.IsZero() {
		return false
	}
	_, err := o.f.look(ctx)
	return err == nil
}

func (o *outage) over() { o.since, o.told = time.Time{}, false }

func (o *outage) goesOn(err error) {
	if o.since.IsZero() {
		o.since = time.Now()
		o.f.log.Warn("the PBX's feed is interrupted, because Redis does not answer", "error", err)
	}
	if !o.told && time.Since(o.since) >= o.f.c.lease {
		o.told = true
		o.sink.Down(fmt.Errorf("cluster: the PBX's feed: %w", err))
	}
}

// lead runs the source under the lease until ctx ends or the lease is another's. An error
// is the source's, which no retry can mend.
func (f *Feed) lead(ctx context.Context, sink compositor.Sink, s standing) error {
	f.log.Info("this replica holds the PBX's feed", "token", s.token)
	f.c.hold(1)
	f.c.metrics.holds(f.Name(), true)
	defer func() {
		f.c.hold(-1)
		f.c.metrics.holds(f.Name(), false)
	}()
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	p := newPublisher(f, sink, s)
	publish, stop := context.WithCancel(run)
	defer stop()
	lost, stopped := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(stopped)
		err := p.run(publish)
		if lost <- err; err != nil {
			cancel()
		}
	}()
	var handing sync.WaitGroup
	handing.Go(func() {
		select {
		case <-run.Done():
			return
		case <-f.c.yield:
		}
		stop()
		<-stopped
		p.handOver(run)
		cancel()
	})
	err := f.source.Run(run, p)
	cancel()
	handing.Wait()
	why := <-lost
	f.tried(p, errors.Is(why, errUnreached))
	if errors.Is(why, errUnreached) {
		f.log.Warn("this replica lets another one try the PBX, which it does not reach")
		p.close(context.WithoutCancel(ctx))
		return nil
	}
	if why != nil {
		f.log.Warn("this replica lets go of the PBX's feed", "error", why)
		return nil
	}
	if f.c.yields() {
		return nil
	}
	p.close(context.WithoutCancel(ctx))
	return err
}
