package bench

import (
	"context"
	"errors"
	"strconv"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
)

// handSource is a PBX whose phones do what they are told.
type handSource struct {
	lines int
	ready chan struct{} // closed when sink is set
	sink  compositor.Sink
}

// Name implements compositor.Source.
func (h *handSource) Name() string { return "hand" }

// Run implements compositor.Source.
func (h *handSource) Run(ctx context.Context, sink compositor.Sink) error {
	all := make([]device.Status, h.lines)
	for i := range all {
		all[i] = status(i, false)
	}
	sink.Snapshot(all)
	h.sink = sink
	close(h.ready)
	<-ctx.Done()
	return nil
}

// set lets the phones of a range of lines ring, or be idle. Only one goroutine may call it.
func (h *handSource) set(first, count int, on bool) {
	for i := first; i < first+count; i++ {
		h.sink.Change(status(i, on))
	}
}

// restarted tells what a PBX tells that has restarted: that it was away, and then all of
// its phones at once.
func (h *handSource) restarted(on bool) {
	h.sink.Down(errRestarted)
	all := make([]device.Status, h.lines)
	for i := range all {
		all[i] = status(i, on)
	}
	h.sink.Snapshot(all)
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
