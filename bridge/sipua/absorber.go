package sipua

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"
)

// absorber holds the server transactions of the requests that we read ourselves (RFC 3261
// §17.2.2): a retransmission of one that is being worked on is dropped, one of an answered
// request gets the same bytes again for 32 s (Timer J). What was answered lies in chunks
// without pointers, in the order of the answers, which is that of their end. Transactions
// are named by a keyed 64-bit hash. It is safe for concurrent use.
type absorber struct {
	limit int // answered transactions kept
	made  time.Time

	mu sync.Mutex // guards all below
	// working are those without a final response.
	working map[uint64]*quickExchange
	// answered finds a response: chunk number and offset.
	answered map[uint64]answerRef
	// merge finds the transaction of a From tag, Call-ID and CSeq (RFC 3261 §8.2.2.2).
	merge  map[uint64]uint64
	chunks [][]byte // the first begins with chunk number base
	base   uint32
	head   uint32 // offset in the first chunk
	spare  []byte
}

type answerRef struct{ chunk, offset uint32 }

const (
	timerJ    = 32 * time.Second
	chunkSize = 256 << 10
	// answerHead is in front of each response: end (Unix milliseconds), key, merge, length.
	answerHead = 8 + 8 + 8 + 4
)

func newAbsorber(limit int) *absorber {
	return &absorber{
		limit: limit, made: time.Now(), working: map[uint64]*quickExchange{}, answered: map[uint64]answerRef{}, merge: map[uint64]uint64{},
	}
}

// arrival is what became of a request that came in.
type arrival uint8

const (
	arrivalNew     arrival = iota
	arrivalMerged          // the same request by another way
	arrivalWorking         // a retransmission; the answer is on its way
	arrivalAgain           // a retransmission; the answer was appended
)

// arrive notes a transaction. merge is 0 for a request within a dialog. early is how many
// answered ones were forgotten before their time.
func (a *absorber) arrive(x *quickExchange, dst []byte) (what arrival, answer []byte, early int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.working[x.key] != nil {
		return arrivalWorking, dst, 0
	}
	if ref, ok := a.answered[x.key]; ok {
		_, res := a.read(ref)
		return arrivalAgain, append(dst, res...), 0
	}
	early = a.sweep(a.at(x.received))
	a.working[x.key] = x
	if x.merge == 0 {
		return arrivalNew, dst, early
	}
	if first, ok := a.merge[x.merge]; ok && first != x.key {
		x.merge = 0
		return arrivalMerged, dst, early
	}
	a.merge[x.merge] = x.key
	return arrivalNew, dst, early
}

// knows reports whether a transaction is being worked on, or was answered.
func (a *absorber) knows(key uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, answered := a.answered[key]
	return answered || a.working[key] != nil
}

// finish keeps the response of a transaction; again lets a request with the same numbers
// come by another one: phones repeat the CSeq of a challenged request. It reports false if
// the transaction, which owner began, had a final response before.
func (a *absorber) finish(owner, x *quickExchange, res []byte, again bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.working[x.key] != owner {
		return false
	}
	delete(a.working, x.key)
	if again && x.merge != 0 {
		delete(a.merge, x.merge)
		x.merge = 0
	}
	last := len(a.chunks) - 1
	if size := answerHead + len(res); last < 0 || len(a.chunks[last])+size > cap(a.chunks[last]) {
		chunk := a.spare
		if a.spare = nil; chunk == nil || cap(chunk) < size {
			chunk = make([]byte, 0, max(chunkSize, size))
		}
		a.chunks = append(a.chunks, chunk[:0])
		last++
	}
	c := a.chunks[last]
	a.answered[x.key] = answerRef{a.base + uint32(last), uint32(len(c))} //nolint:gosec // bounded
	c = binary.LittleEndian.AppendUint64(c, uint64(a.at(time.Now().Add(timerJ))))
	c = binary.LittleEndian.AppendUint64(c, x.key)
	c = binary.LittleEndian.AppendUint64(c, x.merge)
	c = binary.LittleEndian.AppendUint32(c, uint32(len(res))) //nolint:gosec // a datagram
	a.chunks[last] = append(c, res...)
	return true
}

// merged reports whether a request that sipgo reads came before by another way.
func (a *absorber) merged(merge uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.merge[merge]
	return ok
}

// overdue is a transaction that waits too long, and what its response is made from.
type overdue struct {
	owner *quickExchange
	copy  quickExchange
}

// late lists the transactions that have waited for their answer since before then.
func (a *absorber) late(then time.Time) (out []overdue) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sweep(a.at(time.Now()))
	for _, x := range a.working {
		if x.received.Before(then) {
			// x itself may be answered, and used again, any time.
			c := quickExchange{quick: x.quick, top: x.top, local: x.local, remote: x.remote, received: x.received, key: x.key, merge: x.merge}
			c.ask = x.ask
			c.ask.kinds, c.ask.values = slices.Clone(x.ask.kinds), slices.Clone(x.ask.values)
			out = append(out, overdue{x, c})
		}
	}
	return out
}

// size is how many answered transactions are kept.
func (a *absorber) size() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.answered)
}

// answerEntry is the head of a kept response.
type answerEntry struct {
	end        int64
	key, merge uint64
	size       int
}

func (a *absorber) read(ref answerRef) (e answerEntry, res []byte) {
	b := a.chunks[ref.chunk-a.base][ref.offset:]
	e = answerEntry{
		end: int64(binary.LittleEndian.Uint64(b)), key: binary.LittleEndian.Uint64(b[8:]), merge: binary.LittleEndian.Uint64(b[16:]),
		size: int(binary.LittleEndian.Uint32(b[24:])),
	}
	return e, b[answerHead : answerHead+e.size]
}

// at is a time in milliseconds since the absorber was made: no clock that is set changes it.
func (a *absorber) at(t time.Time) int64 { return t.Sub(a.made).Milliseconds() }

// sweep forgets what is over, and the oldest of what is too much. The lock is held.
func (a *absorber) sweep(nowMilli int64) (early int) {
	for len(a.chunks) > 0 {
		if int(a.head) == len(a.chunks[0]) {
			if len(a.chunks) == 1 {
				a.chunks[0], a.head = a.chunks[0][:0], 0
				return early
			}
			a.spare = a.chunks[0]
			a.chunks[0] = nil
			a.chunks, a.base, a.head = a.chunks[1:], a.base+1, 0
			continue
		}
		ref := answerRef{a.base, a.head}
		e, _ := a.read(ref)
		if e.end > nowMilli {
			if len(a.answered) < a.limit {
				return early
			}
			early++
		}
		if a.answered[e.key] == ref {
			delete(a.answered, e.key)
		}
		if e.merge != 0 && a.merge[e.merge] == e.key {
			delete(a.merge, e.merge)
		}
		a.head += uint32(answerHead + e.size) //nolint:gosec // bounded
	}
	return early
}
