package edge

import (
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipmsg"
	"blfbridge/bridge/sipua"
	"blfbridge/bridge/subscription"
)

// response relays a response whose topmost Via is ours; false leaves it to the server.
func (e *Edge) response(p sipua.Packet, w *work) bool {
	m := &w.msg
	h := m.First(sipmsg.Via)
	via, ok := sipmsg.ParseVia(m.At(h.Value))
	if !ok {
		return false
	}
	b, ours := readBranch(via.Branch)
	if !ours {
		return e.checked(via.Branch, m)
	}
	// Our Via comes off: the line, or the first value of it.
	off := sipmsg.Span{Start: h.Line.Start, End: h.Line.End + 2}
	below := via.Rest
	if len(below) > 0 {
		off = sipmsg.Span{Start: h.Value.Start, End: h.Value.End - len(below)}
	} else {
		below = second(m)
	}
	if below == nil {
		e.ownAnswered(b.mac, m)
		return true
	}
	if w.via, ok = sipmsg.ParseVia(below); !ok || e.branches.keyOf(b.flow, m, &w.via) != b.mac {
		e.metrics.dropped.WithLabelValues("forged_response").Inc()
		return true
	}
	w.remove(off)
	if m.Status/100 == 3 && string(m.CSeqMethod) == "INVITE" {
		e.guardRedirect(w, p.Flow, b.flow)
	}
	if b.flow.Transport.Stream() && m.Length < 0 {
		w.needLength()
	}
	e.metrics.responses.Inc()
	if id := e.settle(&b, w); id != (phoneID{}) {
		e.back(id) // takes other shards' locks
	}
	return true
}

// settle gives a response to its transaction, or relays it without one. It returns the
// phone that has registered by it.
func (e *Edge) settle(b *branch, w *work) (id phoneID) {
	s := e.shardOf(b.mac)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.byKey[b.mac]
	switch {
	case t == nil:
		// RFC 3261 §16.11: of a request of before a restart, or one relayed without state.
		_ = e.net.Write(b.flow, w.write())
	case t.method == "INVITE" && string(w.msg.CSeqMethod) == "CANCEL":
		t.cancel = nil
	case t.method == "INVITE":
		e.inviteAnswered(s, t, w, b.attempt)
	default:
		return e.answered(s, t, w, b.attempt)
	}
	return id
}

// second is the value of the second Via line; nil if there is none.
func second(m *sipmsg.Message) []byte {
	if m.Count(sipmsg.Via) < 2 {
		return nil
	}
	first := true
	for _, h := range m.Lines() {
		if h.Kind == sipmsg.Via {
			if !first {
				return m.At(h.Value)
			}
			first = false
		}
	}
	return nil
}

// ownAnswered takes the answer to a CANCEL of ours.
func (e *Edge) ownAnswered(key uint64, m *sipmsg.Message) {
	if string(m.CSeqMethod) != "CANCEL" {
		return
	}
	s := e.shardOf(key)
	s.mu.Lock()
	if t := s.byKey[key]; t != nil {
		t.cancel = nil
	}
	s.mu.Unlock()
}

// answered relays the response to anything but an INVITE. The lock of the shard is held.
func (e *Edge) answered(s *shard, t *transaction, w *work, attempt byte) (id phoneID) {
	m := &w.msg
	switch {
	case attempt != t.attempt:
		return id // of a PBX that was given up
	case m.Status < 200:
		// RFC 3261 §17.1.2.2: the next PBX is not tried any more, and T2 counts.
		t.state, t.interval, t.rest = proceeding, e.config.Timers.T2, nil
		if m.Status > 100 {
			_ = e.net.Write(t.in, w.write())
		}
		return id
	case m.Status == 503 && e.next(s, t):
		return id
	}
	// First what it says: the phone may subscribe as soon as it has the answer.
	if r := t.registration; r != nil && m.Status/100 == 2 && e.registered(r, m) {
		id = r.id
	}
	_ = e.net.Write(t.in, w.write())
	s.remove(t)
	return id
}

