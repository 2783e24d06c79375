package compositor

import (
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/line"
	"blfbridge/policy"
)

// SetPlan changes how devices make lines, composes anew what that touches, and feeds what
// looks different. What differs is looked for aside: lamps move meanwhile, by the old plan.
func (c *Compositor) SetPlan(plan *line.Plan) {
	c.planning.Lock()
	defer c.planning.Unlock()
	old, devices := c.beginPlan()
	lines := plan.OtherLines(old)
	others := map[memberKey]struct{}{}
	for i := range devices {
		if d := &devices[i]; !plan.SameDevice(old, d.source, &d.status) {
			others[memberKey{d.source, d.status.Name}] = struct{}{}
		}
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	for m := range c.newcomers {
		others[m] = struct{}{}
	}
	c.newcomers = nil
	now := time.Now()
	for _, l := range lines {
		c.touchLine(l, now, others)
	}
	for m := range others {
		c.part(m, now)
	}
	c.plan = plan
	for m := range others {
		if s := c.sources[m.source]; s != nil {
			if d, ok := s.devices[m.device]; ok {
				for _, id := range c.join(s, d) {
					c.touch(id, now)
				}
			}
		}
	}
	c.rang, c.rangAt = true, now
	c.flush()
}

// known is a device as a plan sees it.
type known struct {
	source string
	status device.Status
}

// beginPlan copies all devices; put notes those that are others from now on.
func (c *Compositor) beginPlan() (*line.Plan, []known) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.newcomers = map[memberKey]struct{}{}
	n := 0
	for _, s := range c.sources {
		n += len(s.devices)
	}
	list := make([]known, 0, n)
	for _, s := range c.sources {
		for _, d := range s.devices {
			list = append(list, known{s.name, device.Status{Name: d.Name, Kind: d.Kind, Number: d.Number, Domain: d.Domain}})
		}
	}
	return c.plan, list
}

// touchLine touches both presentities of a line, and adds its devices to those that have
// to join again.
func (c *Compositor) touchLine(l policy.Line, now time.Time, devices map[memberKey]struct{}) {
	for _, k := range [...]Key{{Line: l}, {Line: l, Mode: OfDevice}} {
		if id, ok := c.ids[k]; ok {
			c.touch(id, now)
			for m := range c.presentities[id].members {
				devices[m] = struct{}{}
			}
		}
	}
}

// part takes a device out of every presentity.
func (c *Compositor) part(m memberKey, now time.Time) {
	s := c.sources[m.source]
	if s == nil {
		return
	}
	if d, ok := s.devices[m.device]; ok {
		for _, id := range c.join(s, d) {
			delete(c.presentities[id].members, m)
			c.touch(id, now)
		}
	}
}

// PolicyChanged composes the lamps of bare pickup codes anew: others may pick up now.
func (c *Compositor) PolicyChanged() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rang, c.rangAt = true, time.Now()
	c.flush()
}
