package ari

import (
	"context"
	"sync"
	"time"

	"blfbridge/bridge/compositor"
)

// session is one connection. Its fields are owned by the goroutine of Run; the others
// that it starts only use the channels and the queue.
type session struct {
	*Source
	sink    compositor.Sink
	wg      *sync.WaitGroup // of everything started
	queue   *queue
	queries chan dialogQuery
	answers chan dialogAnswer
	looks   chan lookResult

	live    bool     // the snapshot was delivered: changes may follow
	job     *lookJob // the look under way
	resync  bool     // everything is to be looked at and replaced
	compare bool     // a comparison is due
	waiters []chan struct{}
}

// session connects and feeds the sink until the connection ends or ctx does. up says
// whether a snapshot was delivered. down is told why as soon as that is known; closing
// may take some time after.
func (s *Source) session(ctx context.Context, sink compositor.Sink, down func(up bool, err error)) (up bool, err error) {
	i, err := s.client.asteriskInfo(ctx) // finds a wrong URL or password in plain words
	if err != nil {
		err = s.cfg.explain(err)
		down(false, err)
		return false, err
	}
	conn, err := s.openSocket(ctx)
	if err != nil {
		down(false, err)
		return false, err
	}
	s.log.Info("event socket open", "asterisk", i.System.Version, "entity_id", i.System.EntityID, "app", s.cfg.App)

	var wg sync.WaitGroup
	defer wg.Wait()
	ss := &session{
		Source: s, sink: sink, wg: &wg, queue: newQueue(), resync: true,
		queries: make(chan dialogQuery, dialogQueue), answers: make(chan dialogAnswer), looks: make(chan lookResult, 1),
	}
	s.model.forgetQueries()
	// The reader outlives ctx: the socket is drained until it is closed.
	rctx, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReading()
	wctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed, ended := make(chan error, 2), make(chan struct{})
	wg.Go(func() {
		err := read(rctx, conn, ss.queue)
		close(ended)
		failed <- err
	})

	if err = s.subscribe(wctx); err == nil {
		wg.Go(func() {
			if err := s.health(wctx, conn); err != nil {
				failed <- err
			}
		})
		if !s.cfg.NoDialogs {
			for range dialogWorkers {
				wg.Go(func() { s.resolve(wctx, ss.queries, ss.answers) })
			}
		}
		err = ss.loop(wctx, failed)
	}
	down(ss.live, err)
	s.model.touched = nil
	cancel()
	s.closeSocket(ctx, conn, err, ended)
	for _, w := range ss.waiters {
		close(w)
	}
	return ss.live, err
}

// loop applies what comes, in order, until the session fails.
func (ss *session) loop(ctx context.Context, failed <-chan error) error {
	reconcile := time.NewTicker(ss.cfg.Reconcile)
	defer reconcile.Stop()
	for {
		ss.startLook(ctx)
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err = <-failed:
			if last := ss.drain(); last != nil { // ApplicationReplaced explains a close
				return last
			}
		case <-ss.queue.ready:
			err = ss.drain()
		case a := <-ss.answers:
			ss.model.resolved(a)
			ss.emit(time.Now())
		case r := <-ss.looks:
			err = ss.looked(ctx, r)
		case <-reconcile.C:
			ss.compare = true
		case w := <-ss.lookNow:
			ss.compare = true
			ss.waiters = append(ss.waiters, w)
		}
		if err != nil {
			return err
		}
	}
}

// drain applies all queued events. The error is ErrReplaced.
func (ss *session) drain() error {
	items, overflow := ss.queue.take()
	if overflow {
		ss.metrics.overflows.Inc()
		ss.log.Warn("event queue overflowed; looking at everything again")
		ss.resync = true
	}
	for _, raw := range items {
		ev, err := decode(raw.data, raw.at)
		switch {
		case err != nil:
			ss.metrics.broken.Inc()
			ss.log.Debug("event left out", "event", string(raw.data[:min(len(raw.data), 200)]), "error", err)
			continue
		case ev.kind == evOther:
			ss.metrics.events.WithLabelValues("other").Inc()
			ss.metrics.unknown.Inc()
			ss.log.Debug("event of no use", "event", ev.typ)
			continue
		case ev.kind == evReplaced:
			ss.metrics.events.WithLabelValues(ev.typ).Inc()
			return ErrReplaced
		}
		ss.metrics.events.WithLabelValues(ev.typ).Inc()
		ss.model.apply(ev)
		ss.emit(ev.at)
	}
	return nil
}

// emit reports what changed. Before the snapshot nothing is; the snapshot holds it then.
func (ss *session) emit(at time.Time) {
	if !ss.live {
		return
	}
	ss.ask()
	for _, st := range ss.model.changed(at) {
		ss.sink.Change(st)
	}
}
