package notifier

import (
	"cmp"
	"errors"
	"net/netip"
	"strconv"
	"time"

	"blfbridge/bridge/store"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// key names a subscription within its shard: dialog and event (RFC 6665 §4.4.1). The
// local tag is left out, so that a SUBSCRIBE sent again after a restart finds what its
// first copy made.
func key(callID, remoteTag string, p subscription.Package, eventID string) string {
	return callID + "\x00" + remoteTag + "\x00" + p.String() + "\x00" + eventID
}

// subscribe takes a SUBSCRIBE in.
func (l *loop) subscribe(s *Subscribe) {
	if status := l.outdated(s); status != 0 {
		l.answerTo(s, Answer{Status: status})
		return
	}
	if a := l.admit(s); a.Status != 0 {
		l.answerTo(s, a)
		return
	}
	k, slot, found := l.find(s)
	if !found && l.fetched(s) {
		return
	}
	id, ok := l.n.home(s.CallID)
	switch {
	case found && l.shard(l.records.at(slot).Shard).frozen:
		l.answerTo(s, Answer{Status: 503, RetryAfter: time.Second}) // another replica has it in a moment
	case found && s.Decision.Line != l.lineAt(slot):
		// A refresh whose To names another line: what was decided is not about this
		// subscription, and must not widen its view.
		l.answerTo(s, Answer{Status: 481})
	case found && s.LocalTag == "" && l.records.at(slot).Status == subscription.Terminated:
		l.remove(slot, false) // only its last answer is missing; the phone begins anew
		l.open(id, k, s)
	case found:
		l.refresh(slot, s)
	case !ok, s.LocalTag != "" && !l.shard(id).loaded:
		// It may well stand in the store that cannot be read yet: 481 would end it.
		l.answerTo(s, Answer{Status: 503, RetryAfter: 5 * time.Second})
	case s.LocalTag != "" && l.elsewhere(s, id):
		// It is answered when that is known.
	case s.LocalTag != "":
		l.answerTo(s, Answer{Status: 481})
	default:
		l.open(id, k, s)
	}
}

// find looks for the subscription that a SUBSCRIBE belongs to. A phone may use one
// Call-ID and tag for several lines: all but the first have the line in their key too.
func (l *loop) find(s *Subscribe) (k string, slot int32, found bool) {
	line := s.Decision.Line
	k = key(s.CallID, s.RemoteTag, s.Package, s.Cold.EventID)
	slot, first := l.slotOf(k)
	if first && l.isOf(slot, s) {
		return k, slot, true
	}
	if !first && len(l.oddKeys) == 0 { // nobody has one
		return k, 0, false
	}
	more := k + "\x00" + line.Tenant + "\x00" + line.Partition + "\x00" + line.Number
	if slot, other := l.slotOf(more); other && l.isOf(slot, s) {
		return more, slot, true
	}
	if first {
		return more, 0, false
	}
	return k, 0, false
}

// isOf reports whether a SUBSCRIBE is of a record that has its Call-ID and tag.
func (l *loop) isOf(slot int32, s *Subscribe) bool {
	if s.LocalTag == "" {
		return l.lineAt(slot) == s.Decision.Line
	}
	return l.coldOf(l.records.at(slot)).LocalTag == s.LocalTag
}

func (l *loop) lineAt(slot int32) policy.Line { return lineOf(l.coldOf(l.records.at(slot))) }

// outdated decides again about a SUBSCRIBE that was decided while the policy changed; the
// status refuses it, 0 = go on.
func (l *loop) outdated(s *Subscribe) (status int) {
	if l.decide == nil || s.Expires == 0 || !s.Received.Before(l.decidedAt) {
		return 0
	}
	d := l.decide(Standing{s.Watcher, s.Decision.Line, s.Cold.Entity, cmp.Or(s.Cold.Origin, s.Cold.Remote), s.Cold.AppUser})
	switch {
	case d.Allow():
		s.Decision = d
		return 0
	case d.Outcome == policy.NotFound:
		return 404
	}
	return 403
}

func (l *loop) open(id uint16, k string, s *Subscribe) {
	c := s.Cold
	c.CallID, c.RemoteTag, c.LocalTag = s.CallID, s.RemoteTag, l.newTag()
	c.DialectName = s.Dialect.String()
	line := s.Decision.Line
	c.Tenant, c.Partition, c.Number = line.Tenant, line.Partition, line.Number
	c.WatcherTenant, c.WatcherID, c.Trunk = s.Watcher.Tenant, s.Watcher.ID, s.Watcher.Trunk
	hot := subscription.Hot{
		Shard: id, Package: s.Package, Content: uint8(s.Content), Dialect: uint16(s.Dialect),
		View: s.Decision.View, Kind: s.Watcher.Kind,
	}
	if s.Decision.Pickup {
		hot.Flags |= subscription.PickupAllowed
	}
	if s.Decision.Device {
		hot.Flags |= subscription.DeviceMode
	}
	if s.Expires == 0 {
		hot.Flags |= subscription.Fetch
	}
	hot.Presentity = l.n.lamps.Intern(presentityOf(&hot, &c))
	slot := l.add(k, subscription.New(hot, c), s.Flow)
	l.routeFor(slot, s)
	l.accept(slot, s, subscription.Opened)
}

func (l *loop) refresh(slot int32, s *Subscribe) {
	e := l.records.at(slot)
	if s.CSeq >= e.RemoteCSeq {
		// RFC 6665 §4.2.1.4, RFC 3261 §12.2.2: a refresh moves the remote target, and
		// with it the flow; the phone may have changed its mind on formats too.
		c := *l.coldOf(e)
		n := &s.Cold
		c.RemoteTarget, c.Accept, c.UserAgent = n.RemoteTarget, n.Accept, n.UserAgent
		if c.Routes == "" || e.closed || e.Flags&subscription.FlowLost != 0 {
			c.Transport, c.Local, c.Remote, c.Advertised = n.Transport, n.Local, n.Remote, n.Advertised
			l.reflow(slot, s.Flow)
		} // else the first hop of the route set stays, however the refresh came
		counted := e.counted
		l.uncount(e)
		c.WatcherTenant, c.WatcherID, c.Trunk = s.Watcher.Tenant, s.Watcher.ID, s.Watcher.Trunk // who it is decided for now
		c.AppUser, c.Origin = n.AppUser, n.Origin
		e.Kind = s.Watcher.Kind
		l.keep(slot, c)
		if counted { // else it has ended, and counts no more
			e.counted = true
			l.n.count(l.holder(e), 1)
		}
		e.Content = uint8(s.Content)
		e.View = s.Decision.View
		if e.Flags &^= subscription.PickupAllowed; s.Decision.Pickup {
			e.Flags |= subscription.PickupAllowed
		}
		l.routeFor(slot, s)
	}
	l.accept(slot, s, subscription.Refreshed)
}

// accept advances a record by a SUBSCRIBE and queues the answer behind the commit.
func (l *loop) accept(slot int32, s *Subscribe, kind subscription.Kind) {
	e := l.records.at(slot)
	eff := l.advance(slot, subscription.Input{
		Kind: kind, CSeq: s.CSeq, Lifetime: s.Expires.Milliseconds(),
		Durable: l.shard(e.Shard).loaded && !l.n.committer.Away(),
	})
	g := grant{slotRef{slot, e.gen}, s, Answer{Status: eff.Answer, LocalTag: l.coldOf(e).LocalTag}}
	if eff.Answer == 500 {
		g.answer.RetryAfter = time.Second
	}
	if !eff.Persist && !eff.Forget {
		l.answer(&g, nil)
		return
	}
	l.records.at(slot).asked++
	w := l.waits()
	w.subscribes = append(w.subscribes, g)
}

// answer sends the response and then the NOTIFY that every accepted SUBSCRIBE is owed
// (RFC 6665 §4.2.1.2).
func (l *loop) answer(g *grant, err error) {
	e := l.records.at(g.slot)
	alive := e.used && e.gen == g.gen
	if g.answer.Status == 200 && !alive {
		if id, ok := l.n.home(g.sub.CallID); ok && err == nil && l.elsewhere(g.sub, id) {
			return // another process took it meanwhile, and has not heard of this
		}
		// Dropped under it: the shard is another process's now, which knows nothing of this;
		// or the phone itself ended the dialog by its answer to a NOTIFY.
		g.answer = Answer{Status: 503, RetryAfter: 5 * time.Second}
		if id, ok := l.n.home(g.sub.CallID); ok && l.n.shared == nil && g.sub.LocalTag != "" && l.shard(id).loaded {
			g.answer = Answer{Status: 481}
		}
	}
	if alive && g.sub.LocalTag == "" && errors.Is(err, store.ErrFull) {
		// What stands goes on; one more could not even be kept for later.
		l.remove(g.slot, true)
		g.answer = Answer{Status: 503, RetryAfter: retryFull}
	}
	if g.answer.Status == 200 {
		if err != nil && e.Status != subscription.Terminated {
			// The store went away under it: granted for a short while only.
			e.Flags |= subscription.NonDurable
			e.Expires = min(e.Expires, l.now+l.n.rules.NonDurableLifetime)
			l.persist(g.slot, false) // what waits to be written says more than was granted
		}
		if e.Status != subscription.Terminated {
			g.answer.Expires = time.Duration((e.Expires-l.now+999)/1000) * time.Second
		}
	}
	l.n.metrics.answered(g.answer.Status, time.Since(g.sub.Received))
	g.answer.Batch = l.out
	l.answerTo(g.sub, g.answer)
	if g.answer.Status == 200 && e.asked == 0 {
		e.ready = true
		l.advance(g.slot, subscription.Input{Kind: subscription.Granted})
	}
}

// retryFull is when a phone may ask again whose subscription a full store has no room for.
const retryFull = 30 * time.Second

// newTag makes a local tag (RFC 3261 §19.3: at least 32 bits of randomness; here 64).
func (l *loop) newTag() string { return strconv.FormatUint(l.rand.Uint64(), 36) }

// storedFlow reads the flow out of a stored record.
func storedFlow(c *subscription.Cold) (Flow, bool) {
	t, ok := subscription.ParseTransport(c.Transport)
	local, err1 := netip.ParseAddrPort(c.Local)
	remote, err2 := netip.ParseAddrPort(c.Remote)
	return Flow{t, local, remote}, ok && err1 == nil && err2 == nil
}

// watcherOf is who holds a subscription, as the policy sees it.
func watcherOf(h *subscription.Hot, c *subscription.Cold) policy.Watcher {
	w := policy.Watcher{Tenant: c.WatcherTenant, Kind: h.Kind, ID: c.WatcherID, Trunk: c.Trunk, Trusted: true}
	if h.Kind == policy.WatcherTrunk || h.Kind == policy.WatcherApplication {
		w.Trusted = c.AppUser != "" // its address proves nothing
	}
	return w
}
