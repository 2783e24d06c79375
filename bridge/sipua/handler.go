package sipua

import (
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

func portText(p uint16) string { return strconv.Itoa(int(p)) }

// exchange is one request being answered, once.
type exchange struct {
	server   *Server
	req      *sip.Request
	ask      *ask
	tx       sip.ServerTransaction
	over     *streamConn // nil = UDP
	key      string
	place    *place
	received time.Time
	answered atomic.Bool
}

// handle is the handler of every method. A panic is answered with 500 and does not end
// the process.
func (s *Server) handle(req *sip.Request, tx sip.ServerTransaction) {
	if !s.enter() {
		return
	}
	defer s.handlers.Done()
	key, _ := sip.ServerTxKeyMake(req)
	over := streamOf(tx)
	x := &exchange{server: s, req: req, ask: askOf(req, over), tx: tx, over: over, key: key, place: s.order.take(key), received: time.Now()}
	if !tx.OnTerminate(func(key string, _ error) { s.order.forget(key) }) {
		s.order.forget(key)
	}
	defer s.order.done(x.place)
	defer x.recovered()
	if req.Method == sip.ACK {
		s.hangups.ack(x.ask)
		return // RFC 3261 §17.1.1.3: never answered
	}
	x.place.wait()
	if req.From() == nil || req.To() == nil || req.CallID() == nil || req.CSeq() == nil || req.Via() == nil {
		x.refuse(malformed("From, To, Call-ID, CSeq or Via is missing or cannot be read"))
		return
	}
	if x.place != nil && x.place.merged {
		x.refuse(ErrMerged)
		return
	}
	if req.Method != sip.SUBSCRIBE {
		x.other()
		return
	}
	x.subscribe()
}

// recovered answers for a handler that panicked.
func (x *exchange) recovered() {
	p := recover()
	if p == nil {
		return
	}
	s := x.server
	s.metrics.panics.Inc()
	s.log.Error("panic while a request was handled", "panic", p, "method", string(x.req.Method), "stack", string(debug.Stack()))
	defer func() { _ = recover() }() // the request may be what no response can be made of
	x.refuse(ErrInternal)
}

// subscribe takes a SUBSCRIBE in and waits until it is answered.
func (x *exchange) subscribe() {
	s := x.server
	if x.ask.toTag == "" && (*s.screener.notifier.Load()).Full(x.ask.callID) {
		s.tooMany(x.ask.hop.source) // as on the short way: before anything is decided
		x.refuse(ErrBusy)
		return
	}
	var sub notifier.Subscribe
	err := s.subscribe(&sub, x.ask, at{x.local(), x.received})
	if errors.Is(err, ErrCredentials) && x.registers() {
		err = s.subscribe(&sub, x.ask, at{x.local(), x.received})
	}
	if err != nil {
		x.refuse(err)
		return
	}
	done := make(chan struct{})
	sub.Answer = func(a notifier.Answer) {
		defer close(done)
		defer x.recovered() // this is the notifier's goroutine
		x.respond(s.granted(x.ask, &sub, a))
	}
	(*s.screener.notifier.Load()).Subscribe(&sub)
	s.order.done(x.place)
	t := time.NewTimer(s.config.Timeouts.Answer)
	defer t.Stop()
	select {
	case <-done:
		if sub.Flow.Transport == subscription.UDP && s.order.size.Load() > int64(s.config.Limits.Transactions) {
			// Gives up absorbing retransmissions of this one; the notifier knows them
			// by their CSeq.
			s.metrics.early.Inc()
			x.tx.Terminate()
		}
	case <-t.C:
		s.quiet.warn("late", "a SUBSCRIBE was not answered in time", "call_id", sub.CallID)
		x.refuse(ErrInternal)
	case <-s.stopping:
	}
}

// streamOf is the connection that a transaction's request came by; nil is UDP. sipgo
// knows all our connections as TCP.
func streamOf(tx sip.ServerTransaction) *streamConn {
	if c, ok := tx.(interface{ Connection() sip.Connection }); ok {
		if t, ok := c.Connection().(*sip.TCPConnection); ok {
			s, _ := t.Conn.(*streamConn)
			return s
		}
	}
	return nil
}

// local is the socket the request came to.
func (x *exchange) local() (a netip.AddrPort) {
	if x.over != nil {
		return x.over.flow.Local
	}
	if c, ok := x.tx.(interface{ Connection() sip.Connection }); ok && c.Connection() != nil {
		if l, ok := c.Connection().LocalAddr().(*net.UDPAddr); ok {
			a = netip.AddrPortFrom(l.AddrPort().Addr().Unmap(), l.AddrPort().Port())
		}
	}
	return a
}

// refuse answers with the row of err in the table of refusals.
func (x *exchange) refuse(err error) {
	switch {
	case errors.Is(err, ErrCredentials), errors.Is(err, ErrTooBrief):
		x.server.order.unmerge(x.key)
	}
	x.respond(x.server.refused(x.ask, err))
}

// respond sends the response unless one was sent before.
func (x *exchange) respond(o outcome) {
	if x.answered.Swap(true) {
		return
	}
	x.server.metrics.answered(string(x.req.Method), o.status, time.Since(x.received))
	if err := x.tx.Respond(newResponse(x.req, x.ask, o)); err != nil {
		x.server.log.Debug("a response could not be sent", "status", o.status, "error", err)
	}
}
