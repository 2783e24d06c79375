package demo

import (
	"context"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
)

// tap is a source that lets the board look on: whatever the adapter reports is noted
// and handed on unchanged.
type tap struct {
	compositor.Source
	board *board
}

// Run implements compositor.Source.
func (t tap) Run(ctx context.Context, sink compositor.Sink) error {
	return t.Source.Run(ctx, tapSink{sink, t.board})
}

type tapSink struct {
	compositor.Sink
	board *board
}

// Snapshot implements compositor.Sink.
func (t tapSink) Snapshot(devices []device.Status) {
	for _, d := range devices {
		t.board.reported(d, false)
	}
	t.Sink.Snapshot(devices)
}

// Change implements compositor.Sink.
func (t tapSink) Change(d device.Status) {
	t.board.reported(d, true)
	t.Sink.Change(d)
}

// Repair implements compositor.Sink.
func (t tapSink) Repair(d device.Status) {
	t.board.reported(d, true)
	t.Sink.Repair(d)
}

// Down implements compositor.Sink.
func (t tapSink) Down(why error) {
	t.board.tell(sourcePBX, "lost: "+why.Error())
	t.Sink.Down(why)
}
