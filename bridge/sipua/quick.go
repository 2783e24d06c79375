package sipua

import (
	"context"
	"errors"
	"hash/maphash"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// quick is the short way of plain SUBSCRIBEs over UDP: read in the socket's reader, decided
// by the same code as all others, answered from the notifier's loop, without sipgo's parser,
// transaction or goroutine. Whatever is unusual takes the long way. It is safe for
// concurrent use.
type quick struct {
	server *Server
	*absorber
	seed maphash.Seed
	pool sync.Pool // of *quickExchange
}

// quickExchange is one SUBSCRIBE being answered.
type quickExchange struct {
	quick    *quick
	ask      ask
	top      topVia
	local    netip.AddrPort
	remote   netip.AddrPort
	received time.Time
	key      uint64 // of the transaction
	merge    uint64 // 0 = within a dialog
	sub      notifier.Subscribe
	batch    *batch // the response leaves with what else the loop sends; nil = at once
	out      []byte
}

func newQuick(s *Server) *quick {
	q := &quick{server: s, absorber: newAbsorber(s.config.Limits.Transactions), seed: maphash.MakeSeed()}
	q.pool.New = func() any { return &quickExchange{quick: q} }
	return q
}

// take handles a screened message; false sends it the long way.
func (k *quick) take(h *head, in *packet) bool {
	if in.transport != subscription.UDP || string(h.method) != "SUBSCRIBE" {
		return false
	}
	x := k.pool.Get().(*quickExchange)
	if !k.admits(x, h, in) {
		k.pool.Put(x)
		return false
	}
	if k.server.turnsAway(x) {
		x.turnAway()
		return true
	}
	x.received = time.Now()
	what, again, early := k.arrive(x, x.out[:0])
	if early > 0 {
		// Gives up absorbing retransmissions of these; the notifier knows them by their CSeq.
		k.server.metrics.early.Add(float64(early))
	}
	switch what {
	case arrivalWorking:
		k.pool.Put(x)
	case arrivalAgain:
		x.out = again
		k.send(x, again)
		k.pool.Put(x)
	case arrivalMerged:
		x.refuse(ErrMerged)
	case arrivalNew:
		x.subscribe()
	}
	return true
}

// admits reads a message, and reports whether it may take the short way.
func (k *quick) admits(x *quickExchange, h *head, in *packet) bool {
	text := string(in.msg)
	if !x.ask.plain(h, in, text, &x.top, k.server.screener.natForce) {
		return false
	}
	x.local, x.remote, x.merge = in.local, in.remote, 0
	x.key = k.keyOf(&x.top)
	if x.ask.toTag == "" {
		x.merge = k.mergeOf(x.ask.fromTag, x.ask.callID, x.ask.cseq)
	}
	if k.server.looksUp(&x.ask) {
		return false // the reader must not wait for a name server
	}
	// One that waits for a request of its Call-ID on the long way goes there too, and so do
	// the retransmissions of such.
	return !k.server.order.holds(&x.ask, &x.top)
}

// keyOf names a transaction (RFC 3261 §17.2.3); the method is always SUBSCRIBE.
func (k *quick) keyOf(v *topVia) uint64 {
	var h maphash.Hash
	h.SetSeed(k.seed)
	_, _ = h.WriteString(v.branch)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(v.host)
	_, _ = h.Write([]byte{0, byte(v.port >> 8), byte(v.port)})
	return h.Sum64()
}

func (k *quick) mergeOf(fromTag, callID string, cseq uint32) uint64 {
	var h maphash.Hash
	h.SetSeed(k.seed)
	_, _ = h.WriteString(fromTag)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(callID)
	_, _ = h.Write([]byte{0, byte(cseq >> 24), byte(cseq >> 16), byte(cseq >> 8), byte(cseq)})
	return h.Sum64() | 1
}

// subscribe decides and hands the SUBSCRIBE on.
func (x *quickExchange) subscribe() {
	defer x.recovered()
	s := x.quick.server
	if err := s.subscribe(&x.sub, &x.ask, at{x.local, x.received}); err != nil {
		x.refuse(err)
		return
	}
	x.sub.Answer = x.answer
	(*s.screener.notifier.Load()).Subscribe(&x.sub)
}

// answer is called by the notifier.
func (x *quickExchange) answer(a notifier.Answer) {
	defer x.recovered()
	x.batch, _ = a.Batch.(*batch)
	x.respond(x.quick.server.granted(&x.ask, &x.sub, a), false)
}

func (x *quickExchange) refuse(err error) {
	again := errors.Is(err, ErrCredentials) || errors.Is(err, ErrTooBrief)
	x.respond(x.quick.server.refused(&x.ask, err), again)
}

// respond sends the final response, unless one was sent before. x is not used any more.
func (x *quickExchange) respond(o outcome, again bool) {
	k := x.quick
	x.out = x.appendResponse(x.out[:0], o)
	if !k.finish(x, x, x.out, again) {
		return // too late: it was answered for us, and x is not ours
	}
	k.server.metrics.answered("SUBSCRIBE", o.status, time.Since(x.received))
	k.send(x, x.out)
	x.sub, x.batch = notifier.Subscribe{}, nil
	k.pool.Put(x)
}

// send writes a response where the topmost Via says (RFC 3261 §18.2.2).
func (k *quick) send(x *quickExchange, res []byte) {
	s := k.server
	u := s.sockets[x.local]
	if u == nil {
		return
	}
	to := x.ask.hop.source
	trace(s.log, "out", packet{res, subscription.UDP, u.local, to})
	var err error
	if x.batch != nil {
		err = x.batch.queue(u, res, to)
	} else {
		err = u.send(res, to)
	}
	if err != nil {
		s.log.Debug("a response could not be sent", "error", err)
	}
}

// recovered answers for a panic.
func (x *quickExchange) recovered() {
	p := recover()
	if p == nil {
		return
	}
	s := x.quick.server
	s.metrics.panics.Inc()
	s.log.Error("panic while a request was handled", "panic", p, "method", "SUBSCRIBE", "stack", string(debug.Stack()))
	x.refuse(ErrInternal)
}

// run looks every second for what waits too long.
func (k *quick) run(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			k.expire()
		}
	}
}

