package edge

import (
	"bytes"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipmsg"
	"blfbridge/bridge/sipua"
)

// target is where a request goes.
type target struct {
	peers []*peer       // to the first, or the next after it
	flow  notifier.Flow // to a phone, if peers is empty
	phone phoneID
	// from is the PBX that a request to a phone came from, 0 if it cannot be told.
	from uint32
	// gone: the phone has no flow now.
	gone bool
	// pickup: the request takes a ringing call over.
	pickup bool
	// replaces: it does so by Replaces, and its number is of no matter.
	replaces bool
	caller   string // then: the header line that tells who calls
}

func (t *target) toPBX() bool { return len(t.peers) > 0 }

// request relays a request or answers it; false leaves it to the server.
func (e *Edge) request(p sipua.Packet, w *work) bool {
	m := &w.msg
	var ok bool
	if w.via, ok = sipmsg.ParseVia(m.Value(sipmsg.Via)); !ok || !wellFormed(m) {
		return false
	}
	from, f := e.peerOf(p.Flow), phoneFlow(p.Flow, &w.via)
	key := e.branches.keyOf(f, m, &w.via)
	method := string(m.Method)
	// Before own: phones whose domain is our address acknowledge a refused call so, too.
	if method == "ACK" && e.acked(key) {
		return true
	}
	r := e.readRoutes(w)
	if !r.known && e.own(m, from) {
		return false
	}
	switch {
	case method == "ACK": // of a 2xx, or of before a restart
	case method == "CANCEL":
		if e.cancelled(key, w, f) {
			return true
		}
	case e.again(key):
		return true
	}
	if status, extra := e.inspect(w, from, p.Flow); status != 0 {
		e.refuse(w, f, reply{status: status, extra: extra, key: key})
		return true
	}
	t, status := e.target(m, &r, from, f)
	if status != 0 {
		e.refuse(w, f, reply{status: status, key: key})
		return true
	}
	if from == nil {
		r, fate := e.guard(w, f, &t)
		r.key = key
		switch {
		case fate == waits:
			e.hold(p, w, f, key)
			return true
		case fate == refused:
			e.refuseAsked(w, f, r)
			return true
		}
	}
	e.relay(w, &passage{in: f, key: key, way: &r, target: &t})
	return true
}

// wellFormed reports whether From and To can be read: what is forwarded must be legal.
func wellFormed(m *sipmsg.Message) bool {
	for _, k := range [...]sipmsg.Kind{sipmsg.From, sipmsg.To} {
		if _, _, ok := sipmsg.Address(m.Value(k)); !ok {
			return false
		}
	}
	return true
}

// own reports whether a request without a token is for the server itself: what its table
// names, and what is addressed to it as a host.
func (e *Edge) own(m *sipmsg.Message, from *peer) bool {
	if sipua.Served(m.Method, m.Value(sipmsg.Event)) {
		return true
	}
	method := string(m.Method)
	if from == nil && (method == "INVITE" || method == "CANCEL") {
		return e.net.Dialled(m.At(m.URI)) && sipmsg.Tag(m.Value(sipmsg.To)) == nil
	}
	if from == nil && method == "ACK" && e.net.Dialled(m.At(m.URI)) {
		return true // RFC 3261 §17.1.1.3: that of a refusal has the URI of its INVITE
	}
	u, ok := sipmsg.ParseURI(m.At(m.URI))
	if !ok || !e.ourURI(u) {
		return false
	}
	switch method {
	case "OPTIONS": // RFC 3261 §11: a ping of the proxy itself
		return len(u.User) == 0 || from != nil
	case "NOTIFY", "ACK", "BYE": // of a subscription that we made, of a call that we answered
		return sipmsg.Tag(m.Value(sipmsg.To)) != nil
	}
	return false
}

// ourURI reports whether a URI is one of our sockets.
func (e *Edge) ourURI(u sipmsg.URI) bool {
	if !e.net.Ours(string(u.Host)) {
		return false
	}
	for _, l := range e.net.Addrs() {
		if u.Port == 0 || l.Addr.Port() == u.Port {
			return true
		}
	}
	return false
}

