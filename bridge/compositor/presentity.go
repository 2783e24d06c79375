package compositor

import (
	"slices"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// Mode says how a presentity is looked at.
type Mode uint8

const (
	// OfLine shows the directory number: all devices that share it.
	OfLine Mode = iota
	// OfDevice shows the phone whose primary line it is (DESIGN §2, device-based).
	OfDevice
)

// Key names a presentity. Specials (a park slot, a conference) are lines whose number is
// the device's name.
type Key struct {
	policy.Line
	Mode Mode
}

// Lamp is the current state of a presentity.
type Lamp struct {
	State device.State
	DND   bool
	// Calls are ordered as RFC 4235 §3.7.2 picks them; not to be changed.
	Calls []device.Call
	// Name is the line's own display name.
	Name string
	// External: another server tells it, by Show.
	External bool
	// Offset is that of the change that made it so; it grows with every change of any
	// presentity within one Epoch (a run of the process).
	Offset uint64
	// At is when the event behind it reached the adapter.
	At time.Time
}

// Same reports whether two lamps show the same; External, Offset and At do not count.
func (l *Lamp) Same(o *Lamp) bool {
	return l.State == o.State && l.DND == o.DND && l.Name == o.Name && slices.Equal(l.Calls, o.Calls)
}

// Single is the one-lamp value: DND if the flag is on and there is no call (DESIGN §2).
func (l *Lamp) Single() device.State {
	if l.DND && l.State < device.Ringing {
		if l.State == device.Unknown {
			return device.Unknown // clearing or setting DND must not make a dead phone look alive
		}
		return device.DND
	}
	return l.State
}

// Batch is a piece of the feed: presentities that moved. A receiver that sees From
// differ from the Offset of the batch before has missed something, and one that sees
// another Epoch must start over from Lamp.
type Batch struct {
	Epoch        uint64
	From, Offset uint64
	Presentities []uint32
}
