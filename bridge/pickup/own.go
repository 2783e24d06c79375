package pickup

import (
	"slices"
	"strings"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
)

// Owned tells which PBX has the sender's call of that Call-ID, by the PBX's own word: so it
// is known over a restart, and for calls that another process relayed. The phone that sends
// must be registered. A call that is not answered is one only with early.
//
// The tags are not looked at, so that a phone could give a call of its own the Call-ID of
// somebody else's: no call is a sender's that shares its Call-ID with anybody's.
func (p *Picker) Owned(s Sender, callID string, early bool) (source string, ok bool) {
	if !s.Registered {
		return "", false
	}
	legs := p.Lines.Legs(callID)
	for i := range legs {
		c := &legs[i].Call
		if !p.isOf(s, &legs[i]) || !early && c.Phase != device.Confirmed && c.Phase != device.Held {
			return "", false
		}
	}
	if len(legs) == 0 {
		return "", false
	}
	return legs[0].Source, true
}

// isOf reports whether a leg is at a device of the sender: the one that it has registered
// as, or another of the same phone.
func (p *Picker) isOf(s Sender, leg *compositor.Leg) bool {
	snap := p.Policy()
	w, _ := p.Who(s, "")
	user, _, _ := strings.Cut(s.AOR, "@")
	if !slices.Contains(leg.Tenants, w.Tenant) {
		return false
	}
	if snap.Normalise(w.Tenant, user) == snap.Normalise(w.Tenant, leg.Number) {
		return true
	}
	x, known := snap.WatcherByIdentity(w.Tenant, leg.Number)
	return known && x.Kind == w.Kind && x.ID == w.ID
}
