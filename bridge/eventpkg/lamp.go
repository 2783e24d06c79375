package eventpkg

import "blfbridge/bridge/device"

// Lamp is what one watcher is shown of one presentity: the composed state, already
// masked by the watcher's view (Mask). Encoders read it and never change it.
type Lamp struct {
	// State is Unknown, Idle, Ringing or Busy; DND stands beside it.
	State device.State
	DND   bool
	// Calls are the calls behind State, in the order in which a phone that can show
	// several shall show them. State decides over Calls: a call that State does not
	// bear out (one that rings while the line is shown busy) is not shown as ringing.
	Calls []device.Call
	// Entity is the URI subscribed to, as the watcher wrote it.
	Entity string
	// Number and Name are the presentity's own: the local identity. Number also names
	// the dialog element of phones that know a single one.
	Number, Name string
	// Pickup is the URI that picks up a ringing call, e.g. sip:*89100@pbx.test; empty if
	// the watcher may not. Phones that call the remote target are given it there.
	Pickup string
}

// Single returns the single-lamp value: DND if the flag is on, there is no call and
// the line can be reached; else State. An unreachable line stays unknown, so that
// DND never hides that a phone is off.
func (l *Lamp) Single() device.State {
	if l.DND && l.State == device.Idle {
		return device.DND
	}
	return l.State
}

// justifiesBusy: a call that makes the line busy (device.StateOfCalls), whatever else rings.
func justifiesBusy(c *device.Call) bool {
	return c.Phase != device.Terminated && (c.Direction == device.Initiator || c.Phase >= device.Confirmed)
}

// rings: a call that alerts the presentity.
func rings(c *device.Call) bool {
	return c.Direction == device.Recipient && c.Phase == device.Early
}

// pick returns the index of the call that a single-dialog body shows for state, -1 if
// there is none.
func pick(calls []device.Call, state device.State) int {
	best, bestRank := -1, 0
	for i := range calls {
		if r := rank(&calls[i], state); r > bestRank {
			best, bestRank = i, r
		}
	}
	return best
}

// rank orders calls for one lamp. RFC 4235 §3.7.2: confirmed, early, proceeding, trying;
// an active call before a held one; a ringing one first where the lamp says ringing.
func rank(c *device.Call, state device.State) int {
	switch {
	case state == device.Ringing:
		if rings(c) {
			return 1
		}
		return 0
	case state != device.Busy, c.Phase == device.Terminated:
		return 0
	case c.Phase == device.Confirmed:
		return 7
	case c.Phase == device.Held:
		return 6
	case c.Direction == device.Initiator:
		return 3 + int(c.Phase) // trying 3, proceeding 4, early 5
	case rings(c):
		return 2
	}
	return 0 // offered, but the phone does not ring yet
}
