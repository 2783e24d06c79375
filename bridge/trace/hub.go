// Package trace gives a live view of what is logged, at every level, SIP transcripts
// included, to whoever listens: debug presence. It hangs between the loggers and the
// log's handler. While nobody listens it costs one atomic load where the handler is asked
// whether a level is enabled.
package trace

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// MaxListeners is how many may listen at once.
	MaxListeners = 16
	// queueLength is how many entries wait for a listener: then it is too slow.
	queueLength = 1024
)

// ErrBusy: MaxListeners listen already.
var ErrBusy = errors.New("trace: too many listeners")

// Entry is one thing that was logged.
type Entry struct {
	Time    time.Time
	Level   string
	Message string
	// Attrs are the attributes by name, with those of groups as "group.name".
	Attrs map[string]string
}

// Hub hands entries to listeners. All methods are safe for concurrent use.
type Hub struct {
	count atomic.Int32

	mu        sync.Mutex // guards what follows
	listeners []*Listener
	closed    bool
}

// Listener gets entries until it is closed, by itself or because it is too slow.
type Listener struct {
	hub   *Hub
	match func(*Entry) bool
	queue chan Entry
	// slow is set before queue is closed.
	slow atomic.Bool
}

// NewHub makes a hub without listeners.
func NewHub() *Hub { return &Hub{} }

// Listening reports whether anybody listens.
func (h *Hub) Listening() bool { return h.count.Load() > 0 }

// Listen begins to take the entries that match, nil = all. match is called by whoever
// logs: it must be quick and must not log. The listener is closed after use.
func (h *Hub) Listen(match func(*Entry) bool) (*Listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.listeners) >= MaxListeners || h.closed {
		return nil, ErrBusy
	}
	l := &Listener{hub: h, match: match, queue: make(chan Entry, queueLength)}
	h.listeners = append(h.listeners, l)
	h.count.Store(int32(len(h.listeners)))
	return l, nil
}

// Entries is closed when the listener is.
func (l *Listener) Entries() <-chan Entry { return l.queue }

// TooSlow reports whether the listener was closed because it did not keep up.
func (l *Listener) TooSlow() bool { return l.slow.Load() }

// Close ends the listening.
func (l *Listener) Close() {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	l.hub.drop(l)
}

// Close ends all listening, for good.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, l := range slices.Clone(h.listeners) {
		h.drop(l)
	}
}

// drop ends one; mu is held.
func (h *Hub) drop(l *Listener) {
	i := slices.Index(h.listeners, l)
	if i < 0 {
		return
	}
	h.listeners = slices.Delete(h.listeners, i, i+1)
	h.count.Store(int32(len(h.listeners)))
	close(l.queue)
}

// publish never blocks: who is too slow is dropped.
func (h *Hub) publish(e Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range slices.Clone(h.listeners) {
		if l.match != nil && !l.match(&e) {
			continue
		}
		select {
		case l.queue <- e:
		default:
			l.slow.Store(true)
			h.drop(l)
		}
	}
}
