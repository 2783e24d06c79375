package eventpkg

import (
	"strings"
	"unicode"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// Mask returns what a watcher with the given view may see of a lamp. What it hides
// leaves no trace: two lamps that differ only in hidden things mask to equal ones.
//
//   - ViewNone: unknown, whatever the line does.
//   - ViewState: idle or busy. Ringing counts as idle, unless another call makes the line
//     busy. DND counts as busy: the watcher learns that a call is not welcome, not why.
//   - ViewRinging: also ringing, held and DND, as one virtual dialog (RFC 4235 §3.7.2)
//     that tells neither who nor how many.
//   - ViewName: every call, with the other party's display name unless that is a number.
//   - ViewNumber: everything.
//   - ViewIdle: idle, whatever the line does.
//
// The lamp's own calls are not modified. Pickup is kept from ViewRinging up: whether
// the watcher may pick up is decided apart from the view.
func Mask(lamp Lamp, view policy.View) Lamp {
	switch view {
	case policy.ViewState:
		return maskState(lamp)
	case policy.ViewRinging:
		return maskRinging(lamp)
	case policy.ViewName:
		return maskName(lamp)
	case policy.ViewNumber:
		return lamp
	case policy.ViewIdle:
		return Lamp{State: device.Idle, Entity: lamp.Entity, Number: lamp.Number}
	}
	return Lamp{State: device.Unknown, Entity: lamp.Entity, Number: lamp.Number}
}

func maskState(lamp Lamp) Lamp {
	s := lamp.State
	if s == device.Ringing {
		s = device.Idle
		for i := range lamp.Calls {
			if justifiesBusy(&lamp.Calls[i]) {
				s = device.Busy
			}
		}
	}
	if s == device.Idle && lamp.DND {
		s = device.Busy
	}
	return Lamp{State: s, Entity: lamp.Entity, Number: lamp.Number, Name: lamp.Name}
}

func maskRinging(lamp Lamp) Lamp {
	if i := pick(lamp.Calls, lamp.State); i >= 0 {
		c := &lamp.Calls[i]
		lamp.Calls = []device.Call{{Direction: c.Direction, Phase: c.Phase}}
	} else {
		lamp.Calls = nil
	}
	return lamp
}

func maskName(lamp Lamp) Lamp {
	calls := make([]device.Call, len(lamp.Calls))
	for i := range lamp.Calls {
		c := &lamp.Calls[i]
		calls[i] = device.Call{ID: c.ID, Direction: c.Direction, Phase: c.Phase}
		if !revealsNumber(c.Remote) {
			calls[i].Remote.Name = c.Remote.Name
		}
	}
	lamp.Calls = calls
	return lamp
}

// revealsNumber reports whether the display name is or contains the number: PBXs
// put the number there when the caller gave no name.
func revealsNumber(p device.Party) bool {
	if len(p.Number) > 2 && strings.Contains(p.Name, p.Number) {
		return true
	}
	return !strings.ContainsFunc(p.Name, unicode.IsLetter)
}
