package edge

import (
	"bytes"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipmsg"
	"blfbridge/bridge/sipua"
)

// holdPause is between two looks at what a held INVITE waits for.
const holdPause = 100 * time.Millisecond

// hold keeps an INVITE that picks a call up until the PBX has told which: it is decided
// about again and again, as if it came then, and at last refused.
func (e *Edge) hold(p sipua.Packet, w *work, f notifier.Flow, key uint64) {
	now := time.Now()
	if !w.waited {
		w.patience = now.Add(e.config.Timers.Pickup)
	}
	x := &transaction{
		key: key, method: "INVITE", state: held, in: f, came: p.Flow,
		end: w.patience, msg: bytes.Clone(p.Msg),
	}
	// RFC 3261 §17.2.1: so that the caller does not send again.
	w.out = appendReply(w.out[:0], &w.msg, &w.via, f, reply{status: 100})
	x.answer = bytes.Clone(w.out)
	if !w.waited {
		_ = e.net.Write(f, w.out)
	}
	s := e.shardOf(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[key] == nil {
		s.byKey[key] = x
		e.schedule(x, now.Add(holdPause))
	}
}

// release takes up a held INVITE as if it came now. Its shard is not locked, and has
// forgotten it.
func (e *Edge) release(p sipua.Packet, patience time.Time) {
	defer e.recovered("a held INVITE")
	w := e.take()
	defer e.give(w)
	w.waited, w.patience = true, patience
	if w.msg.Scan(p.Msg) == "" {
		e.request(p, w)
	}
}

// refuseAsked refuses a request, which may have been held.
func (e *Edge) refuseAsked(w *work, f notifier.Flow, r reply) {
	if w.waited {
		e.refuseHeld(w, f, r)
		return
	}
	e.refuse(w, f, r)
}

// refuseHeld is refuse for an INVITE that was held: its sender has heard 100 and does not
// ask again, so that the refusal is repeated until its ACK comes.
func (e *Edge) refuseHeld(w *work, f notifier.Flow, r reply) {
	e.refuse(w, f, r)
	s := e.shardOf(r.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[r.key] == nil {
		x := &transaction{key: r.key, method: "INVITE", in: f}
		s.byKey[r.key] = x
		e.complete(x, w.out)
	}
}

// viaOf is the topmost Via of a message that holds a legal one.
func viaOf(m *sipmsg.Message) sipmsg.TopVia {
	v, _ := sipmsg.ParseVia(m.Value(sipmsg.Via))
	return v
}
