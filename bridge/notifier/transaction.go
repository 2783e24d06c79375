package notifier

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"blfbridge/bridge/eventpkg"
	"blfbridge/bridge/subscription"
)

// The non-INVITE client transaction of a NOTIFY (RFC 3261 §17.1.2), in milliseconds.
const (
	t1     = 500
	t2     = 4000
	timerF = 64 * t1
)

var (
	// ErrNoFlow: the stream connection is gone and the phone cannot be dialled.
	ErrNoFlow = errors.New("notifier: the phone's connection is gone")
	// ErrConnecting: the phone is being dialled; FlowUp follows if it answers.
	ErrConnecting = errors.New("notifier: the phone is being dialled")
)

// txn is one outstanding NOTIFY. msg is kept because retransmissions are byte-identical.
type txn struct {
	msg      []byte
	random   uint64
	rec      int32
	recGen   uint32
	gen      uint32
	cseq     uint32
	interval int32  // of timer E
	second   uint16 // port of the phone's second place, if it went there; see Diverter
	used     bool
	fresh    bool  // sent once and not answered: counts in pacer.fresh
	diverted bool  // the last one went to the second place
	started  int64 // for timer F
	again    int64 // when timer E fires; 0 = never
	shown    shown
	event    int64 // when the change that caused it reached us, Unix nanoseconds; 0 = none did
	sent     time.Time
}

// notify sends a NOTIFY and opens its transaction; caused says that a change of the
// presentity is behind it.
func (l *loop) notify(slot int32, eff subscription.Effects, body *rendered, caused bool) {
	e := l.records.at(slot)
	ti := l.newTxn()
	t := &l.txns[ti]
	t.rec, t.recGen, t.cseq = slot, e.gen, eff.CSeq
	t.random = l.rand.Uint64()
	t.started, t.interval, t.again, t.event = l.now, t1, 0, 0
	t.second, t.diverted = 0, e.strayed
	t.sent = time.Now()
	if caused && body != nil {
		t.event = l.movedAt.UnixNano()
	}
	e.txn = ti
	t.shown = l.shownBy(e, l.rendered)
	if t.fresh = !e.way.transport.Stream(); t.fresh {
		l.pace.fresh++
	}
	if t.msg == nil {
		t.msg = make([]byte, 0, usualNotify)
	}
	t.msg = l.write(t.msg[:0], e, ti, eff, body)
	flow := l.flowOf(e)
	if t.diverted {
		flow = l.divert(flow, t)
	}
	switch err := l.send(flow, t.msg); {
	case err == nil:
		l.tally.sent(t.event, t.sent)
	case errors.Is(err, ErrNoFlow), errors.Is(err, ErrConnecting):
		l.n.metrics.failed(err)
		// Nothing has left: the numbers are used by the next one, without a gap.
		e.CSeq, e.Version = eff.CSeq, eff.Version
		l.gone[flow] = struct{}{} // not from here: this record is in the middle of a step
		return
	default:
		// UDP: the retransmission may do better (a full socket buffer, a route that flaps).
		l.n.metrics.failed(err)
	}
	if !flow.Transport.Stream() {
		t.again = l.now + t1
		l.wheel.set(t.again, txnRef(ti, t.gen))
		return
	}
	l.wheel.set(t.started+timerF, txnRef(ti, t.gen))
}

// send hands a message to the transport; a datagram leaves with the next flush.
func (l *loop) send(f Flow, msg []byte) error {
	if l.out != nil {
		return l.out.Send(f, msg)
	}
	return l.n.transport.Send(f, msg)
}

// flush sends what waits in the batch. What fails is sent again by timer E.
func (l *loop) flush() {
	if l.out == nil {
		return
	}
	failed, err := l.out.Flush()
	for range failed {
		l.n.metrics.failed(err)
	}
}

// write serialises the NOTIFY, making the body smaller until it fits a datagram.
func (l *loop) write(dst []byte, e *entry, ti int32, eff subscription.Effects, body *rendered) []byte {
	c := l.coldOf(e)
	l.buf = appendBranch(l.buf[:0], l.index, ti, l.txns[ti].gen, l.txns[ti].random)
	q := request{
		cold: c, hot: &e.Hot, transport: e.way.transport, branch: l.buf,
		cseq: eff.CSeq, version: eff.Version, now: l.now, body: body,
	}
	dst = q.appendTo(dst, false)
	if e.way.transport.Stream() || len(dst) <= maxUDP {
		return dst
	}
	dst = q.appendTo(dst[:0], true)
	for _, trim := range eventpkg.Trims[1:] {
		if len(dst) <= maxUDP || body == nil {
			break
		}
		q.body = l.trimmed(e, trim)
		dst = q.appendTo(dst[:0], true)
	}
	return dst
}

func (l *loop) newTxn() int32 {
	if n := len(l.freeTxn); n > 0 {
		ti := l.freeTxn[n-1]
		l.freeTxn = l.freeTxn[:n-1]
		l.txns[ti].used = true
		return ti
	}
	l.txns = append(l.txns, txn{used: true})
	return int32(len(l.txns) - 1)
}