// inspect is the validation of RFC 3261 §16.3; it returns the status that refuses.
func (e *Edge) inspect(w *work, from *peer, source notifier.Flow) (status int, extra string) {
	m := &w.msg
	ack := string(m.Method) == "ACK"
	if from == nil && !ack && !w.waited && !e.net.Allow(source.Remote.Addr()) {
		return 503, "Retry-After: 5\r\n"
	}
	if status := w.spend(); status != 0 {
		return status, ""
	}
	if m.Has(sipmsg.ProxyRequire) && !ack && string(m.Method) != "CANCEL" {
		// RFC 3261 §16.3 step 5: no extension is supported that a proxy could be asked for.
		return 420, "Unsupported: " + string(m.Value(sipmsg.ProxyRequire)) + "\r\n"
	}
	if e.looped(m) {
		return 482, ""
	}
	return 0, ""
}

// looped reports whether a request with the same URI and Routes passed here before (RFC
// 3261 §16.3 step 4).
func (e *Edge) looped(m *sipmsg.Message) bool {
	if m.Count(sipmsg.Via) < 2 && bytes.IndexByte(m.Value(sipmsg.Via), ',') < 0 {
		return false
	}
	loop := e.branches.loopOf(m)
	for _, h := range m.Lines() {
		if h.Kind != sipmsg.Via {
			continue
		}
		for rest := m.At(h.Value); len(rest) > 0; {
			v, ok := sipmsg.ParseVia(rest)
			if !ok {
				break
			}
			if b, ours := readBranch(v.Branch); ours && b.loop == loop {
				return true
			}
			rest = v.Rest
		}
	}
	return false
}

// target says where a request goes: by its token, to the phone of a Contact, or to the
// PBXs of its domain.
func (e *Edge) target(m *sipmsg.Message, r *way, from *peer, f notifier.Flow) (t target, status int) {
	if from != nil {
		t.from = from.id
	}
	switch {
	case r.known:
		if !e.forPhone(&r.token, m) {
			t.peers, t.phone = e.stick(r.token.pbx, m), r.token.phone
			return t, 0
		}
		t.phone = r.token.phone
		if t.from == 0 {
			t.from = r.token.pbx
		}
		var ok bool
		if t.flow, ok = e.locate(&r.token); !ok && r.token.kind == pathToken {
			return t, 430 // RFC 5626 §5.3.1
		}
		t.gone = !ok
		return t, 0
	case from != nil:
		// A PBX that keeps no Path, but sends its phones' calls here.
		flow, ok := e.bindings.byContact(string(m.At(m.URI)), time.Now())
		if !ok {
			return t, 404
		}
		t.flow = flow
		if b, known := e.bindings.of(flow, time.Now()); known {
			t.phone = b.id
		}
		return t, 0
	}
	t.peers = e.choose(m)
	if b, ok := e.bindings.of(f, time.Now()); ok {
		t.phone = b.id
	} else if aor, ok := aorOf(m.Value(sipmsg.From)); ok {
		t.phone, _ = e.phones.identify(aor, m.Value(sipmsg.Contact))
	}
	return t, 0
}

// forPhone tells the direction of a request: in a dialog that the phone made, what has
// the From tag of its first request comes from the phone.
func (e *Edge) forPhone(t *token, m *sipmsg.Message) bool {
	if t.kind == pathToken {
		return true
	}
	first := e.tagOf(m) == t.tag
	return first == (t.kind == calleeToken)
}

// tagOf hashes the From tag.
func (e *Edge) tagOf(m *sipmsg.Message) uint32 {
	return uint32(e.phones.sum(sipmsg.Tag(m.Value(sipmsg.From))))
}

// stick is the PBX that a dialog is with.
func (e *Edge) stick(id uint32, m *sipmsg.Message) []*peer {
	for i, p := range e.peers {
		if p.id == id {
			return e.peers[i : i+1]
		}
	}
	return e.choose(m)[:1]
}
