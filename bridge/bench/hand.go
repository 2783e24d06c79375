package bench

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
)

// handSource is a PBX whose phones do what they are told. It knows what they do also while
// nobody is connected to it, so that a replica that takes over finds them as they are.
type handSource struct {
	ready chan struct{} // closed when somebody was connected

	mu   sync.Mutex // guards what follows
	on   []bool
	sink compositor.Sink // nil = nobody is connected
	met  bool
}

func newHand(lines int) *handSource {
	return &handSource{ready: make(chan struct{}), on: make([]bool, lines)}
}

// Name implements compositor.Source.
func (h *handSource) Name() string { return "hand" }

// Run implements compositor.Source.
func (h *handSource) Run(ctx context.Context, sink compositor.Sink) error {
	h.mu.Lock()
	sink.Snapshot(h.all())
	h.sink = sink
	if !h.met {
		h.met = true
		close(h.ready)
	}
	h.mu.Unlock()
	<-ctx.Done()
	h.mu.Lock()
	h.sink = nil
	h.mu.Unlock()
	return nil
}

// all is the status of every phone; h.mu is held.
func (h *handSource) all() []device.Status {
	out := make([]device.Status, len(h.on))
	for i := range out {
		out[i] = status(i, h.on[i])
	}
	return out
}

// set lets the phones of a range of lines ring, or be idle.
func (h *handSource) set(first, count int, on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := first; i < first+count; i++ {
		h.on[i] = on
		if h.sink != nil {
			h.sink.Change(status(i, on))
		}
	}
}

// restarted tells what a PBX tells that has restarted: that it was away, and then all of
// its phones at once.
func (h *handSource) restarted(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.on {
		h.on[i] = on
	}
	if h.sink != nil {
		h.sink.Down(errRestarted)
		h.sink.Snapshot(h.all())
	}
}

var errRestarted = errors.New("bench: the PBX restarts")

func status(i int, on bool) device.Status {
	number := strconv.Itoa(firstLine + i)
	d := device.Status{Name: "PJSIP/" + number, Number: number, State: device.Idle, At: time.Now()}
	if on {
		d.State = device.Ringing
		d.Calls = []device.Call{{ID: "c" + number, Direction: device.Recipient, Phase: device.Early, Remote: device.Party{Number: "102", Name: "Bob Two"}}}
	}
	return d
}
