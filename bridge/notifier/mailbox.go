package notifier

import (
	"sync"
)

// message is one thing for a loop to do. Exactly one field is set.
type message struct {
	subscribe *Subscribe
	granted   *grants
	flow      Flow // set if flowKind is not none
	flowKind  flowKind
	call      func(*loop)
}

type flowKind uint8

const (
	flowNone flowKind = iota
	flowClosed
	flowUp
)

// maxSpare is how large a set may have been that is used again.
const maxSpare = 4096

// mailbox is a loop's inbox. Messages keep their order; presentities that moved are a
// set, so that a flapping one costs one entry however slow the loop is.
type mailbox struct {
	mu       sync.Mutex // guards the fields below
	messages []message
	// answers are those to NOTIFYs. They are apart because there are so many, and because
	// nothing that they could overtake depends on them.
	answers []Response
	dirty   map[uint32]struct{}
	spare   map[uint32]struct{}
	closed  bool
	// spareSize is how many presentities spare has held.
	spareSize int

	wake chan struct{} // holds at most one token
}

func newMailbox() *mailbox {
	return &mailbox{dirty: map[uint32]struct{}{}, spare: map[uint32]struct{}{}, wake: make(chan struct{}, 1)}
}

// post adds a message; it never blocks. It reports false after close.
func (m *mailbox) post(msg message) bool {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return false
	}
	m.messages = append(m.messages, msg)
	m.mu.Unlock()
	m.signal()
	return true
}

// mark says that presentities moved.
func (m *mailbox) mark(ids []uint32) {
	m.mu.Lock()
	if !m.closed {
		for _, id := range ids {
			m.dirty[id] = struct{}{}
		}
	}
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// backlog is how many messages wait.
func (m *mailbox) backlog() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.messages)
}

// answer takes in those of the answers that are for a loop, and tells how many.
func (m *mailbox) answer(loop int32, all []Response) (given int) {
	m.mu.Lock()
	for i := range all {
		if r := &all[i]; r.Branch.loop == loop && r.Branch.ours {
			given++
			if !m.closed {
				m.answers = append(m.answers, *r)
			}
		}
	}
	m.mu.Unlock()
	if given > 0 {
		m.signal()
	}
	return given
}

// letters is what a loop finds in its mailbox at once.
type letters struct {
	messages []message
	answers  []Response
	dirty    map[uint32]struct{}
}

// take hands out what is there. The slices given back are reused for later messages; the
// set is the caller's until the next take.
func (m *mailbox) take(spare letters) (l letters) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l = letters{m.messages, m.answers, m.dirty}
	clear(spare.messages)
	m.messages, m.answers = spare.messages[:0], spare.answers[:0]
	if len(l.dirty) == 0 {
		l.dirty = nil
		return l
	}
	if clear(m.spare); m.spareSize > maxSpare {
		m.spare = map[uint32]struct{}{} // of a change of the whole plan: maps do not shrink
	}
	m.spareSize = len(l.dirty)
	m.dirty, m.spare = m.spare, m.dirty
	return l
}

// close refuses what comes later and returns what is left.
func (m *mailbox) close() []message {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return m.messages
}
