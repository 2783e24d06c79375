package esl

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/percipia/eslgo/command"

	"blfbridge/bridge/compositor"
)

// session is one connection's life. Its loop is the applier: the only one that touches
// the model and the sink.
type session struct {
	s    *Source
	sink compositor.Sink
	m    *model
	c    *conn

	core  string // Core-UUID of the session before, then of this one
	wasUp bool
	up    bool // a snapshot has been delivered: changes may follow

	asking  bool // a look is under way, and for what
	what    purpose
	results chan look
	asked   sync.WaitGroup
	since   uint64           // generation when the look for a snapshot began
	resync  bool             // events were dropped: start over when the look is done
	usersAt time.Time        // when the directory was read
	round   *round           // of the reconciler; nil between rounds
	settled <-chan time.Time // ends the round's last wait
}

// purpose of a look.
type purpose uint8

const (
	forSnapshot purpose = iota
	forPing
	forReconcile
	forSecondLook
)

// usersEvery is how often the directory is read again; it is the dearest question.
const usersEvery = 5 * time.Minute

func (x *session) run(ctx context.Context) error {
	c, err := x.s.dial(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	x.c, x.results = c, make(chan look, 1)
	defer x.asked.Wait()
	defer c.close()
	defer cancel()
	reply, err := c.do(ctx, command.Event{Format: "plain", Listen: eventList()})
	if err != nil {
		return err
	}
	if !strings.HasPrefix(reply, "+OK") {
		x.s.m.commandErrors.Inc()
		return fmt.Errorf("%w: event: %s (a user of userauth needs esl-allowed-events)", ErrCommand, reply)
	}
	x.m.reset()
	x.askSnapshot(ctx)
	return x.loop(ctx)
}

func (x *session) loop(ctx context.Context) error {
	reconcile := time.NewTicker(x.s.cfg.Reconcile)
	defer reconcile.Stop()
	ping := time.NewTicker(x.s.cfg.Ping)
	defer ping.Stop()
	for {
		select {
		case e := <-x.c.events:
			x.apply(&e)
		case <-x.c.overflow:
			x.overflowed(ctx)
		case l := <-x.results:
			x.asking = false
			x.drain() // events that were read before the last answer come first
			if l.err != nil {
				return l.err
			}
			x.finished(ctx, &l)
		case <-x.settled:
			x.drain()
			x.repair()
		case <-reconcile.C:
			if x.up && x.idle() {
				x.round = &round{since: x.m.gen}
				x.ask(ctx, forReconcile, lookFor{users: time.Since(x.usersAt) > usersEvery})
			}
		case <-ping.C:
			if x.idle() {
				x.ask(ctx, forPing, lookFor{ping: true})
			}
		case <-x.c.done:
			x.drain()
			return x.c.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (x *session) idle() bool { return !x.asking && x.round == nil }

// ask starts a look beside the loop; there is one at a time.
func (x *session) ask(ctx context.Context, what purpose, q lookFor) {
	x.asking, x.what = true, what
	x.asked.Go(func() { x.results <- x.s.look(ctx, x.c, q) })
}

func (x *session) askSnapshot(ctx context.Context) {
	x.since, x.round, x.settled = x.m.gen, nil, nil
	x.ask(ctx, forSnapshot, lookFor{settle: x.s.settle, users: true, dumpDoubtful: true})
}

// apply takes one event; what it changes is reported at once, once there was a snapshot.
func (x *session) apply(e *event) {
	x.m.apply(e)
	x.s.m.events.WithLabelValues(e.label()).Inc()
	if x.up {
		x.m.flush(x.sink.Change, x.sink.Remove)
	}
	x.s.applied.Add(1)
}

// drain applies what is in the queue now.
func (x *session) drain() {
	for range len(x.c.events) {
		e := <-x.c.events
		x.apply(&e)
	}
}

// overflowed starts over. What is in the queue is older than what was dropped, so it
// must not win over the snapshot: it is applied before the look begins.
func (x *session) overflowed(ctx context.Context) {
	x.s.log.Warn("event queue full, events dropped; asking for everything again", "queue", cap(x.c.events))
	x.drain()
	if x.asking {
		x.resync = true
		return
	}
	x.askSnapshot(ctx)
}

func (x *session) finished(ctx context.Context, l *look) {
	if x.resync {
		x.resync = false
		x.askSnapshot(ctx)
		return
	}
	if l.haveUsers {
		x.usersAt = time.Now()
	}
	switch x.what {
	case forSnapshot:
		x.deliver(l)
	case forReconcile:
		x.m.absorb(l)
		x.m.flush(x.sink.Change, x.sink.Remove)
		if !x.round.begin(x.m, l) {
			x.round = nil
			return
		}
		x.ask(ctx, forSecondLook, lookFor{settle: x.s.settle, dump: x.round.doubtful()})
	case forSecondLook:
		if !x.round.confirm(x.m, l) {
			x.round = nil
			return
		}
		x.settled = time.After(x.s.settle)
	}
}

// deliver merges the look with what the events said meanwhile and hands all to the sink.
func (x *session) deliver(l *look) {
	x.m.merge(l, x.since, time.Now())
	all := x.m.snapshot()
	x.sink.Snapshot(all)
	x.s.m.resyncs.Inc()
	x.s.m.up.Set(1)
	if x.core != "" && x.core != l.core {
		x.s.log.Info("FreeSWITCH was restarted", "core_uuid", l.core)
	}
	x.s.log.Info("FreeSWITCH is up", "address", x.s.cfg.Address, "devices", len(all), "channels", len(x.m.channels))
	x.core, x.up, x.wasUp = l.core, true, true
}

func (x *session) repair() {
	n := x.round.repair(x.m, time.Now())
	x.round, x.settled = nil, nil
	x.m.flush(x.sink.Repair, x.sink.Remove)
	if n > 0 {
		x.s.m.drift.Add(float64(n))
		x.s.log.Warn("the events did not tell everything, repaired", "drift", n)
	}
}
