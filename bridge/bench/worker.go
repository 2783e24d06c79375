package bench

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
)

// phase is what the phones do for a while, besides answering NOTIFYs.
type phase struct {
	// kind is nothing, or which SUBSCRIBE each subscription sends.
	kind kind
	// window is how many may be outstanding at each socket.
	window int
	// rate is how many are sent a second at each socket; 0 = as fast as the window lets.
	rate float64
	// cycle begins again at the first subscription, until the phase is stopped.
	cycle bool
	// hello tells the server first which socket this is: the limit has no SUBSCRIBEs.
	hello bool
}

type kind uint8

const (
	listen    kind = iota
	subscribe      // a new dialog
	refresh        // in the dialog
	unsubscribe
)

// worker is the goroutine of one socket and the only one that touches its subscriptions.
type worker struct {
	farm  *farm
	id    int
	sock  *socket
	local string
	subs  []subscription
	rand  *rand.Rand
	loss  uint32 // of 1<<16

	phase       phase
	now         int64
	next        int // subscription to send
	started     int // SUBSCRIBEs begun in this phase
	completed   int
	outstanding int
	backing     int // refused for now
	alarms      alarms
	began       int64
	count       counters
	head        head
}

// counters are what the phones saw in a phase.
type counters struct {
	subscribeOK, subscribeNotify, change histogram

	Notifies        uint64 // new ones
	NotifyBytes     uint64
	Retransmissions uint64 // SUBSCRIBEs sent again
	Duplicates      uint64 // NOTIFYs seen again
	Refused         uint64 // 503
	Failed          uint64 // other answers, and no answer
	Strange         uint64 // messages that no phone understands
	VersionGaps     uint64 // a version was left out
	StepsBack       uint64 // a version or CSeq went back
	Reused          uint64 // a CSeq stood in two NOTIFYs
	Ended           uint64 // terminated without being asked
	Lost            uint64 // datagrams dropped on purpose
}

func (c *counters) merge(o *counters) {
	c.subscribeOK.merge(&o.subscribeOK)
	c.subscribeNotify.merge(&o.subscribeNotify)
	c.change.merge(&o.change)
	c.Notifies += o.Notifies
	c.NotifyBytes += o.NotifyBytes
	c.Retransmissions += o.Retransmissions
	c.Duplicates += o.Duplicates
	c.Refused += o.Refused
	c.Failed += o.Failed
	c.Strange += o.Strange
	c.VersionGaps += o.VersionGaps
	c.StepsBack += o.StepsBack
	c.Reused += o.Reused
	c.Ended += o.Ended
	c.Lost += o.Lost
}

// idle is how long a worker sleeps at most, to notice that its phase was stopped.
const idle = 10 * time.Millisecond

// run plays the phase to its end. The subscriptions it sends for are all of the worker's.
func (w *worker) run(p phase) {
	w.phase, w.next, w.started, w.completed, w.outstanding, w.backing = p, 0, 0, 0, 0, 0
	w.alarms, w.count = w.alarms[:0], counters{}
	w.now = w.farm.clock()
	w.began = w.now
	if p.hello {
		w.sock.queue(strconv.AppendInt(w.sock.next(), int64(w.id), 10))
	}
	reported := 0
	for !w.farm.stop.Load() {
		wait := w.send()
		w.ring()
		w.sock.flush()
		if len(w.alarms) > 0 {
			wait = min(wait, time.Duration(max(w.alarms[0].at-w.now, 0)))
		}
		w.sock.receive(wait, w.take)
		w.now = w.farm.clock()
		w.farm.completed.Add(int64(w.completed - reported))
		reported = w.completed
		if p.kind != listen && !p.cycle && w.next == len(w.subs) && w.outstanding+w.backing == 0 {
			break
		}
	}
	w.sock.flush()
}

// send sends the SUBSCRIBEs that are due, and returns how long nothing more is.
func (w *worker) send() time.Duration {
	if w.phase.kind == listen {
		return idle
	}
	most := batch
	if w.phase.rate > 0 {
		due := int(w.phase.rate*float64(w.now-w.began)/1e9) - w.started
		if due <= 0 {
			return min(idle, time.Duration(float64(time.Second)/w.phase.rate))
		}
		most = min(most, due)
	}
	for ; most > 0 && w.outstanding < w.phase.window; most-- {
		if w.next == len(w.subs) {
			if !w.phase.cycle || len(w.subs) == 0 {
				return idle
			}
			w.next = 0
		}
		sub := &w.subs[w.next]
		if sub.flags&(waits200|waitsNotify|backsOff) == 0 || w.phase.kind == subscribe {
			w.begin(sub)
			w.transmit(w.next)
		}
		w.next++
		w.started++
	}
	if w.outstanding >= w.phase.window {
		return idle
	}
	return 0
}

// begin prepares the next SUBSCRIBE of a subscription.
func (w *worker) begin(sub *subscription) {
	sub.cseq++
	sub.sent, sub.began, sub.tries, sub.expires = w.now, w.now, 0, uint32(w.farm.expires/time.Second)
	switch w.phase.kind {
	case subscribe:
		*sub = subscription{sent: sub.sent, began: sub.began, cseq: sub.cseq, expires: sub.expires}
	case unsubscribe:
		sub.expires = 0
	}
	sub.flags |= waits200 | waitsNotify
	w.outstanding++
}

func (w *worker) transmit(local int) {
	sub := &w.subs[local]
	w.alarms.push(alarm{w.now + int64(again(sub.tries)), int32(local), sub.cseq})
	if w.drops() {
		return
	}
	w.sock.queue(w.appendSubscribe(w.sock.next(), local*len(w.farm.workers)+w.id, sub))
}

