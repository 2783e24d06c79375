package edge

import (
	"time"

	"blfbridge/bridge/subscription"
)

// expired does what is due for a transaction: send again, or give up. The lock of its
// shard is held.
func (e *Edge) expired(s *shard, t *transaction, now time.Time) {
	over := !now.Before(t.end)
	switch {
	case over && t.state == completed:
		s.remove(t)
	case over:
		e.giveUp(s, t)
	case t.state == completed:
		// RFC 3261 §17.2.1, timer G.
		_ = e.net.Write(t.in, t.answer)
		e.againIn(t)
	case t.connecting:
		e.refuses(t.peer)
		e.overUDP(s, t)
	case t.cancel != nil:
		_ = e.sendOn(t, t.cancel)
		e.againIn(t)
	case t.state == proceeding && t.method == "INVITE":
		e.schedule(t, t.end)
	case t.state == calling && !now.Before(t.failover(e)) && e.next(s, t):
	default:
		e.resend(t)
	}
}

// resend sends the request again over UDP (RFC 3261 §17.1.1.2 timer A, §17.1.2.2 timer E).
func (e *Edge) resend(t *transaction) {
	if t.out.Transport != subscription.UDP || t.method != "INVITE" && !t.in.Transport.Stream() {
		e.schedule(t, t.end)
		return
	}
	_ = e.sendOn(t, t.msg)
	if t.method == "INVITE" {
		t.interval *= 2
		e.schedule(t, t.due.Add(t.interval))
		return
	}
	e.againIn(t)
}

// againIn doubles the interval up to T2.
func (e *Edge) againIn(t *transaction) {
	t.interval = min(2*t.interval, e.config.Timers.T2)
	e.schedule(t, t.due.Add(t.interval))
}

// giveUp ends a transaction that nobody answered.
func (e *Edge) giveUp(s *shard, t *transaction) {
	switch {
	case t.state == waiting:
		// RFC 5626 §5.3.1: the phone did not come back.
		e.away.remove(t)
		e.answerLate(t, 430)
	case t.method != "INVITE":
		// RFC 4320 §4.2: no 408 to a request that has run out of time by itself.
	case t.state == proceeding && !t.cancelled:
		// RFC 3261 §16.8: Timer C.
		t.cancelled = true
		e.sendCancel(t)
		return
	default:
		e.answerLate(t, 408)
		e.complete(t, t.answer)
		return
	}
	s.remove(t)
}

// failover is when the next PBX is tried, if there is one.
func (t *transaction) failover(e *Edge) time.Time {
	return t.end.Add(e.config.Timers.Failover - e.config.Timers.B)
}

// next tries the next PBX (RFC 3261 §16.7 step 5); false if there is none.
func (e *Edge) next(s *shard, t *transaction) bool {
	if len(t.rest) == 0 || t.attempt == 15 || t.cancelled {
		return false
	}
	e.metrics.failovers.Inc()
	t.peer.forget(t.msg)
	t.peer, t.rest = t.rest[0], t.rest[1:]
	f := t.peer.flow.Load()
	if f == nil {
		return e.next(s, t)
	}
	t.out, t.state, t.large, t.connecting = *f, calling, false, false
	if f = e.large(t.peer, len(t.msg)); f != nil {
		t.out, t.large = *f, true
	}
	t.attempt++
	t.end = time.Now().Add(e.config.Timers.B)
	if t.token.kind != 0 && t.token.kind != pathToken {
		t.token.pbx = t.peer.id
	}
	e.readdressed(t)
	e.dispatch(s, t)
	return true
}

// readdressed puts another Via, Path and Record-Route on a request that goes elsewhere.
func (e *Edge) readdressed(t *transaction) {
	top := topping{branch: branch{t.in, t.attempt, t.key, t.loop}, out: t.out, back: t.out, toPBX: t.peer != nil, token: t.token, ob: t.ob, sips: t.sips}
	if t.large {
		top.back.Transport, top.back.Local = subscription.UDP, t.peer.flow.Load().Local
	}
	msg := append(make([]byte, 0, len(t.msg)+64), t.msg[:t.head.Start]...)
	msg = e.appendTop(msg, &top)
	end := len(msg)
	t.msg = append(msg, t.msg[t.head.End:]...)
	t.head.End = end
}
