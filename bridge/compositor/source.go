package compositor

import (
	"context"

	"blfbridge/bridge/device"
)

// Source is one connected PBX as the compositor sees it. Implementations are in
// adapters/; the compositor knows nothing of ARI or ESL.
type Source interface {
	// Name is unique among the sources and stable over restarts (it is a metric
	// label and a key in the store).
	Name() string
	// Run feeds sink until ctx ends, reconnecting by itself. It returns nil on a
	// cancelled context and an error only for what no retry can mend. It calls sink
	// from one goroutine at a time.
	Run(ctx context.Context, sink Sink) error
}

// Sink takes what a Source learns. Calls never block for long and never fail; they
// come from one goroutine at a time per source. The slices and their contents
// belong to the sink afterwards.
type Sink interface {
	// Snapshot is the whole truth of the source at one moment: devices that it does
	// not contain are forgotten (their lines become unknown). It also says that the
	// source is up. After it come Changes, without a gap.
	Snapshot(devices []device.Status)
	// Change replaces the status of one device.
	Change(device.Status)
	// Repair is a Change that the reconciler made, because a fresh look at the PBX
	// differed from what the events had said; it is counted as drift.
	Repair(device.Status)
	// Remove forgets one device.
	Remove(name string)
	// Down says that the source is lost; why is for logs and REST. The devices keep
	// their state for the grace period and become unknown then.
	Down(why error)
}
