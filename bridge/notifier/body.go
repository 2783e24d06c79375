package notifier

import (
	"hash/maphash"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/eventpkg"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// bodyKey names a rendered body: what it shows and to whom. offset makes it another one
// as soon as the presentity moves.
type bodyKey struct {
	presentity uint32
	dialect    uint16
	content    uint8
	view       policy.View
	device     bool
	trim       eventpkg.Trim
	offset     uint64
	entity     uint64 // its hash
	offer      Offer
}

// bodyCache keeps what was rendered lately: a presentity with a thousand watchers is
// rendered once per view, dialect and entity.
type bodyCache map[bodyKey]*rendered

// rendered is a body and its hash.
type rendered struct {
	eventpkg.Body
	hash uint64
}

// shown is what a body depends on that can change while its NOTIFY is on its way. The zero
// value is equal to none.
type shown struct {
	offset  uint64
	dialect uint16
	content uint8
	view    policy.View
	flags   subscription.Flags
	is      bool
}

func (l *loop) shownBy(e *entry, offset uint64) shown {
	return shown{offset, e.Dialect, e.Content, e.View, e.Flags & (subscription.DeviceMode | subscription.PickupAllowed), true}
}

// maxBodies bounds the cache; it is emptied when full, as old offsets are never asked for again.
const maxBodies = 4096

// body is what a NOTIFY to this subscription would carry now; nil if nothing.
func (l *loop) body(e *entry) *rendered { return l.render(e, eventpkg.TrimNone) }

// trimmed is body, made smaller.
func (l *loop) trimmed(e *entry, trim eventpkg.Trim) *rendered { return l.render(e, trim) }

func (l *loop) render(e *entry, trim eventpkg.Trim) *rendered {
	lamp := l.lamp(e.Presentity)
	l.rendered, l.movedAt = lamp.Offset, lamp.At
	c := l.coldOf(e)
	k := bodyKey{
		presentity: e.Presentity, dialect: e.Dialect, content: e.Content, view: e.View, trim: trim,
		device: e.Flags&subscription.DeviceMode != 0, offset: lamp.Offset, entity: maphash.String(l.seed, c.Entity), offer: l.offer(e, c, lamp),
	}
	if l.lastBody != nil && l.lastKey == k {
		return l.lastBody // watchers of one presentity come one after the other
	}
	if b, ok := l.bodies[k]; ok {
		l.lastKey, l.lastBody = k, b
		return b
	}
	if len(l.bodies) >= maxBodies || l.bodies == nil {
		l.bodies = make(bodyCache, 64)
	}
	shown := eventpkg.Mask(eventpkg.Lamp{
		State: lamp.State, DND: lamp.DND, Calls: lamp.Calls,
		Entity: c.Entity, Number: ShownNumber(lineOf(c), c.Entity), Name: lamp.Name,
	}, e.View)
	shown.Pickup = k.offer.URI
	shown.Calls = withDialog(shown.Calls, k.offer.Dialog)
	b := &rendered{Body: eventpkg.RenderTrimmed(eventpkg.Content(e.Content), eventpkg.DialectID(e.Dialect), &shown, trim)}
	b.hash = b.Hash()
	l.bodies[k] = b
	l.lastKey, l.lastBody = k, b
	return b
}

// lamp is the state of a presentity now: not older than what the mailbox held when it was
// read last. Of a later change the mailbox will tell. It is good until the next call.
func (l *loop) lamp(id uint32) *compositor.Lamp {
	if l.look || l.seenID != id {
		l.seen, l.seenID, l.look = l.n.lamps.Lamp(id), id, false
		l.lastOffer.is = false
	}
	return &l.seen
}

// coldOf is the cold part of a record, decoded once for the steps of one NOTIFY. It is good until the next call.
func (l *loop) coldOf(e *entry) *subscription.Cold {
	if l.lastAt != e.at || e.at == noPlace {
		l.lastAt = e.at
		rec := subscription.Of(e.Hot, l.arena.text(e.at))
		rec.ReadCold(&l.lastCold)
	}
	return &l.lastCold
}

func hashOf(b *rendered) uint64 {
	if b == nil {
		return 0
	}
	return b.hash
}