// inviteAnswered relays the response to an INVITE (RFC 3261 §16.7, §17.1.1). The lock of
// the shard is held.
func (e *Edge) inviteAnswered(s *shard, t *transaction, w *work, attempt byte) {
	m, now := &w.msg, time.Now()
	if attempt != t.attempt && m.Status/100 != 2 {
		return // of a PBX that was given up
	}
	if m.Status > 100 && m.Status < 300 {
		w.tellCaller(t.caller)
	}
	switch {
	case m.Status < 200:
		if t.state == completed {
			return
		}
		if t.state == calling && t.cancelled {
			e.sendCancel(t)
		}
		t.state, t.rest = proceeding, nil
		if !t.cancelled {
			t.end = now.Add(e.config.Timers.C)
			e.schedule(t, t.end)
		}
		if m.Status > 100 {
			e.rings(t, m) // first: the phone may refer to it as soon as it has it
			t.answer = append(t.answer[:0], w.write()...)
			_ = e.net.Write(t.in, t.answer)
		}
	case m.Status < 300:
		e.established(t, m)
		_ = e.net.Write(t.in, w.write())
		s.remove(t)
	default:
		e.ack(t, m)
		e.ended(m)
		if t.state == completed || m.Status == 503 && !t.cancelled && e.next(s, t) {
			return
		}
		if t.pickup && (m.Status == 481 || m.Status == 603 || m.Status == 404 && t.replaces) {
			w.tooLate()
		}
		e.complete(t, w.write())
		_ = e.net.Write(t.in, t.answer)
	}
}

// complete keeps the refusal of an INVITE until its ACK comes (RFC 3261 §17.2.1). The lock
// of its shard is held.
func (e *Edge) complete(t *transaction, answer []byte) {
	now := time.Now()
	t.state, t.cancel, t.interval = completed, nil, e.config.Timers.T1
	t.answer = append([]byte(nil), answer...)
	t.end = now.Add(e.config.Timers.B)
	due := t.end
	if t.in.Transport == subscription.UDP {
		due = now.Add(t.interval)
	}
	e.schedule(t, due)
}

// acked takes the ACK of a refusal; false if it must be relayed.
func (e *Edge) acked(key uint64) bool {
	s := e.shardOf(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.byKey[key]
	if t == nil || t.method != "INVITE" {
		return false
	}
	if t.state == completed {
		s.remove(t)
	}
	return true
}

// again takes a retransmission; false if the request is new, or its transaction over.
func (e *Edge) again(key uint64) bool {
	s := e.shardOf(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.byKey[key]
	switch {
	case t == nil:
		return false
	case t.method == "INVITE":
		if len(t.answer) > 0 {
			_ = e.net.Write(t.in, t.answer)
		}
	case t.state != waiting && t.out.Transport == subscription.UDP:
		_ = e.sendOn(t, t.msg)
	}
	return true
}

// cancelled takes the CANCEL of an INVITE (RFC 3261 §16.10); false if it must be relayed.
func (e *Edge) cancelled(key uint64, w *work, f notifier.Flow) bool {
	s := e.shardOf(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.byKey[key]
	if t == nil || t.method != "INVITE" {
		return false
	}
	w.out = appendReply(w.out[:0], &w.msg, &w.via, f, reply{status: 200, key: key})
	_ = e.net.Write(f, w.out)
	if t.cancelled || t.state == completed {
		return true
	}
	if t.state == held || t.state == waiting {
		// Nobody was sent anything yet.
		e.away.remove(t)
		e.answerLate(t, 487)
		e.complete(t, t.answer)
		return true
	}
	t.cancelled, t.rest = true, nil
	t.reason = reasonLines(&w.msg)
	if t.state == proceeding {
		e.sendCancel(t)
	}
	return true
}

// reasonLines are the Reason headers of a CANCEL: phones show by them whether a call was
// missed or answered elsewhere (RFC 3326 §3.1).
func reasonLines(m *sipmsg.Message) (lines []byte) {
	for _, h := range m.Lines() {
		if l := m.At(h.Line); h.Kind == sipmsg.Other && len(l) > 7 && sipmsg.Fold(l[:6], "reason") && (l[6] == ':' || l[6] == ' ') {
			lines = append(append(lines, l...), "\r\n"...)
		}
	}
	return lines
}

// sendCancel sends a CANCEL after a provisional response (RFC 3261 §9.1); a call that
// goes on for 32 s all the same is given up. The lock of its shard is held.
func (e *Edge) sendCancel(t *transaction) {
	w := e.take()
	defer e.give(w)
	if w.msg.Scan(t.msg) != "" {
		return
	}
	now := time.Now()
	t.cancel = appendHop(nil, &w.msg, hop{"CANCEL", w.msg.Value(sipmsg.To), t.reason})
	t.end, t.interval = now.Add(e.config.Timers.B), e.config.Timers.T1
	_ = e.sendOn(t, t.cancel)
	due := t.end
	if t.out.Transport == subscription.UDP {
		due = now.Add(t.interval)
	}
	e.schedule(t, due)
}
