package edge

import (
	"context"
	"sync"
	"time"

	"blfbridge/bridge/sipua"
)

// tickTime is how exact timers are.
const tickTime = 100 * time.Millisecond

// wheelSlots times tickTime is how far ahead the wheel reaches. What is due later is
// looked at on its way, so that a transaction that ended does not stay for Timer C.
const wheelSlots = 128

// wheel calls on transactions when they are due. One goroutine turns it; put is safe for
// concurrent use.
type wheel struct {
	mu    sync.Mutex // guards all below
	slots [wheelSlots][]*transaction
	at    uint64    // slots turned
	time  time.Time // of the last turn
}

// put has t looked at when it is due, or before. The lock of t's shard is held.
func (w *wheel) put(t *transaction) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := int64(t.due.Sub(w.time)/tickTime) + 1
	slot := w.at + uint64(max(1, min(n, wheelSlots-1)))
	if t.slot > w.at && t.slot <= slot {
		return // it is looked at early enough
	}
	w.slots[slot%wheelSlots] = append(w.slots[slot%wheelSlots], t)
	t.slot = slot
}

// turn returns those of the next slot, and its number.
func (w *wheel) turn(now time.Time) ([]*transaction, uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at++
	w.time = now
	list := w.slots[w.at%wheelSlots]
	w.slots[w.at%wheelSlots] = nil
	return list, w.at
}

// runTimers turns the wheel until ctx ends.
func (e *Edge) runTimers(ctx context.Context) {
	tick := time.NewTicker(tickTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			list, slot := e.wheel.turn(now)
			for _, t := range list {
				e.look(t, slot, now)
			}
		}
	}
}

// look does what is due for a transaction.
func (e *Edge) look(t *transaction, slot uint64, now time.Time) {
	s := e.shardOf(t.key)
	s.mu.Lock()
	if s.byKey[t.key] == t && t.slot == slot && t.state == held && !now.Before(t.due) {
		p, patience := sipua.Packet{Msg: t.msg, Flow: t.came}, t.end
		s.remove(t)
		s.mu.Unlock()
		e.release(p, patience)
		return
	}
	defer s.mu.Unlock()
	if s.byKey[t.key] != t || t.slot != slot {
		return // it is over, or was put elsewhere
	}
	if !now.Before(t.due) {
		defer e.recovered("a timer")
		e.expired(s, t, now)
	}
	if s.byKey[t.key] == t {
		e.wheel.put(t)
	}
}

// schedule sets when t is due. The lock of its shard is held.
func (e *Edge) schedule(t *transaction, at time.Time) {
	if len(t.rest) > 0 && t.state == calling {
		if next := t.failover(e); at.After(next) && time.Now().Before(next) {
			at = next
		}
	}
	if at.After(t.end) {
		at = t.end
	}
	t.due = at
	e.wheel.put(t)
}
