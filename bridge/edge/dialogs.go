package edge

import (
	"bytes"
	"encoding/binary"
	"sync"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/pickup"
	"blfbridge/bridge/sipmsg"
)

// dialogs are the calls of phones, established or made and ringing, so that a phone can move one of its own by
// Replaces, or transfer to it. What is not known here (a call of before a restart) is asked
// of the PBXs. It is safe for concurrent use.
type dialogs struct {
	mu    sync.Mutex // guards owner
	owner map[uint64]dialog
}

type dialog struct {
	aor   uint64 // of the phone if that is registered, hashed
	flow  uint64 // by which it is in the call, hashed
	pbx   uint32
	until time.Time
	early bool // it rings still
}

// Bounds of the table: beyond maxDialogs new calls are not noted, and a call that lasts
// longer than dialogLife is forgotten.
const (
	maxDialogs = 1 << 17
	dialogLife = 24 * time.Hour
	earlyLife  = 10 * time.Minute
)

// keyOfDialog names a dialog; the tags may stand either way round. They are part of it:
// a Call-ID alone can be chosen by anybody.
func (k sipKey) keyOfDialog(callID, one, other []byte) uint64 {
	if bytes.Compare(one, other) > 0 {
		one, other = other, one
	}
	return k.sum(callID, []byte{0}, one, []byte{0}, other)
}

func (k sipKey) keyOfMessage(m *sipmsg.Message) uint64 {
	return k.keyOfDialog(m.Value(sipmsg.CallID), sipmsg.Tag(m.Value(sipmsg.From)), sipmsg.Tag(m.Value(sipmsg.To)))
}

// rings notes whose call a provisional response is of: a phone may transfer to one that it
// made before that is answered, and before the PBX has told us of it.
func (e *Edge) rings(t *transaction, m *sipmsg.Message) {
	if t.peer != nil && len(sipmsg.Tag(m.Value(sipmsg.To))) > 0 {
		e.note(t, m, dialog{early: true, until: time.Now().Add(earlyLife)})
	}
}

// established notes whose call the 2xx to an INVITE makes.
func (e *Edge) established(t *transaction, m *sipmsg.Message) {
	e.note(t, m, dialog{until: time.Now().Add(dialogLife)})
}

func (e *Edge) note(t *transaction, m *sipmsg.Message, d dialog) {
	if e.config.Pickup == nil || t.token.kind == 0 {
		return
	}
	d.aor, d.flow, d.pbx = t.phone.aor, e.flowID(t.out), t.token.pbx
	if t.peer != nil {
		d.aor, d.flow, d.pbx = 0, e.flowID(t.in), t.peer.id
		if s := e.sender(m, t.in); s.Registered {
			d.aor = e.phones.sum([]byte(s.AOR))
		}
	}
	key := e.phones.keyOfMessage(m)
	e.dialogs.mu.Lock()
	defer e.dialogs.mu.Unlock()
	if _, known := e.dialogs.owner[key]; known || len(e.dialogs.owner) < maxDialogs {
		e.dialogs.owner[key] = d
	}
}

// ended forgets the call that a BYE or a refusal ends.
func (e *Edge) ended(m *sipmsg.Message) {
	e.dialogs.mu.Lock()
	defer e.dialogs.mu.Unlock()
	if len(e.dialogs.owner) > 0 {
		delete(e.dialogs.owner, e.phones.keyOfMessage(m))
	}
}

// flowID names a flow, and the connection if it is one.
func (e *Edge) flowID(f notifier.Flow) uint64 {
	var space [48]byte
	b := appendFlow(space[:0], f, 0)
	return e.phones.sum(binary.BigEndian.AppendUint32(b, e.conns.id(f, false)))
}

// owns reports whether a sender is in a call, and which PBX has that: by what was relayed
// here, for its address of record or the very flow (where a phone has several), else by
// the PBX's word, where a call counts that is not answered only with early.
func (e *Edge) owns(f notifier.Flow, s pickup.Sender, d pickup.Dialog, early bool) (p *peer, ok bool) {
	key := e.phones.keyOfDialog([]byte(d.CallID), []byte(d.ToTag), []byte(d.FromTag))
	e.dialogs.mu.Lock()
	own, ok := e.dialogs.owner[key]
	e.dialogs.mu.Unlock()
	if ok && own.until.After(time.Now()) && (early || !own.early) {
		if own.flow != e.flowID(f) && (!s.Registered || own.aor != e.phones.sum([]byte(s.AOR))) {
			return nil, false
		}
		for _, p := range e.peers {
			if p.id == own.pbx {
				return p, true
			}
		}
		return nil, false
	}
	source, ok := e.config.Pickup.Owned(s, d.CallID, early)
	p = e.peerNamed(source)
	return p, ok && p != nil
}

// expire forgets calls that have lasted too long.
func (d *dialogs) expire(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, x := range d.owner {
		if x.until.Before(now) {
			delete(d.owner, k)
		}
	}
}
