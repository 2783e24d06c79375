package notifier

import (
	"context"
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"net/netip"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/store"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// loop is one goroutine that owns a number of shards: their records, timers and
// transactions. Nothing of it is touched from outside but the mailbox.
type loop struct {
	n      *Notifier
	index  int
	box    *mailbox
	rand   *rand.ChaCha8
	wheel  *wheel
	now    int64     // Unix milliseconds, read once per round
	readAt time.Time // when the mailbox was read last

	shards   map[uint16]*shard
	records  table
	free     []int32
	byKey    map[uint64]int32 // hash of the key → slot
	oddKeys  map[int32]string // keys that cannot be told from their records
	seed     maphash.Seed
	arena    arena
	lastAt   place // of what lastCold was decoded from
	lastCold subscription.Cold
	locals   []netip.AddrPort
	localOf  map[netip.AddrPort]uint32
	watchers map[uint32][]int32 // presentity → slots
	flows    map[Flow][]int32   // stream flows → slots

	returning map[string]struct{} // keys that are being taken back from another process

	routed map[int32]Watch // slots that watch external presentities; nil = none yet

	txns    []txn
	freeTxn []int32
	gone    map[Flow]struct{} // sending failed on them in this round

	decide    func(Standing) policy.Decision // of the last Reauthorize
	decidedAt time.Time                      // when that began

	out     Batch // nil = the transport has none
	tally   *tally
	pace    pacer
	touched uint32 // see aheadOf

	admission admission

	deltas  []store.Delta // of this round
	grants  *grants       // of this round: answers that wait for the commit
	idle    *grants       // may be used again
	commits int           // submitted, not acknowledged
	buf     []byte
	bodies  bodyCache
	// lastKey and lastBody are what was rendered or found last; nil = nothing yet.
	lastKey   bodyKey
	lastBody  *rendered
	lastOffer offered
	// seen is the lamp of presentity seenID as it was when the mailbox was read; look = none is.
	seen   compositor.Lamp
	seenID uint32
	look   bool
	// rendered is the offset of the lamp that body showed last, movedAt when it became so.
	rendered uint64
	movedAt  time.Time
}

// shard is a part of the subscriptions with one writer: this loop, while it holds it.
type shard struct {
	epoch  store.Epoch
	loaded bool
	frozen bool // being handed over: nothing more begins
	count  int
}

// entry is a slot of records. gen tells a record from the one that had the slot before. It
// has no pointers: the garbage collector does not look at a million of them.
type entry struct {
	subscription.Hot
	at    place // of its cold part
	way   way
	gen   uint32
	txn   int32  // the outstanding NOTIFY, -1 = none
	asked uint32 // SUBSCRIBEs whose 200 waits for the commit: NOTIFYs follow it
	used  bool
	ready bool // stored (or known not to be): NOTIFYs may go out
	// closed: its connection was closed, and nothing has been sent since.
	closed bool
	// counted: it counts against the limits.
	counted bool
	// strayed: another process sent to its flow, which may lead nowhere from here.
	strayed bool
	// refused: the last NOTIFY was, as one is that comes too late (RFC 3261 §12.2.2: 500).
	refused bool
	// paced: a NOTIFY waits for the phone's turn, which is NotBefore.
	paced bool
	// armed is when the earliest timer in the wheel fires, later when the one behind it
	// does; 0 = none. Without later every early timer would leave a late one behind.
	armed, later int64
}

// grants are what one commit makes good.
type grants struct {
	subscribes []grant
	restored   []slotRef
	err        error
}

type slotRef struct {
	slot int32
	gen  uint32
}

type grant struct {
	slotRef
	sub    *Subscribe
	answer Answer
}

func newLoop(n *Notifier, index int) *loop {
	var seed [32]byte
	n.seed(&seed)
	l := &loop{
		n: n, index: index, box: newMailbox(), rand: rand.NewChaCha8(seed), now: n.clock.Millis(),
		shards: map[uint16]*shard{}, byKey: map[uint64]int32{}, oddKeys: map[int32]string{}, seed: maphash.MakeSeed(), localOf: map[netip.AddrPort]uint32{}, pace: pacer{waits: map[uint32]struct{}{}}, watchers: map[uint32][]int32{},
		flows: map[Flow][]int32{}, returning: map[string]struct{}{}, gone: map[Flow]struct{}{}, look: true, lastAt: noPlace,
	}
	l.wheel, l.tally = newWheel(l.now), n.metrics.tally(index)
	l.admission.start(l.now)
	return l
}

// run serves the mailbox and the timers until ctx ends, and then until every NOTIFY is
// answered and every answer given, or drainTime is over.
func (l *loop) run(ctx context.Context) {
	sleep := time.NewTimer(time.Hour)
	defer sleep.Stop()
	if b, ok := l.n.transport.(Batcher); ok {
		l.out = b.Batch()
	}
	var got letters
	stop, stopAt := ctx.Done(), int64(0)
	for {
		l.now = l.n.clock.Millis()
		got = l.box.take(got)
		l.read(&got)
		l.wheel.advance(l.now, l.fire)
		l.goOn()
		l.dropFlows()
		l.submit()
		l.flush()
		l.n.metrics.show(l.tally)
		l.admission.settle(l.now)
		wait := time.Hour
		if at, ok := l.wheel.next(); ok {
			wait = time.Duration(max(at-l.n.clock.Millis(), 0)) * time.Millisecond
		}
		if len(l.pace.changed) > 0 && l.pace.soft < window {
			wait = min(wait, softStep*time.Millisecond)
		}
		if stopAt != 0 {
			if l.commits == 0 && len(l.txns) == len(l.freeTxn) && len(l.pace.owed) == 0 || l.now >= stopAt {
				return
			}
			wait = min(wait, time.Duration(stopAt-l.now)*time.Millisecond)
		}
		sleep.Reset(wait)
		select {
		case <-stop:
			stop, stopAt = nil, l.now+drainTime.Milliseconds()
			l.lastWords()
		case <-l.box.wake:
		case <-sleep.C:
		}
	}
}

// drainTime bounds how long a stop waits for phones to answer.
const drainTime = 3 * time.Second

// caused reports whether the NOTIFY that an input sent shows a change of the presentity:
// only those measure lamp latency. One sent again and one that ends a subscription do not.
func caused(k subscription.Kind, before, after *subscription.Hot) bool {
	switch k {
	case subscription.Changed, subscription.Answered, subscription.Ticked:
		return after.Status != subscription.Terminated && before.BodyHash != after.BodyHash
	}
	return false
}

// read does what the mailbox held. What moved is only noted: see goOn.
func (l *loop) read(got *letters) {
	l.look, l.readAt = true, time.Now()
	for all := got.answers; len(all) > 0; {
		some := all[:min(len(all), aheadSlots)]
		all = all[len(some):]
		l.aheadOfAnswers(some)
		for i := range some {
			l.response(some[i])
		}
	}
	for i := range got.messages {
		l.handle(&got.messages[i])
	}
	l.pace.moved(got.dirty)
}

func (l *loop) handle(m *message) {
	switch {
	case m.subscribe != nil:
		l.subscribe(m.subscribe)
	case m.granted != nil:
		l.granted(m.granted)
	case m.flowKind == flowClosed:
		l.flow(m.flow, subscription.Input{Kind: subscription.FlowDown, Closed: true})
	case m.flowKind == flowUp:
		l.flow(m.flow, subscription.Input{Kind: subscription.FlowUp})
	case m.call != nil:
		l.flush() // it may take long
		m.call(l)
	}
}

// changed lets every watcher of a presentity look at it again.
func (l *loop) changed(id uint32) {
	l.look = true
	// A watcher may be removed meanwhile: go backwards, removal swaps with the last.
	for i := len(l.watchers[id]) - 1; i >= 0; i-- {
		w := l.watchers[id]
		if i >= len(w) {
			continue
		}
		if i%aheadSlots == aheadSlots-1 || i == len(w)-1 {
			l.aheadOf(w[i&^(aheadSlots-1) : i+1])
		}
		l.advance(w[i], subscription.Input{Kind: subscription.Changed})
	}
}

// advance feeds one input to a record and carries its effects out, but for Answer.
func (l *loop) advance(slot int32, in subscription.Input) subscription.Effects {
	return l.step(slot, in, false)
}

// step is advance; same says that a body would be what was sent last, so that none need be
// rendered to find out.
func (l *loop) step(slot int32, in subscription.Input, same bool) subscription.Effects {
	e := l.records.at(slot)
	in.Now = l.now
	if !e.ready && !l.early(e, &in) {
		return subscription.Effects{}
	}
	if sh := l.shards[e.Shard]; sh != nil && sh.frozen && in.Kind != subscription.Answered {
		return subscription.Effects{}
	}
	in.Early = in.Early || e.asked > 0
	var body *rendered
	switch {
	case same:
		in.Hash = e.BodyHash
	case in.Kind != subscription.Opened && in.Kind != subscription.Restored && in.Kind != subscription.Refreshed:
		view := e.View
		if in.Kind == subscription.Reauthorized {
			e.View = in.View // the hash must be that of what the new view shows
		}
		body = l.body(e)
		in.Hash = hashOf(body)
		e.View = view
	}
	before := e.Hot
	every := spacing(e)
	paced := every > 0 && in.Kind != subscription.Opened && in.Kind != subscription.Restored && in.Kind != subscription.Refreshed
	if paced {
		in.Turn = l.turn(e, every)
	}
	rec, eff := l.n.rules.Advance(subscription.Record{Hot: e.Hot}, in)
	e.Hot = rec.Hot
	if paced {
		l.turned(e, &in, eff, every)
	}
	if rec.Status == subscription.Terminated {
		l.uncount(e)
	}
	if eff.Cancel {
		l.cancel(e)
	}
	if in.Kind == subscription.Reauthorized && e.txn >= 0 {
		l.txns[e.txn].shown = shown{} // what is offered to pick up may be another, too
	}
	if (eff.Persist || eff.Forget) && !eff.Remove {
		l.persist(slot, eff.Forget)
	}
	if eff.Notify {
		if same {
			body = l.body(e)
		}
		if rec.Status == subscription.Terminated && rec.Reason != subscription.Timeout {
			body = nil // why it ended is all that this watcher may learn now
		}
		l.notify(slot, eff, body, caused(in.Kind, &before, &rec.Hot))
	}
	if eff.Remove {
		l.remove(slot, eff.Forget)
		return eff
	}
	l.arm(slot)
	return eff
}

// early reports whether an input may go to a record that is not durable yet. No NOTIFY
// may come of it: the first one follows the 200, or the reservation of its numbers.
func (l *loop) early(e *entry, in *subscription.Input) bool {
	switch in.Kind {
	case subscription.Opened, subscription.Restored, subscription.Refreshed:
		return true
	case subscription.Reauthorized:
		in.Early = true
		return true
	case subscription.FlowDown:
		in.Closed = false
		return true
	case subscription.FlowUp:
		e.Flags &^= subscription.FlowLost
	}
	return false
}

// arm sets the record's timer, unless an earlier one is set already: that one arms again.
func (l *loop) arm(slot int32) {
	e := l.records.at(slot)
	if e.Status == subscription.Terminated && !e.paced || !e.ready || e.asked > 0 {
		return
	}
	at := e.Deadline()
	if e.armed != 0 && e.armed <= at {
		return
	}
	e.armed, e.later = max(at, l.now), e.armed
	l.wheel.set(e.armed, recordRef(slot, e.gen))
}

const txnBit = 1 << 63

func recordRef(slot int32, gen uint32) uint64 {
	return uint64(gen&(1<<31-1))<<32 | uint64(uint32(slot))
}

// fire is called by the wheel.
func (l *loop) fire(ref uint64) {
	slot, gen := int32(uint32(ref)), uint32(ref>>32)&(1<<31-1)
	if ref&txnBit != 0 {
		l.fireTxn(slot, gen)
		return
	}
	e := l.records.at(slot)
	if !e.used || e.gen&(1<<31-1) != gen || e.armed == 0 || e.armed > l.now {
		return
	}
	e.armed, e.later = e.later, 0
	if e.Deadline() > l.now {
		l.arm(slot)
		return
	}
	if e.Expires <= l.now && e.Status != subscription.Terminated {
		l.traceTimer(e, "a subscription expired", "expires", e.CSeq)
	}
	l.advance(slot, subscription.Input{Kind: subscription.Ticked})
}

// waits are the grants of this round.
func (l *loop) waits() *grants {
	if l.grants == nil {
		if l.grants, l.idle = l.idle, nil; l.grants == nil {
			l.grants = &grants{}
		}
	}
	return l.grants
}

// persist queues the record (or its deletion) for this round's commit.
func (l *loop) persist(slot int32, forget bool) {
	e := l.records.at(slot)
	sh := l.shards[e.Shard]
	if sh == nil || !sh.loaded {
		return // written when the shard is
	}
	d := store.Delta{Shard: e.Shard, Epoch: sh.epoch, Key: l.keyOf(slot)}
	if !forget {
		rec := subscription.Of(e.Hot, l.arena.text(e.at))
		d.Value, _ = rec.AppendBinary(make([]byte, 0, rec.Size())) // cannot fail
	}
	l.deltas = append(l.deltas, d)
}

// submit hands the round's changes to the committer, in one group.
func (l *loop) submit() {
	if len(l.deltas) == 0 && l.grants == nil {
		return
	}
	g, deltas := l.grants, l.deltas
	l.grants, l.deltas = nil, nil
	l.commits++
	l.n.committer.Submit(deltas, nil, func(err error) {
		if g == nil {
			g = &grants{}
		}
		g.err = err
		l.box.post(message{granted: g})
	})
	if clear(deltas); cap(deltas) <= maxSpare { // the slice is ours again
		l.deltas = deltas[:0]
	}
}

// granted: the commit of g is through, or the store is away.
func (l *loop) granted(g *grants) {
	l.commits--
	if g.err != nil {
		var fenced *store.FencedError
		var went *store.WentError
		if isFenced, isWent := errors.As(g.err, &fenced), errors.As(g.err, &went); isFenced || isWent {
			if isFenced {
				l.n.storeFailed(g.err)
				for _, f := range fenced.Fenced {
					l.lost(f.Shard, f.Epoch)
				}
			}
			if isWent {
				for _, w := range went.Went {
					l.went(w)
				}
			}
			g.err = nil // all else is durable
		} else {
			l.n.storeFailed(g.err)
		}
	}
	for i := range g.subscribes {
		s := &g.subscribes[i]
		if e := l.records.at(s.slot); e.used && e.gen == s.gen {
			e.asked--
		}
		l.answer(s, g.err)
	}
	l.pace.owed = append(l.pace.owed, g.restored...)
	if cap(g.subscribes) <= maxSpare {
		clear(g.subscribes)
		*g = grants{subscribes: g.subscribes[:0]}
		l.idle = g
	}
}

// lost: another process owns the shard; its subscriptions are that one's from now on.
func (l *loop) lost(id uint16, epoch store.Epoch) {
	sh := l.shards[id]
	if sh == nil || sh.epoch != epoch {
		return
	}
	l.n.log.Error("another process took over a shard of the subscriptions; ours of it are dropped here",
		"shard", id, "subscriptions", sh.count)
	connected := map[string]uint32{}
	for slot := range l.records.count {
		if e := l.records.at(slot); e.used && e.Shard == id {
			if e.way.transport.Stream() && !e.closed && e.Flags&subscription.FlowLost == 0 && e.Status != subscription.Terminated {
				connected[l.keyOf(slot)] = e.RemoteCSeq
			}
			l.isGone(slot)
		}
	}
	sh.loaded, sh.epoch = false, 0
	l.reclaim(connected)
}
