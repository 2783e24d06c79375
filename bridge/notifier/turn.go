package notifier

import (
	"hash/maphash"
	"net/netip"
	"strings"
	"sync"

	"blfbridge/bridge/eventpkg"
	"blfbridge/bridge/subscription"
)

// turns are when phones that take only so many NOTIFYs a second take their next one
// (eventpkg.Dialect.NotifyRate). A phone's subscriptions lie in all loops, so its turns are
// kept here for all of them. Each NOTIFY that has to wait takes a turn of its own: what
// waits is the subscription, with its timer, and there is no queue. It is safe for
// concurrent use.
type turns struct {
	seed maphash.Seed

	mu   sync.Mutex       // guards all below
	next map[uint64]int64 // phone → its first free turn, Unix milliseconds
	// enough is the size at which those that are over are swept out.
	enough int
}

const minTurns = 1024

func newTurns() *turns {
	return &turns{seed: maphash.MakeSeed(), next: map[uint64]int64{}, enough: minTurns}
}

// take gives out the phone's first free turn.
func (t *turns) take(phone uint64, now, every int64) (at int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at = max(t.next[phone], now)
	t.next[phone] = at + every
	if len(t.next) > t.enough {
		for p, next := range t.next {
			if next <= now {
				delete(t.next, p)
			}
		}
		t.enough = max(2*len(t.next), minTurns)
	}
	return at
}

// giveBack frees a turn that was not used, unless a later one was given out already.
func (t *turns) giveBack(phone uint64, at, every int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next[phone] == at+every {
		t.next[phone] = at
	}
}

// phone names the device that a record's NOTIFYs end at: behind a proxy or a NAT many have
// one address, and behind two NATs two have the same Contact.
func (l *loop) phone(e *entry) uint64 {
	target := l.coldOf(e).RemoteTarget
	if _, host, found := strings.Cut(target, "@"); found {
		target = host
	}
	if i := strings.IndexAny(target, ";?"); i >= 0 {
		target = target[:i]
	}
	type device struct {
		remote netip.AddrPort
		target string
	}
	return maphash.Comparable(l.n.turns.seed, device{l.flowOf(e).Remote, target})
}

// spacing is how many milliseconds lie between two NOTIFYs to a record's phone; 0 = any.
func spacing(e *entry) int64 {
	if rate := eventpkg.DialectID(e.Dialect).Dialect().NotifyRate; rate > 0 {
		return 1000 / int64(rate)
	}
	return 0
}

// turn is when a record of a phone that is paced may be notified: now, unless it waits.
func (l *loop) turn(e *entry, every int64) int64 {
	if e.paced {
		return e.NotBefore // the one it has
	}
	return l.n.turns.take(l.phone(e), l.now, every)
}

// turned settles what became of the turn that a step was given.
func (l *loop) turned(e *entry, in *subscription.Input, eff subscription.Effects, every int64) {
	switch {
	case eff.Paced:
		if !e.paced {
			l.n.metrics.held()
		}
		e.paced = true
	case eff.Notify:
		e.paced = false
	case e.paced:
		// It waits no more (the body is again what was shown last), or the phone is gone.
		if e.Flags&(subscription.Due|subscription.Waiting) == 0 || e.Flags&subscription.FlowLost != 0 {
			l.unpace(e)
		}
	default:
		l.n.turns.giveBack(l.phone(e), in.Turn, every)
	}
}

// unpace gives up the turn that a record waits for.
func (l *loop) unpace(e *entry) {
	if e.paced {
		e.paced = false
		l.n.turns.giveBack(l.phone(e), e.NotBefore, spacing(e))
	}
}

// lastWords sends at once what would wait for its turn beyond the end of the process.
// Those that stand are told by the next one.
func (l *loop) lastWords() {
	for slot := range l.records.count {
		if e := l.records.at(slot); e.used && e.paced && e.Status == subscription.Terminated && e.asked == 0 {
			e.NotBefore = l.now
			l.advance(slot, subscription.Input{Kind: subscription.Ticked})
		}
	}
}