// expire answers with 500 what the notifier does not answer in time.
func (k *quick) expire() {
	late := k.late(time.Now().Add(-k.server.config.Timeouts.Answer))
	for i := range late {
		x := &late[i].copy
		k.server.quiet.warn("late", "a SUBSCRIBE was not answered in time", "call_id", x.ask.callID)
		o := k.server.refused(&x.ask, ErrInternal)
		res := x.appendResponse(nil, o)
		if k.finish(late[i].owner, x, res, false) {
			k.server.metrics.answered("SUBSCRIBE", o.status, time.Since(x.received))
			k.send(x, res)
		}
	}
}

// appendResponse writes the response as newResponse has it written.
func (x *quickExchange) appendResponse(b []byte, o outcome) []byte {
	q := &x.ask
	b = append(b, "SIP/2.0 "...)
	b = strconv.AppendInt(b, int64(o.status), 10)
	b = append(b, ' ')
	if o.phrase == "" {
		o.phrase = phraseOf(o.status)
	}
	b = append(b, o.phrase...)
	b = append(b, "\r\n"...)
	if o.status/100 == 2 {
		for i, k := range q.kinds {
			if k == kindRecordRoute {
				b = appendField(b, "Record-Route", q.values[i])
			}
		}
	}
	first := true
	for i, k := range q.kinds {
		if k != kindVia {
			continue
		}
		if first {
			first = false
			b = append(b, "Via: "...)
			b = x.top.stamp(b, x.remote, x.quick.server.screener.natForce)
			b = append(b, "\r\n"...)
			continue
		}
		b = appendField(b, "Via", q.values[i])
	}
	b = appendField(b, "From", q.header(kindFrom))
	to := q.header(kindTo)
	b = append(append(b, "To: "...), to...)
	if q.toTag == "" && o.toTag != "" {
		b = append(append(b, ";tag="...), o.toTag...)
	}
	b = append(b, "\r\n"...)
	b = appendField(b, "Call-ID", q.callID)
	b = append(b, "CSeq: "...)
	b = strconv.AppendUint(b, uint64(q.cseq), 10)
	b = append(b, " SUBSCRIBE\r\n"...)
	for _, f := range o.fields {
		if f.value != "" {
			b = appendField(b, f.name, f.value)
		}
	}
	return append(b, "Content-Length: 0\r\n\r\n"...)
}

func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}