// usualNotify holds most NOTIFYs.
const usualNotify = 1024

// maxFreeTxn is how many transactions that are over keep their buffers.
const maxFreeTxn = 4096

func (l *loop) endTxn(ti int32) {
	t := &l.txns[ti]
	l.known(t)
	t.gen = (t.gen + 1) & (1<<31 - 1) // late answers and timers find another generation
	if t.used = false; len(l.freeTxn) > maxFreeTxn {
		t.msg = nil // of a burst: the rest is enough for the next NOTIFYs
	}
	l.freeTxn = append(l.freeTxn, ti)
}

// cancel drops the outstanding NOTIFY of a record.
func (l *loop) cancel(e *entry) {
	if e.txn >= 0 {
		l.endTxn(e.txn)
		e.txn = -1
	}
}

func txnRef(ti int32, gen uint32) uint64 { return txnBit | recordRef(ti, gen) }

// fireTxn: timer E or F (RFC 3261 §17.1.2.2).
func (l *loop) fireTxn(ti int32, gen uint32) {
	t := &l.txns[ti]
	if !t.used || t.gen != gen {
		return
	}
	if l.now-t.started >= timerF {
		l.traceTimer(l.records.at(t.rec), "a NOTIFY was not answered in time", "F", t.cseq)
		l.ended(ti, subscription.NoAnswer, 0)
		return
	}
	if t.again == 0 || t.again > l.now {
		return
	}
	l.known(t)
	e := l.records.at(t.rec)
	flow := l.flowOf(e)
	if t.diverted = !t.diverted; t.diverted {
		flow = l.divert(flow, t)
	}
	if err := l.send(flow, t.msg); err != nil {
		l.n.metrics.failed(err)
	} else {
		l.n.metrics.retransmitted()
	}
	l.traceTimer(e, "a NOTIFY is sent again", "E", t.cseq)
	t.interval = min(2*t.interval, t2)
	t.again = min(l.now+int64(t.interval), t.started+timerF)
	l.wheel.set(t.again, txnRef(ti, t.gen))
}

// divert is the second place of a phone that does not answer, or the flow as it is.
func (l *loop) divert(f Flow, t *txn) Flow {
	if d, ok := l.n.transport.(Diverter); ok {
		if other, ok := d.Diverted(f, l.coldOf(l.records.at(t.rec))); ok {
			t.second = other.Remote.Port()
			return other
		}
	}
	return f
}

// traceTimer tells debug presence that a timer fired.
func (l *loop) traceTimer(e *entry, what, timer string, cseq uint32) {
	if !l.n.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	c := *l.coldOf(e)
	l.n.log.Debug(what, "timer", timer, "watcher", c.WatcherID, "presentity", c.Number, "call_id", c.CallID, "cseq", cseq)
}

// response: a NOTIFY was answered.
func (l *loop) response(r Response) {
	ti := r.Branch.slot
	if int(ti) >= len(l.txns) {
		l.n.metrics.stray()
		return
	}
	t := &l.txns[ti]
	if !t.used && r.Status == 500 && l.n.shared != nil {
		l.n.stale.Add(1) // sent just before we learned that another replica has it
	}
	if !t.used || t.gen != r.Branch.gen || t.random != r.Branch.random || t.cseq != r.CSeq {
		l.n.metrics.stray() // late, repeated or forged
		return
	}
	if r.Status < 200 {
		t.interval = t2 // RFC 3261 §17.1.2.2: proceeding retransmits every T2
		return
	}
	e := l.records.at(t.rec)
	if t.second != 0 && r.Port == t.second {
		if r.Status > 299 {
			l.n.metrics.stray() // of another phone there, which knows nothing of it
			return
		}
		e.way.port = r.Port
	}
	e.strayed = false
	l.ended(ti, r.Status, r.RetryAfter)
}

// ended closes a transaction and tells its record how it went.
func (l *loop) ended(ti int32, code int, retryAfter time.Duration) {
	t := &l.txns[ti]
	slot := t.rec
	e := l.records.at(slot)
	l.counted(t, code)
	if code < 200 || code > 299 {
		c := *l.coldOf(e)
		l.n.log.Debug("a NOTIFY was not taken", "watcher", c.WatcherID, "presentity", c.Number,
			"call_id", c.CallID, "status", code, "failures", e.Failures+1, "cseq", t.cseq)
	}
	same := t.shown == l.shownBy(e, l.lamp(e.Presentity).Offset)
	l.endTxn(ti)
	e.txn, e.refused = -1, code == 500
	l.step(slot, subscription.Input{
		Kind: subscription.Answered, Code: code, RetryAfter: retryAfter.Milliseconds(),
	}, same)
}

// counted shows how a NOTIFY went in the metrics.
func (l *loop) counted(t *txn, code int) {
	if code >= 200 && code <= 299 {
		l.tally.ok(t.event, t.sent, l.readAt)
	}
	if code == 200 && l.tally != nil {
		l.tally.taken++
		return
	}
	l.n.metrics.finished(code)
}
