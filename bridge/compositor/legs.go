package compositor

import (
	"slices"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// Leg is a call of a device, whatever its phase.
type Leg struct {
	// Source is the PBX that has it, Number the device's, Tenants those that have the device.
	Source, Number string
	Tenants        []string
	Call           device.Call
}

// Legs returns every leg that PBXs know by a SIP Call-ID, in no order. PBXs that are down
// are left out, as in Ringing. It looks at all calls of the moment.
func (c *Compositor) Legs(callID string) []Leg {
	if callID == "" {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	var out []Leg
	for _, s := range c.sources {
		if !s.up {
			continue
		}
		for _, d := range s.devices {
			for _, call := range d.Calls {
				if call.CallID == callID {
					out = append(out, Leg{s.name, numberOf(&d), c.tenantsOf(s, &d), call})
				}
			}
		}
	}
	return out
}

func numberOf(d *device.Status) string {
	if d.Number != "" {
		return d.Number
	}
	return policy.DeviceNumber(d.Name)
}

// tenantsOf are those of the device's lines, else the one that it would be of. The lock is
// held.
func (c *Compositor) tenantsOf(s *source, d *device.Status) (tenants []string) {
	for _, l := range c.plan.Presentities(s.name, d) {
		if !slices.Contains(tenants, l.Tenant) {
			tenants = append(tenants, l.Tenant)
		}
	}
	if len(tenants) == 0 {
		t, _ := c.plan.Tenant(s.name, d)
		tenants = []string{t}
	}
	return tenants
}
