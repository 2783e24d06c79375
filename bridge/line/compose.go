package line

import (
	"cmp"
	"slices"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// Options are how a line shows what happens to it, in the terms of devices.
type Options struct {
	// RingingWins: a line in use that rings as well shows ringing (ring_in_use).
	RingingWins bool
	// RingInAs is shown for ringing: Ringing, Idle or Busy.
	RingInAs device.State
	// UnregisteredAs is shown while no device is known: Unknown or Idle.
	UnregisteredAs device.State
	// OffhookAs is shown for an own outgoing call that is not answered yet: Busy or Idle.
	OffhookAs device.State
}

// DefaultOptions are those of a line about which the document says nothing.
func DefaultOptions() Options { return optionsOf(policy.DefaultLineOptions()) }

func optionsOf(o policy.LineOptions) Options {
	word := func(w policy.StateWord, otherwise device.State) device.State {
		if s, err := device.ParseState(string(w)); err == nil {
			return s
		}
		return otherwise
	}
	return Options{
		RingingWins:    o.RingInUse == policy.StateRinging,
		RingInAs:       word(o.RingInAs, device.Ringing),
		UnregisteredAs: word(o.UnregisteredAs, device.Unknown),
		OffhookAs:      word(o.OffhookAs, device.Busy),
	}
}

// Lamp is the state of a line. DND stands beside the state (DESIGN §2).
type Lamp struct {
	State device.State
	DND   bool
	// Calls are those of all devices that State bears out or that do not matter to it:
	// confirmed, held, early, proceeding, trying; in front of them the ringing ones where
	// the line shows ringing. Calls that an option hides are not among them.
	Calls []device.Call
}

// Member is one device of a line, or a do-not-disturb flag.
type Member struct {
	Source string
	Status *device.Status
	// Lost: the PBX is gone for longer than the grace period. The device is unknown,
	// and unregistered_as does not apply: nothing is known of the phone either.
	Lost bool
}

// Compose makes the lamp of a line of those statuses whose Presentities it is among;
// others do no harm. The order of the members does not matter. Busy if a device is in
// a call, else ringing if one rings, unknown only if all are.
func (p *Plan) Compose(l policy.Line, members []Member) Lamp {
	var own []Member
	for _, m := range members {
		if m.Status.Kind == device.DNDFlag {
			continue
		}
		for _, r := range p.resolve(m.Source, m.Status) {
			if slices.Contains(r.lines, l) {
				own = append(own, m)
				break
			}
		}
	}
	lamp := Compose(p.OptionsOf(l), own)
	lamp.DND = p.dnd(l, members)
	return lamp
}

// Compose makes a lamp of the devices of one line, all of which count. DND is left
// alone: it takes more than the devices (Plan.Compose).
func Compose(o Options, devices []Member) Lamp {
	devices = slices.Clone(devices)
	slices.SortStableFunc(devices, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Status.Name, b.Status.Name))
	})
	var seen [len(device.States)]bool
	var calls []device.Call
	heard := false
	for _, m := range devices {
		if m.Lost {
			continue
		}
		heard = true
		_, told := device.StateOfCalls(m.Status.Calls)
		if !told {
			seen[m.Status.State] = true
		}
		for _, c := range m.Status.Calls {
			if c.Phase == device.Terminated {
				continue
			}
			switch {
			case rings(&c):
				seen[device.Ringing] = true
				if o.RingInAs != device.Ringing {
					continue // hidden
				}
			case offhook(&c):
				seen[o.OffhookAs] = true
				if o.OffhookAs != device.Busy {
					continue
				}
			case c.Direction == device.Initiator || c.Phase >= device.Confirmed:
				seen[device.Busy] = true
			}
			calls = append(calls, c)
		}
	}
	lamp := Lamp{Calls: calls}
	switch {
	case seen[device.Ringing] && o.RingInAs == device.Ringing && (o.RingingWins || !seen[device.Busy]):
		lamp.State = device.Ringing
	case seen[device.Busy] || seen[device.Ringing] && o.RingInAs == device.Busy:
		lamp.State = device.Busy
	case seen[device.Idle] || seen[device.Ringing]:
		lamp.State = device.Idle
	case heard:
		lamp.State = o.UnregisteredAs
	}
	sortCalls(lamp.Calls, lamp.State)
	return lamp
}

func rings(c *device.Call) bool {
	return c.Direction == device.Recipient && c.Phase == device.Early
}

// offhook: an own outgoing call that is not answered yet.
func offhook(c *device.Call) bool {
	return c.Direction == device.Initiator && c.Phase < device.Confirmed
}

// sortCalls orders calls as RFC 4235 §3.7.2 picks one: confirmed, early, proceeding,
// trying; a held one after the active ones; the one that rings first where the line
// shows ringing. Equals stay in the order of their beginning, then of their devices.
func sortCalls(calls []device.Call, state device.State) {
	rank := func(c *device.Call) int {
		switch {
		case state == device.Ringing && rings(c):
			return 0
		case c.Phase == device.Confirmed:
			return 1
		case c.Phase == device.Held:
			return 2
		default:
			return 3 + int(device.Early-c.Phase)
		}
	}
	slices.SortStableFunc(calls, func(a, b device.Call) int {
		return cmp.Or(rank(&a)-rank(&b), a.Since.Compare(b.Since))
	})
}
