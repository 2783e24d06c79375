package notifier

import (
	"cmp"
	"context"
	"errors"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// ErrStopped: the notifier is not running.
var ErrStopped = errors.New("notifier: not running")

// Row describes one subscription, for people.
type Row struct {
	// ID is the local tag, unique among all subscriptions of a store.
	ID      string
	Cold    subscription.Cold
	Hot     subscription.Hot
	Flow    Flow
	Shard   uint16
	Expires time.Time
	Created time.Time
	// Waiting is true while a NOTIFY is not answered yet.
	Waiting bool
}

// Visit calls fn for every subscription, from the loops' own goroutines: fn must be
// quick and must not call the notifier. It returns when all were seen or ctx ends.
func (n *Notifier) Visit(ctx context.Context, fn func(Row)) error {
	return n.each(ctx, func(l *loop) {
		for i := range l.records.count {
			e := l.records.at(i)
			if !e.used {
				continue
			}
			c := *l.coldOf(e)
			fn(Row{
				ID: c.LocalTag, Cold: c, Hot: e.Hot, Flow: l.flowOf(e), Shard: e.Shard,
				Expires: time.UnixMilli(e.Expires), Created: time.UnixMilli(e.Created), Waiting: e.txn >= 0,
			})
		}
	})
}

// each runs fn in every loop, one after the other.
func (n *Notifier) each(ctx context.Context, fn func(*loop)) error {
	for _, l := range n.loops {
		if err := n.in(ctx, l, fn); err != nil {
			return err
		}
	}
	return nil
}

// Standing is a subscription whose right to stand is asked again.
type Standing struct {
	Watcher policy.Watcher
	Line    policy.Line
	// Entity is the URI that was subscribed to.
	Entity string
	// Source is how a trunk was recognised (subscription.Cold.Origin); of other watchers,
	// where their NOTIFYs go.
	Source string
	// User is the digest user whose credentials held for a trunk's request.
	User string
}

func standingOf(h *subscription.Hot, c *subscription.Cold) Standing {
	return Standing{watcherOf(h, c), lineOf(c), c.Entity, cmp.Or(c.Origin, c.Remote), c.AppUser}
}

// Reauthorize decides every standing subscription anew: a forbidden one is terminated
// (reason rejected), a changed view is notified, one whose Decision names another line
// watches that from now on, and the rest is not touched. skip, if not nil, says that a
// subscription cannot be affected. Both are called from the loops' goroutines and must
// be pure and quick.
//
// A SUBSCRIBE that was received before the call and is still on its way here is decided
// by decide as well: the policy that sipua saw may have been the old one.
func (n *Notifier) Reauthorize(ctx context.Context, skip func(Standing) bool, decide func(Standing) policy.Decision) error {
	now := time.Now()
	for _, l := range n.loops {
		if err := n.in(ctx, l, func(l *loop) { l.decide, l.decidedAt = decide, now }); err != nil {
			return err
		}
		for from, more := 0, true; more; from += atOnce {
			if err := n.in(ctx, l, func(l *loop) { more = l.reauthorize(from, skip, decide) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// atOnce is how many records a loop looks at before it does other work: a change of the
// policy must not hold NOTIFYs up.
const atOnce = 1024

// reauthorize decides some records anew, and reports whether there are more. One that
// comes in meanwhile is decided by its SUBSCRIBE.
func (l *loop) reauthorize(from int, skip func(Standing) bool, decide func(Standing) policy.Decision) (more bool) {
	end := min(from+atOnce, int(l.records.count))
	for slot := int32(from); slot < int32(end); slot++ { //nolint:gosec // slots
		e := l.records.at(slot)
		if !e.used || e.Status == subscription.Terminated {
			continue
		}
		c := *l.coldOf(e)
		s := standingOf(&e.Hot, &c)
		if skip != nil && skip(s) {
			continue
		}
		l.decided(slot, s, decide(s))
	}
	return end < int(l.records.count)
}

// decided lets a record follow a new decision.
func (l *loop) decided(slot int32, s Standing, d policy.Decision) {
	if d.Outcome == policy.Unavailable {
		return
	}
	device := l.records.at(slot).Flags&subscription.DeviceMode != 0
	if d.Allow() && d.Line != (policy.Line{}) && (d.Line != s.Line || d.Device != device) {
		l.rewatch(slot, d)
	}
	l.route(slot, d.Route)
	in := subscription.Input{Kind: subscription.Reauthorized, Allowed: d.Allow(), View: d.View, Pickup: d.Pickup}
	if d.Outcome == policy.Challenged {
		// RFC 6665 §4.1.3: it may come back at once, and show its credentials.
		in.Reason = subscription.Deactivated
	}
	l.advance(slot, in)
}

// rewatch lets a subscription watch another line, or its phone.
func (l *loop) rewatch(slot int32, d policy.Decision) {
	e, line := l.records.at(slot), d.Line
	if e.Flags &^= subscription.DeviceMode; d.Device {
		e.Flags |= subscription.DeviceMode
	}
	c := *l.coldOf(e)
	l.uncount(e)
	if c.WatcherTenant == c.Tenant && e.Kind == policy.WatcherUnknown {
		c.WatcherTenant = line.Tenant // it belongs where its target does
	}
	c.Tenant, c.Partition, c.Number = line.Tenant, line.Partition, line.Number
	l.keep(slot, c)
	l.count(e)
	l.unwatch(e.Presentity, slot)
	e.Presentity = l.n.lamps.Intern(presentityOf(&e.Hot, &c))
	l.watchers[e.Presentity] = append(l.watchers[e.Presentity], slot)
	l.persist(slot, false)
}

// in runs fn in one loop and waits for it.
func (n *Notifier) in(ctx context.Context, l *loop, fn func(*loop)) error {
	done := make(chan struct{})
	if !l.box.post(message{call: func(l *loop) { defer close(done); fn(l) }}) {
		return ErrStopped
	}
	select {
	case <-done:
		return nil
	case <-n.ended:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

func lineOf(c *subscription.Cold) policy.Line {
	return policy.Line{Tenant: c.Tenant, Partition: c.Partition, Number: c.Number}
}

// presentityOf is what a subscription watches.
func presentityOf(h *subscription.Hot, c *subscription.Cold) compositor.Key {
	k := compositor.Key{Line: lineOf(c)}
	if h.Flags&subscription.DeviceMode != 0 {
		k.Mode = compositor.OfDevice
	}
	return k
}
