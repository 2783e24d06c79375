package compositor

import (
	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// Ringing is one leg that alerts a device of a line.
type Ringing struct {
	// Source is the PBX that has the leg, Device its name there, Domain the device's.
	Source, Device, Domain string
	Line                   policy.Line
	Call                   device.Call
}

// Ringing returns every leg that rings now, once for each line that shows it, in no order.
// PBXs that are down are left out: nobody knows what rings there.
func (c *Compositor) Ringing() []Ringing {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var out []Ringing
	for id := range c.ringing {
		p := c.presentities[id]
		for m := range p.members {
			s := c.sources[m.source]
			if !s.up {
				continue
			}
			d := s.devices[m.device]
			for _, call := range d.Calls {
				if rings(&call) {
					out = append(out, Ringing{m.source, m.device, d.Domain, p.key.Line, call})
				}
			}
		}
	}
	return out
}

func rings(c *device.Call) bool { return c.Direction == device.Recipient && c.Phase == device.Early }

// noteRinging keeps the set of ringing lines; lamp is what p is about to show.
func (c *Compositor) noteRinging(id uint32, p *presentity, lamp *Lamp) {
	if p.picker != nil || p.key.Mode != OfLine {
		return
	}
	_, before := c.ringing[id]
	now := false
	for i := range lamp.Calls {
		now = now || rings(&lamp.Calls[i])
	}
	switch {
	case now:
		c.ringing[id] = struct{}{}
	case before:
		delete(c.ringing, id)
	}
	if now || before {
		c.rang, c.rangAt = true, lamp.At
	}
}

// recomposePickers follows the ringing lines. It asks the policy once for each bare
// pickup code watched and each line that rings: keys for the bare code are few.
func (c *Compositor) recomposePickers() {
	for _, id := range c.pickers {
		c.recompose(id, c.rangAt)
	}
	c.rang = false
}

// composePicker is the lamp of the one ringing call that w may pick up. If several ring,
// it rings without saying which: the code alone picks none of them.
func (c *Compositor) composePicker(w *policy.Watcher) Lamp {
	if !c.anyUp() {
		return Lamp{}
	}
	out := Lamp{State: device.Idle}
	if c.mayPickUp == nil {
		return out
	}
	lines := 0
	for id := range c.ringing {
		p := c.presentities[id]
		d := c.mayPickUp(*w, p.key.Line)
		if !d.Allow() || !d.Pickup || d.Line != p.key.Line || d.View < policy.ViewRinging || d.View == policy.ViewIdle {
			continue
		}
		if lines++; lines > 1 {
			return Lamp{State: device.Ringing}
		}
		out = Lamp{State: device.Ringing, Calls: shownTo(p.lamp.Calls, d.View), Name: p.lamp.Name}
	}
	return out
}

// shownTo are the ringing calls as a view shows them.
func shownTo(calls []device.Call, view policy.View) []device.Call {
	var out []device.Call
	for _, c := range calls {
		if !rings(&c) {
			continue
		}
		if view < policy.ViewNumber {
			c = device.Call{ID: c.ID, Direction: c.Direction, Phase: c.Phase}
		}
		out = append(out, c)
	}
	return out
}

func (c *Compositor) anyUp() bool {
	for _, s := range c.sources {
		if s.up || s.heard && !s.lapsed {
			return true
		}
	}
	return false
}
