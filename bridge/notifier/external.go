package notifier

import (
	"strings"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// External are the presentities that other servers tell of: those whose Decision has a
// Route. *trunk.Subscriber is one. Its methods are called from the loops, at subscribing,
// leaving and deciding, never per NOTIFY; they must not block or call the notifier, but
// for what only posts (Recheck).
type External interface {
	// Admit completes a Decision that has a Route by what is known of the presentity:
	// the group of the trunk that it is subscribed through, or how that failed
	// (Unavailable: not now). retry says when it makes sense to ask again.
	Admit(w policy.Watcher, d policy.Decision) (_ policy.Decision, retry time.Duration)
	// Fetch asks once for a presentity that nobody may have watched, and reports whether
	// its state has to be waited for: then done is called, once, when it is known or not
	// waited for any longer. done only posts.
	Fetch(w Watch, done func()) (wait bool)
	// Watch and Unwatch say that a subscription to the presentity stands, and that it is over.
	Watch(Watch)
	Unwatch(Watch)
}

// Watch is one subscription to an external presentity. It is comparable.
type Watch struct {
	Key compositor.Key
	// Presentity is its number at the compositor.
	Presentity uint32
	// Route names the policy's route to it.
	Route   string
	Watcher policy.Watcher
	// MaxForwards is what the SUBSCRIBE had left; 0 = not known.
	MaxForwards uint8
}

// admit completes the decision about a SUBSCRIBE to an external presentity; a status
// refuses it.
func (l *loop) admit(s *Subscribe) (a Answer) {
	if s.Decision.Route == "" || l.n.external == nil || s.Expires == 0 && s.LocalTag != "" {
		return a
	}
	if strings.HasPrefix(s.Cold.UserAgent, "blfbridge") {
		// CUCM: what a trunk asks for and is not ours is rejected. Another bridge that is
		// not known as a trunk here must not be answered by asking it in turn.
		return Answer{Status: 403}
	}
	d, retry := l.n.external.Admit(s.Watcher, s.Decision)
	switch d.Outcome {
	case policy.Allowed:
		s.Decision = d
	case policy.NotFound:
		a.Status = 404
	case policy.Unavailable:
		a.Status, a.RetryAfter = 503, max(retry, time.Second)
	default:
		a.Status = 403
	}
	return a
}

// fetched reports whether a fetch (RFC 6665 §4.4.3) of an external presentity waits for
// its state; then it is taken in again. It gets one NOTIFY only, which is to tell something.
func (l *loop) fetched(s *Subscribe) (waits bool) {
	if s.Decision.Route == "" || l.n.external == nil || s.Expires > 0 || s.LocalTag != "" || s.asked {
		return false
	}
	s.asked = true
	k := compositor.Key{Line: s.Decision.Line}
	return l.n.external.Fetch(Watch{k, l.n.lamps.Intern(k), s.Decision.Route, s.Watcher, s.MaxForwards}, func() {
		l.box.post(message{call: func(l *loop) { l.subscribe(s) }})
	})
}

// routeFor is route for a SUBSCRIBE.
func (l *loop) routeFor(slot int32, s *Subscribe) {
	if s.Expires > 0 {
		l.routeBy(slot, s.Decision.Route, s.MaxForwards)
	}
}

// route says by which route a subscription's presentity is reached; empty if it is ours,
// or the subscription is over.
func (l *loop) route(slot int32, route string) {
	hops := l.routed[slot].MaxForwards
	l.routeBy(slot, route, hops)
}

func (l *loop) routeBy(slot int32, route string, hops uint8) {
	was, had := l.routed[slot]
	if !had && route == "" || l.n.external == nil {
		return
	}
	e := l.records.at(slot)
	if route != "" && e.Status != subscription.Terminated {
		c := *l.coldOf(e)
		now := Watch{presentityOf(&e.Hot, &c), e.Presentity, route, watcherOf(&e.Hot, &c), hops}
		if had && was == now {
			return
		}
		if l.routed == nil {
			l.routed = map[int32]Watch{}
		}
		l.routed[slot] = now
		l.n.external.Watch(now)
	} else {
		delete(l.routed, slot)
	}
	if had {
		l.n.external.Unwatch(was)
	}
}

// Recheck decides the subscriptions to one presentity anew, because what is known of it at
// its server has changed: one that is not allowed any more ends with the reason that its
// outcome stands for. It never blocks; decide is called from the loops.
func (n *Notifier) Recheck(presentity uint32, decide func(Standing) policy.Decision) {
	for _, l := range n.loops {
		l.box.post(message{call: func(l *loop) {
			for i := len(l.watchers[presentity]) - 1; i >= 0; i-- {
				w := l.watchers[presentity]
				if i >= len(w) {
					continue
				}
				slot := w[i]
				e := l.records.at(slot)
				if e.Status == subscription.Terminated {
					continue
				}
				c := *l.coldOf(e)
				l.rechecked(slot, decide(standingOf(&e.Hot, &c)))
			}
		}})
	}
}

func (l *loop) rechecked(slot int32, d policy.Decision) {
	in := subscription.Input{Kind: subscription.Reauthorized, Allowed: d.Allow(), View: d.View, Pickup: d.Pickup}
	switch d.Outcome {
	case policy.NotFound:
		in.Reason = subscription.NoResource
	case policy.Unavailable:
		in.Reason = subscription.Probation
	}
	if !d.Allow() {
		l.route(slot, "")
	}
	l.advance(slot, in)
}
