package edge

import (
	"cmp"
	"strconv"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipmsg"
)

var phrases = map[int]string{
	100: "Trying", 200: "OK", 400: "Bad Request", 404: "Not Found", 408: "Request Timeout", 420: "Bad Extension",
	430: "Flow Failed", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
	483: "Too Many Hops", 487: "Request Terminated", 503: "Service Unavailable", 513: "Message Too Large",
}

// reply is a response of our own.
type reply struct {
	status int
	phrase string // empty = the usual one
	// extra are further header lines, each with its line end.
	extra string
	// skip is how many Via values on top are ours; without any the topmost one is stamped.
	skip int
	key  uint64 // makes the To tag the same each time
}

// appendReply writes a response to the request in m; via and flow are those it came by.
func appendReply(b []byte, m *sipmsg.Message, via *sipmsg.TopVia, f notifier.Flow, r reply) []byte {
	b = append(b, "SIP/2.0 "...)
	b = strconv.AppendInt(b, int64(r.status), 10)
	b = append(append(append(b, ' '), cmp.Or(r.phrase, phrases[r.status])...), "\r\n"...)
	nth := 0
	for _, h := range m.Lines() {
		if h.Kind != sipmsg.Via {
			continue
		}
		switch nth++; {
		case nth <= r.skip:
			continue
		case nth == 1:
			b = append(b, "Via: "...)
			b = via.Stamp(b, f.Remote, via.Rport)
			if len(via.Rest) > 0 {
				b = append(append(b, ", "...), via.Rest...)
			}
		default:
			b = append(append(b, "Via: "...), m.At(h.Value)...)
		}
		b = append(b, "\r\n"...)
	}
	b = append(append(b, "From: "...), m.Value(sipmsg.From)...)
	b = append(append(b, "\r\nTo: "...), m.Value(sipmsg.To)...)
	if r.status > 100 && sipmsg.Tag(m.Value(sipmsg.To)) == nil {
		b = strconv.AppendUint(append(b, ";tag=e"...), r.key, 36)
	}
	b = append(append(b, "\r\nCall-ID: "...), m.Value(sipmsg.CallID)...)
	b = append(append(b, "\r\nCSeq: "...), m.Value(sipmsg.CSeq)...)
	b = append(append(b, "\r\n"...), r.extra...)
	return append(b, "Content-Length: 0\r\n\r\n"...)
}

// refuse answers the request at hand; nothing is said to an ACK (RFC 3261 §17.1.1.3).
func (e *Edge) refuse(w *work, f notifier.Flow, r reply) {
	e.metrics.refused(r.status)
	if string(w.msg.Method) == "ACK" {
		return
	}
	w.out = appendReply(w.out[:0], &w.msg, &w.via, f, r)
	_ = e.net.Write(f, w.out)
}

// answerLate answers a transaction's request from what was sent of it.
func (e *Edge) answerLate(t *transaction, status int) {
	w := e.take()
	defer e.give(w)
	if w.msg.Scan(t.msg) != "" {
		return
	}
	e.metrics.refused(status)
	via, skip := sipmsg.TopVia{}, 1
	if t.state == held {
		via, skip = viaOf(&w.msg), 0 // it is as it came
	}
	w.out = appendReply(w.out[:0], &w.msg, &via, t.in, reply{status: status, skip: skip, key: t.key})
	t.answer = append([]byte(nil), w.out...)
	_ = e.net.Write(t.in, w.out)
}

// ack acknowledges a refused INVITE (RFC 3261 §17.1.1.3), of whose refusal res is.
func (e *Edge) ack(t *transaction, res *sipmsg.Message) {
	w := e.take()
	defer e.give(w)
	if w.msg.Scan(t.msg) != "" {
		return
	}
	e.sendOn(t, appendHop(w.out[:0], &w.msg, hop{"ACK", res.Value(sipmsg.To), nil}))
}

// hop is a request of our own to the next hop of an INVITE.
type hop struct {
	method string
	to     []byte
	extra  []byte
}

// appendHop writes an ACK or CANCEL for the INVITE that was sent: its own topmost Via,
// its request URI and Routes (RFC 3261 §9.1, §17.1.1.3).
func appendHop(b []byte, m *sipmsg.Message, h hop) []byte {
	b = append(append(append(b, h.method...), ' '), m.At(m.URI)...)
	b = append(append(b, " SIP/2.0\r\nVia: "...), m.Value(sipmsg.Via)...)
	b = append(b, "\r\n"...)
	for _, l := range m.Lines() {
		if l.Kind == sipmsg.Route {
			b = append(append(append(b, "Route: "...), m.At(l.Value)...), "\r\n"...)
		}
	}
	b = append(append(b, "Max-Forwards: 70\r\nFrom: "...), m.Value(sipmsg.From)...)
	b = append(append(b, "\r\nTo: "...), h.to...)
	b = append(append(b, "\r\nCall-ID: "...), m.Value(sipmsg.CallID)...)
	b = strconv.AppendUint(append(b, "\r\nCSeq: "...), uint64(m.CSeqNumber), 10)
	b = append(append(append(b, ' '), h.method...), "\r\n"...)
	b = append(b, h.extra...)
	return append(b, "Content-Length: 0\r\n\r\n"...)
}
