package edge

import (
	"bytes"
	"strconv"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipmsg"
	"blfbridge/bridge/subscription"
)

// passage is one request on its way through.
type passage struct {
	in     notifier.Flow
	key    uint64
	way    *way
	target *target
}

// relay sends a request on: with a transaction if something may have to be done for it
// later, else and be done.
func (e *Edge) relay(w *work, p *passage) {
	m, t := &w.msg, p.target
	method := string(m.Method)
	sips := w.sips(p.way)
	if sips {
		if r, ok := t.secured(); !ok {
			r.key = p.key
			e.refuseAsked(w, p.in, r)
			return
		}
	}
	out := t.flow
	if t.toPBX() {
		f := t.peers[0].flow.Load()
		if f == nil {
			e.refuse(w, p.in, reply{status: 503, extra: "Retry-After: 5\r\n", key: p.key})
			return
		}
		out = *f
		e.metrics.toPBX.Inc()
	} else {
		e.metrics.toPhone.Inc()
	}
	if method == "BYE" {
		e.ended(m)
	}
	inDialog := sipmsg.Tag(m.Value(sipmsg.To)) != nil
	if inDialog && t.toPBX() {
		t.peers = t.peers[:1]
	}
	top := topping{
		branch: branch{flow: p.in, mac: p.key, loop: e.branches.loopOf(m)},
		out:    out, back: out, toPBX: t.toPBX(), sips: sips, ob: method == "REGISTER" && t.toPBX() && e.firstHop(m),
	}
	switch {
	case method == "REGISTER" && t.toPBX():
		top.token = token{kind: pathToken, flow: p.in, conn: e.conns.id(p.in, true)}
		top.token.phone = e.registering(m)
		w.needPath()
	case method == "NOTIFY", !inDialog && (method == "INVITE" || method == "SUBSCRIBE" || method == "REFER"):
		// RFC 3261 §16.6 step 4; RFC 6665 §4.3 for NOTIFY.
		top.token = e.dialogToken(m, p, out)
	}
	if m.Length < 0 {
		w.needLength() // it may go on by a stream at last
	}
	w.stamp(p.in)
	msg := e.top(w, &top)
	if t.toPBX() && method != "ACK" {
		if f := e.large(t.peers[0], len(msg)); f != nil {
			top.out, out = *f, *f
			msg = e.top(w, &top)
		}
	}
	if method == "ACK" || method == "CANCEL" || !t.gone && method != "INVITE" && method != "REGISTER" &&
		len(t.peers) < 2 && out.Transport == subscription.UDP && p.in.Transport == subscription.UDP {
		if !t.gone {
			_ = e.sendTo(t, out, msg)
		}
		return
	}
	e.begin(w, p, &top, msg)
}

// top puts our header lines on a request, and writes it.
func (e *Edge) top(w *work, top *topping) []byte {
	from := len(w.texts)
	w.texts = e.appendTop(w.texts, top)
	w.head = sipmsg.Span{Start: from, End: len(w.texts)}
	return w.write()
}

