package ari

import (
	"sync"
	"time"
)

// queueMax bounds the events between reader and applier, in number and in bytes. A call
// is 10 to 20 events of 600 bytes, so this is a burst of some 500 calls at once.
const (
	queueMax      = 8192
	queueMaxBytes = 16 << 20
)

// rawEvent is a message as it was read.
type rawEvent struct {
	data []byte
	at   time.Time
}

// queue hands messages from the reader to the applier, in order. The reader never
// waits: when the queue is full everything in it is dropped and overflow is reported, for
// the states are then fetched anew and what was dropped is of no use any more.
type queue struct {
	ready chan struct{} // holds a token while there is something to take

	mu       sync.Mutex // guards what follows
	items    []rawEvent
	bytes    int
	overflow bool
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

func (q *queue) push(e rawEvent) {
	q.mu.Lock()
	q.items = append(q.items, e)
	q.bytes += len(e.data)
	if len(q.items) > queueMax || q.bytes > queueMaxBytes {
		q.items, q.bytes, q.overflow = nil, 0, true
	}
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take returns all there is; overflow says that messages before them were dropped.
func (q *queue) take() (items []rawEvent, overflow bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	items, overflow = q.items, q.overflow
	q.items, q.bytes, q.overflow = nil, 0, false
	return items, overflow
}
