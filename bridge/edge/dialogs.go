package edge

import (
	"bytes"
	"sync"
	"time"

	"blfbridge/bridge/pickup"
	"blfbridge/bridge/sipmsg"
)

// dialogs are the established calls of registered phones, so that a phone can move one of
// its own by Replaces. What is not known here (a call of before a restart) is nobody's. It
// is safe for concurrent use.
type dialogs struct {
	mu    sync.Mutex // guards owner
	owner map[uint64]dialog
}

type dialog struct {
	aor   uint64 // of the phone, hashed
	pbx   uint32
	until time.Time
}

// Bounds of the table: beyond maxDialogs new calls are not noted, and a call that lasts
// longer than dialogLife is forgotten.
const (
	maxDialogs = 1 << 17
	dialogLife = 24 * time.Hour
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

// established notes whose call the 2xx to an INVITE makes. Who is not registered has none.
func (e *Edge) established(t *transaction, m *sipmsg.Message) {
	if e.config.Pickup == nil {
		return
	}
	now := time.Now()
	d := dialog{aor: t.phone.aor, pbx: t.token.pbx, until: now.Add(dialogLife)}
	if t.peer != nil {
		s := e.sender(m, t.in)
		if !s.Registered {
			return
		}
		d.aor, d.pbx = e.phones.sum([]byte(s.AOR)), t.peer.id
	}
	if d.aor == 0 || t.token.kind == 0 {
		return
	}
	key := e.phones.keyOfMessage(m)
	e.dialogs.mu.Lock()
	defer e.dialogs.mu.Unlock()
	if _, known := e.dialogs.owner[key]; known || len(e.dialogs.owner) < maxDialogs {
		e.dialogs.owner[key] = d
	}
}

// ended forgets the call that a BYE ends.
func (e *Edge) ended(m *sipmsg.Message) {
	e.dialogs.mu.Lock()
	defer e.dialogs.mu.Unlock()
	if len(e.dialogs.owner) > 0 {
		delete(e.dialogs.owner, e.phones.keyOfMessage(m))
	}
}

// owns reports whether a registered sender is in a call, and which PBX has that.
func (e *Edge) owns(s pickup.Sender, d pickup.Dialog) (p *peer, ok bool) {
	if !s.Registered {
		return nil, false
	}
	key := e.phones.keyOfDialog([]byte(d.CallID), []byte(d.ToTag), []byte(d.FromTag))
	e.dialogs.mu.Lock()
	own, ok := e.dialogs.owner[key]
	e.dialogs.mu.Unlock()
	if !ok || own.aor != e.phones.sum([]byte(s.AOR)) || own.until.Before(time.Now()) {
		return nil, false
	}
	for _, p := range e.peers {
		if p.id == own.pbx {
			return p, true
		}
	}
	return nil, false
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