// ring handles the alarms that are due.
func (w *worker) ring() {
	for len(w.alarms) > 0 && w.alarms[0].at <= w.now {
		a := w.alarms.pop()
		sub := &w.subs[a.local]
		switch {
		case sub.cseq != a.cseq || sub.flags&(waits200|waitsNotify|backsOff) == 0:
		case sub.flags&backsOff != 0:
			sub.flags &^= backsOff
			w.backing--
			sent := sub.sent
			w.begin(sub)
			sub.sent = sent // the phone has waited since its first try
			w.transmit(int(a.local))
		case w.now-sub.began >= int64(timerF)+int64(t2):
			w.count.Failed++
			w.complete(sub)
		case sub.flags&waits200 == 0 || w.now-sub.began >= int64(timerF):
			w.alarms.push(alarm{w.now + int64(t2), a.local, a.cseq})
		default:
			sub.tries++
			w.count.Retransmissions++
			w.transmit(int(a.local))
		}
	}
}

// complete closes the outstanding SUBSCRIBE.
func (w *worker) complete(sub *subscription) {
	sub.flags &^= waits200 | waitsNotify
	w.outstanding--
	w.completed++
}

// drops decides whether the network loses a datagram.
func (w *worker) drops() bool {
	if w.loss == 0 || w.rand.Uint32N(1<<16) >= w.loss {
		return false
	}
	w.count.Lost++
	return true
}

// take handles one message of the server.
func (w *worker) take(msg []byte) {
	if w.drops() {
		return
	}
	h := &w.head
	if !h.scan(msg) || h.index%len(w.farm.workers) != w.id || h.index/len(w.farm.workers) >= len(w.subs) {
		w.count.Strange++
		return
	}
	w.now = w.farm.clock()
	local := h.index / len(w.farm.workers)
	if h.status != 0 {
		w.answered(local, h)
		return
	}
	if !w.drops() {
		w.sock.queue(appendOK(w.sock.next(), h))
	}
	w.notify(h.index, &w.subs[local], h, len(msg))
}

// answered handles a response to a SUBSCRIBE.
func (w *worker) answered(local int, h *head) {
	sub := &w.subs[local]
	if h.status < 200 || h.cseq != sub.cseq || sub.flags&waits200 == 0 {
		return
	}
	switch {
	case h.status == 503:
		w.count.Refused++
		sub.flags = sub.flags&^(waits200|waitsNotify) | backsOff
		w.outstanding--
		w.backing++
		pause := float64(max(h.retry, 1)) * (1 + w.rand.Float64()/2) // not all at once again
		w.alarms.push(alarm{w.now + int64(pause*1e9), int32(local), sub.cseq})
		return
	case h.status > 299 || len(h.tag) > len(sub.tag):
		w.count.Failed++
		w.farm.failed(h.status)
		sub.flags &^= standing
		w.complete(sub)
		return
	}
	sub.tagLen = uint8(copy(sub.tag[:], h.tag))
	sub.flags &^= waits200
	if w.phase.kind != unsubscribe && sub.flags&waitsNotify != 0 {
		sub.flags |= standing
	}
	w.count.subscribeOK.add(time.Duration(w.now - sub.sent))
	if sub.flags&waitsNotify == 0 {
		w.complete(sub)
	}
}

// notify handles a NOTIFY that was answered.
func (w *worker) notify(index int, sub *subscription, h *head, size int) {
	branch := uint32(xxhash.Sum64(h.via)) //nolint:gosec // some bits of it
	if h.cseq <= sub.notified {
		switch {
		case h.cseq < sub.notified:
			w.count.StepsBack++
		case branch != sub.branch:
			w.count.Reused++
		}
		w.count.Duplicates++
		return
	}
	first := sub.notified == 0
	sub.notified, sub.branch = h.cseq, branch
	w.count.Notifies++
	w.count.NotifyBytes += uint64(size)
	version, on, ok := lamp(h.body)
	if ok {
		switch {
		case sub.flags&versioned == 0:
		case version <= sub.version:
			w.count.StepsBack++
		case version != sub.version+1 && sub.flags&mayJump == 0:
			w.count.VersionGaps++
		}
		if sub.flags&mayJump != 0 {
			w.count.change.add(time.Duration(w.now - w.farm.begun.Load()))
			w.farm.restored.Add(1)
		}
		sub.version = version
		sub.flags = sub.flags&^mayJump | versioned
	}
	if sub.flags &^= lit; on {
		sub.flags |= lit
	}
	if h.state == 't' {
		if w.phase.kind != unsubscribe {
			w.count.Ended++
		}
		sub.flags &^= standing
	} else if sub.flags&waitsNotify != 0 {
		sub.flags |= standing
	}
	w.show(index, sub, on, first)
	if sub.flags&waitsNotify == 0 {
		return
	}
	sub.flags &^= waitsNotify
	w.count.subscribeNotify.add(time.Duration(w.now - sub.sent))
	if sub.flags&waits200 == 0 {
		w.complete(sub)
	}
}

// show notes that a phone shows its line's last change; the first NOTIFY shows what was
// before.
func (w *worker) show(index int, sub *subscription, on, first bool) {
	line := &w.farm.lines[index%len(w.farm.lines)]
	change := line.change.Load()
	if change == sub.seen || on != (change&1 == 1) {
		return
	}
	sub.seen = change
	if first {
		return
	}
	w.count.change.add(time.Duration(w.now - line.at.Load()))
	w.farm.shown(w.now)
}
