package compositor

import (
	"slices"

	"blfbridge/bridge/device"
	"blfbridge/bridge/line"
)

// join makes a device a member of every presentity it takes part in, and returns their ids.
func (c *Compositor) join(s *source, d device.Status) []uint32 {
	if !c.domains[d.Domain] && (d.Domain != "" || s.opts.Tenant == "") {
		c.domains[d.Domain] = true
		if c.newDomain != nil {
			c.newDomain(d.Domain)
		}
	}
	m := memberKey{s.name, d.Name}
	var ids []uint32
	for _, l := range c.plan.Presentities(s.name, &d) {
		id := c.intern(Key{Line: l})
		c.presentities[id].members[m] = struct{}{}
		ids = append(ids, id)
	}
	for _, l := range c.plan.DevicePresentities(s.name, &d) {
		if id, ok := c.ids[Key{Line: l, Mode: OfDevice}]; ok { // only where somebody watches it
			c.presentities[id].members[m] = struct{}{}
			ids = append(ids, id)
		}
	}
	return ids
}

// enrol finds the devices of a presentity that is looked at as a device: among those of
// its line, which all of them are part of.
func (c *Compositor) enrol(p *presentity) {
	id, ok := c.ids[Key{Line: p.key.Line}]
	if !ok {
		return
	}
	for m := range c.presentities[id].members {
		s := c.sources[m.source]
		if d, ok := s.devices[m.device]; ok && slices.Contains(c.plan.DevicePresentities(s.name, &d), p.key.Line) {
			p.members[m] = struct{}{}
		}
	}
}

// compose makes a presentity's lamp of its members, or takes what another server tells.
func (c *Compositor) compose(p *presentity) Lamp {
	if p.picker != nil {
		return c.composePicker(p.picker)
	}
	if p.external != nil && (p.over || len(p.members) == 0) {
		return *p.external
	}
	members := make([]line.Member, 0, len(p.members))
	for m := range p.members {
		s := c.sources[m.source]
		if d, ok := s.devices[m.device]; ok {
			members = append(members, line.Member{Source: m.source, Status: &d, Lost: s.lapsed})
		}
	}
	var l line.Lamp
	if p.key.Mode == OfDevice {
		l = c.plan.ComposeDevice(p.key.Line, members)
	} else {
		l = c.plan.Compose(p.key.Line, members)
	}
	return Lamp{State: l.State, DND: l.DND, Calls: l.Calls, Name: c.plan.DisplayName(p.key.Line)}
}
