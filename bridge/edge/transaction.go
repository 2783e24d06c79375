package edge

import (
	"sync"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipmsg"
)

// state of a transaction.
type state uint8

const (
	calling    state = iota // nothing was heard
	proceeding              // a provisional response came
	completed               // an INVITE was refused; its ACK has not come
	waiting                 // for its phone to register again
	held                    // an INVITE as it came, which is not decided about yet
)

// transaction is a request that is not answered yet, or an INVITE whose refusal is not
// acknowledged. Its shard's lock guards it.
type transaction struct {
	key    uint64
	method string // INVITE, REGISTER or "" for any other
	state  state

	in, out notifier.Flow
	came    notifier.Flow // if held: by which it really came
	peer    *peer         // nil = to a phone
	rest    []*peer       // not tried yet
	phone   phoneID       // whom it waits for
	attempt byte
	// large: it goes to the PBX by TCP for its size; connecting: as soon as it can.
	large, connecting bool
	loop              uint32
	token             token // of its Path or Record-Route; kind 0 = none
	ob                bool
	sips              bool   // it is for a SIPS URI
	pickup            bool   // it takes a ringing call over
	replaces          bool   // by Replaces
	caller            string // then: the header line that tells who calls

	// msg is the request as it was sent last; head is what we put on top of it.
	msg  []byte
	head sipmsg.Span
	// answer is the last response that went up.
	answer []byte

	// due is when something must be done; end when it is given up.
	due, end time.Time
	interval time.Duration
	slot     uint64 // of the wheel, where it is looked at next

	cancelled bool
	cancel    []byte // the CANCEL, while it is unanswered
	reason    []byte // its Reason lines

	registration *registration
}

// shards is a power of two: transactions are spread over locks.
const shards = 32

type shard struct {
	mu    sync.Mutex // guards all below, and the transactions themselves
	byKey map[uint64]*transaction
}

func (e *Edge) shardOf(key uint64) *shard { return &e.shards[key%shards] }

// remove forgets a transaction; the shard's lock is held.
func (s *shard) remove(t *transaction) {
	if s.byKey[t.key] == t {
		delete(s.byKey, t.key)
	}
	t.msg, t.answer, t.cancel, t.reason, t.rest = nil, nil, nil, nil, nil
}

// maxTransactions bounds each shard's; beyond it requests are relayed without state,
// which is as correct on good networks.
const maxTransactions = 1 << 14

func (e *Edge) transactions() (n int) {
	for i := range e.shards {
		s := &e.shards[i]
		s.mu.Lock()
		n += len(s.byKey)
		s.mu.Unlock()
	}
	return n
}
