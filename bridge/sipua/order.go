package sipua

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// order makes requests of one Call-ID reach the notifier as they came: sipgo handles
// each in a goroutine of its own, so a refresh could overtake another and be refused for
// its CSeq (RFC 3261 §12.2.2). Requests get their place in the reader, where they
// still are in order; their handlers wait for it.
//
// It also finds requests that came by two ways (RFC 3261 §8.2.2.2). It is safe for
// concurrent use.
type order struct {
	// elsewhere reports whether a request came before on the short way (see quick), nil = none.
	elsewhere func(q *ask) bool
	// size is that of live.
	size atomic.Int64

	mu sync.Mutex // guards all below
	// live are the transactions that sipgo has, by key, with what makes a merged one.
	live map[string]string
	// merge finds the transaction of a request's From tag, Call-ID and CSeq.
	merge map[string]string
	// waiting have a place but no handler yet.
	waiting map[string]*place
	// last is the newest place of each Call-ID that is not done.
	last  map[string]*place
	swept time.Time
}

// place is where a request stands among those of its Call-ID.
type place struct {
	callID string
	source string          // what the request came from, as sipgo knows it
	before <-chan struct{} // nil = first
	done   chan struct{}
	merged bool
	since  time.Time
}

// orphaned is when a place is given up whose handler never ran; sipgo waits at most
// 10 s for a connection before it calls one.
const orphaned = 12 * time.Second

func newOrder() *order {
	return &order{
		live: make(map[string]string), merge: make(map[string]string),
		waiting: make(map[string]*place), last: make(map[string]*place), swept: time.Now(),
	}
}

// arrived is called by the readers, in wire order. ACK and CANCEL belong to other
// requests' transactions, which sipgo sees to.
func (o *order) arrived(req *sip.Request) {
	key, err := sip.ServerTxKeyMake(req)
	if err != nil || req.CallID() == nil || req.Method == sip.ACK || req.Method == sip.CANCEL {
		return
	}
	callID, merge, merged := req.CallID().Value(), "", false
	if q := askOf(req, nil); q.toTag == "" {
		merge = q.fromTag + "\x00" + callID + "\x00" + q.cseqText()
		merged = o.elsewhere != nil && o.elsewhere(q)
	}
	o.add(key, place{callID: callID, source: req.Source(), merged: merged}, merge)
}

// holds reports whether a request belongs to a transaction that sipgo has, comes by a
// second way after one, or must wait for one of its Call-ID.
func (o *order) holds(q *ask, v *topVia) bool {
	if o.size.Load() == 0 {
		return false
	}
	// As sipgo names it.
	key := v.branch + sip.TxSeperator + v.host + sip.TxSeperator + portText(cmp.Or(v.port, 5060)) + sip.TxSeperator + q.method
	merge := ""
	if q.toTag == "" {
		merge = q.fromTag + "\x00" + q.callID + "\x00" + q.cseqText()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	_, live := o.live[key]
	_, merged := o.merge[merge]
	return live || merged || o.last[q.callID] != nil
}

func (o *order) add(key string, at place, merge string) {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sweep(now)
	if _, ok := o.live[key]; ok {
		return // a retransmission: sipgo absorbs it
	}
	p := &at
	p.done, p.since = make(chan struct{}), now
	if prev := o.last[p.callID]; prev != nil {
		p.before = prev.done
	}
	if first, ok := o.merge[merge]; merge != "" && ok && first != key {
		p.merged = true
	}
	if p.merged {
		merge = ""
	}
	if merge != "" {
		o.merge[merge] = key
	}
	o.live[key], o.waiting[key], o.last[p.callID] = merge, p, p
	o.size.Store(int64(len(o.live)))
}

// take gives the handler of a transaction its place; nil if there is none.
func (o *order) take(key string) *place {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.waiting[key]
	delete(o.waiting, key)
	return p
}

// wait returns when all before it are done, or after a while: one that never ends must
// not hold up the rest.
func (p *place) wait() {
	if p == nil || p.before == nil {
		return
	}
	t := time.NewTimer(orphaned)
	defer t.Stop()
	select {
	case <-p.before:
	case <-t.C:
	}
}

// done lets the next of the Call-ID go on. It may be called again.
func (o *order) done(p *place) {
	if p == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.release(p)
}

// gone lets nobody wait for what came over a connection that has ended and has no handler yet: it
// may never get one, because sipgo has nothing to answer over. One that gets it all the same may be
// overtaken; its CSeq tells then. What the connection brought has arrived.
func (o *order) gone(source string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.waiting {
		if p.source == source {
			o.release(p)
		}
	}
}

func (o *order) release(p *place) {
	select {
	case <-p.done:
		return
	default:
	}
	close(p.done)
	if o.last[p.callID] == p {
		delete(o.last, p.callID)
	}
}

// forget is called when sipgo forgets a transaction.
func (o *order) forget(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.remove(key)
}

func (o *order) remove(key string) {
	if m := o.live[key]; m != "" && o.merge[m] == key {
		delete(o.merge, m)
	}
	delete(o.live, key)
	o.size.Store(int64(len(o.live)))
}

// unmerge lets a request with the same numbers come by another transaction: phones
// repeat the CSeq of a challenged request.
func (o *order) unmerge(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m := o.live[key]; m != "" {
		if o.merge[m] == key {
			delete(o.merge, m)
		}
		o.live[key] = ""
	}
}

// sweep gives up the places of requests that sipgo never handed on. The lock is held.
func (o *order) sweep(now time.Time) {
	if now.Sub(o.swept) < orphaned/2 {
		return
	}
	o.swept = now
	for key, p := range o.waiting {
		if now.Sub(p.since) > orphaned {
			o.release(p)
			o.remove(key)
			delete(o.waiting, key)
		}
	}
}