// begin makes the transaction of a request and sends it.
func (e *Edge) begin(w *work, p *passage, top *topping, msg []byte) {
	t, now := p.target, time.Now()
	x := &transaction{
		key: p.key, in: p.in, out: top.out, phone: t.phone, loop: top.branch.loop, token: top.token, ob: top.ob, sips: top.sips,
		pickup: t.pickup, replaces: t.replaces, caller: t.caller, end: now.Add(e.config.Timers.B), msg: append(make([]byte, 0, len(msg)+64), msg...), head: w.headAt,
	}
	if t.toPBX() {
		x.peer, x.rest = t.peers[0], t.peers[1:]
		x.large = top.out != top.back
	}
	switch method := string(w.msg.Method); method {
	case "INVITE":
		x.method = "INVITE"
		// RFC 3261 §17.2.1: so that the caller does not send again.
		w.out = appendReply(w.out[:0], &w.msg, &w.via, p.in, reply{status: 100})
		x.answer = append([]byte(nil), w.out...)
		_ = e.net.Write(p.in, w.out)
	case "REGISTER":
		x.method = "REGISTER"
		x.registration = e.newRegistration(&w.msg, p.in)
	}
	s := e.shardOf(x.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[x.key] != nil {
		return // the same by another reader
	}
	if len(s.byKey) < maxTransactions {
		s.byKey[x.key] = x
	}
	if t.gone {
		x.state, x.end = waiting, now.Add(e.config.Timers.Return)
		e.away.add(x)
		// It may have registered since it was looked for, and nobody would say so again.
		f, ok := e.bindings.find(x.phone, now)
		if !ok || !e.resume(s, x, f) {
			e.schedule(x, x.end)
			return
		}
		e.away.remove(x)
		return
	}
	e.dispatch(s, x)
}

// dispatch sends what a transaction has to send for the first time to a target. The lock
// of its shard is held.
func (e *Edge) dispatch(s *shard, t *transaction) {
	now := time.Now()
	t.interval = e.config.Timers.T1
	if t.large {
		e.overTCP(s, t)
		return
	}
	if e.sendOn(t, t.msg) != nil && e.next(s, t) {
		return
	}
	if s.byKey[t.key] != t {
		return
	}
	due := now.Add(e.config.Timers.B)
	if t.out.Transport == subscription.UDP && (t.method == "INVITE" || t.in.Transport.Stream()) {
		due = now.Add(t.interval)
	}
	e.schedule(t, due)
}

// sendOn writes to where a transaction's request goes.
func (e *Edge) sendOn(t *transaction, msg []byte) error {
	if t.peer != nil && !t.large {
		return e.send(t.peer, msg)
	}
	return e.net.Write(t.out, msg)
}

func (e *Edge) sendTo(t *target, out notifier.Flow, msg []byte) error {
	if t.toPBX() {
		return e.send(t.peers[0], msg)
	}
	return e.net.Write(out, msg)
}

// topping is what is put before the header lines of a relayed request.
type topping struct {
	branch branch
	// out is where the request goes, back the same but for its size: by it the other side
	// sends what comes later.
	out, back notifier.Flow
	toPBX     bool
	token     token // kind 0 = no Path, no Record-Route
	ob        bool  // RFC 5626 §5.1
	sips      bool  // the request is for a SIPS URI
}

// appendTop writes our Via, and Path or Record-Route.
func (e *Edge) appendTop(b []byte, t *topping) []byte {
	host := e.host(t.toPBX, t.out)
	b = append(append(append(b, "Via: SIP/2.0/"...), t.out.Transport.String()...), ' ')
	b = append(append(b, host...), ";rport;branch="...)
	b = append(t.branch.append(b), "\r\n"...)
	if t.out != t.back {
		host = e.host(t.toPBX, t.back)
	}
	switch t.token.kind {
	case 0:
		return b
	case pathToken:
		b = e.appendURI(append(b, "Path: <"...), &t.token, side{t.back, host, false})
		if t.ob {
			b = append(b, ";ob"...)
		}
		return append(b, ">\r\n"...)
	}
	b = append(e.appendURI(append(b, "Record-Route: <"...), &t.token, side{t.back, host, t.sips}), ">\r\n"...)
	in := t.branch.flow
	other := e.host(!t.toPBX, in)
	if in.Transport == t.back.Transport && in.Local == t.back.Local && other == host {
		return b
	}
	// RFC 5658: one for each side, each in that side's own terms.
	return append(e.appendURI(append(b, "Record-Route: <"...), &t.token, side{in, other, t.sips}), ">\r\n"...)
}

// side is one of the two that a request passes between.
type side struct {
	flow notifier.Flow
	host string
	sips bool // the dialog is one of SIPS URIs
}

// appendURI writes the URI of a token for one side. RFC 3261 §16.6 step 4 wants a SIPS URI
// in the Record-Route of a request to one; a side that it came from without TLS could not
// reach us by that, and has its own terms.
func (e *Edge) appendURI(b []byte, t *token, s side) []byte {
	sips := s.sips && secure(s.flow.Transport)
	if sips {
		b = append(b, "sips:"...)
	} else {
		b = append(b, "sip:"...)
	}
	b = e.sealer.seal(b, t)
	b = append(append(b, '@'), s.host...)
	if !sips || s.flow.Transport != subscription.TLS { // RFC 3261 §26.2.2: transport=tls says nothing there
		b = appendTransport(b, s.flow.Transport)
	}
	return append(b, ";lr"...)
}

func appendTransport(b []byte, t subscription.Transport) []byte {
	switch t {
	case subscription.TCP:
		return append(b, ";transport=tcp"...)
	case subscription.TLS:
		return append(b, ";transport=tls"...)
	case subscription.WS, subscription.WSS: // RFC 7118 §5.2
		return append(b, ";transport=ws"...)
	}
	return b
}

// dialogToken makes the token of a dialog between the phone and the PBX of a passage.
func (e *Edge) dialogToken(m *sipmsg.Message, p *passage, out notifier.Flow) token {
	t := token{kind: callerToken, flow: p.in, phone: p.target.phone, tag: e.tagOf(m), pbx: p.target.from}
	if p.target.toPBX() {
		t.pbx = p.target.peers[0].id
	} else {
		t.kind, t.flow = calleeToken, out
	}
	if p.way.known && p.way.token.kind != pathToken {
		return p.way.token // a NOTIFY within a dialog says the same again
	}
	t.conn = e.conns.id(t.flow, p.target.toPBX())
	return t
}

// firstHop reports whether the phone itself sent this, and wants RFC 5626.
func (e *Edge) firstHop(m *sipmsg.Message) bool {
	return m.Count(sipmsg.Via) == 1 && bytes.IndexByte(m.Value(sipmsg.Via), ',') < 0 && lists(m, sipmsg.Supported, "outbound")
}

// stamp notes in the topmost Via where the request came from.
func (w *work) stamp(f notifier.Flow) {
	at := w.msg.First(sipmsg.Via).Value.Start
	from := len(w.texts)
	w.texts = w.via.Stamp(w.texts, f.Remote, w.via.Rport)
	w.replace(sipmsg.Span{Start: at, End: at + len(w.via.Text)}, from)
}

// needPath says that Path is supported, without which registrars refuse one (RFC 3327
// §5.3); it is, by us.
func (w *work) needPath() {
	if lists(&w.msg, sipmsg.Supported, "path") {
		return
	}
	from := len(w.texts)
	w.texts = append(w.texts, "Supported: path\r\n"...)
	w.replace(sipmsg.Span{Start: w.msg.Start, End: w.msg.Start}, from)
}

// lists reports whether a header names an option tag, given in lower case.
func lists(m *sipmsg.Message, k sipmsg.Kind, tag string) bool {
	for _, h := range m.Lines() {
		if h.Kind != k {
			continue
		}
		for rest := m.At(h.Value); len(rest) > 0; {
			var v []byte
			v, rest, _ = bytes.Cut(rest, []byte{','})
			if sipmsg.Fold(bytes.TrimSpace(v), tag) {
				return true
			}
		}
	}
	return false
}

// needLength adds the Content-Length that streams need.
func (w *work) needLength() {
	w.tail.Start = len(w.texts)
	w.texts = strconv.AppendInt(append(w.texts, "Content-Length: "...), int64(len(w.msg.Raw)-w.msg.End), 10)
	w.texts = append(w.texts, "\r\n"...)
	w.tail.End = len(w.texts)
}
