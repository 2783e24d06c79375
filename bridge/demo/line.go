package demo

import (
	"time"

	"blfbridge/bridge/device"
)

// lamp is what is compared of a lamp: its state, and whether the line holds its call.
type lamp struct {
	state device.State
	held  bool
}

func (l lamp) String() string {
	if l.held {
		return "held"
	}
	return l.state.String()
}

// lineLog is what the adapter reported of one line.
type lineLog struct {
	last    change
	changes []change // the first ones, base of them, were there at the start
	base    int
}

// change is what a line was after an event, and when the event reached the adapter.
type change struct {
	at    time.Time
	state device.State
	dnd   bool
	calls []device.Call
}

// report takes a status of one of the line's devices.
func (l *lineLog) report(s device.Status, isChange bool) {
	if s.Kind == device.DNDFlag {
		l.last.dnd = s.DND
	} else {
		l.last.state, l.last.calls = s.State, s.Calls
	}
	l.last.at = s.At
	l.changes = append(l.changes, l.last)
	if !isChange {
		l.base++
	}
}

// shown is the call that a lamp shows: an active one before a held one, before one that
// is dialled, before one that rings.
func (c *change) shown() (best device.Call, ok bool) {
	rank := func(x device.Call) int {
		rings := x.Direction == device.Recipient && x.Phase == device.Early
		switch {
		case c.state == device.Ringing && rings:
			return 1
		case c.state != device.Busy:
			return 0
		case x.Phase == device.Confirmed:
			return 7
		case x.Phase == device.Held:
			return 6
		case x.Direction == device.Initiator:
			return 3 + int(x.Phase)
		case rings:
			return 2
		}
		return 0
	}
	r := 0
	for _, x := range c.calls {
		if n := rank(x); n > r {
			best, r, ok = x, n, true
		}
	}
	return best, ok
}
