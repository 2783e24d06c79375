package bridge

import (
	"blfbridge/bridge/config"
	"blfbridge/bridge/pickup"
	"blfbridge/policy"
)

// mayPickUp decides for the lamps of bare pickup codes. It is called with the compositor's
// lock held, about a line that has a ringing device: nothing need be asked of it.
func (b *Bridge) mayPickUp(w policy.Watcher, l policy.Line) policy.Decision {
	return policy.Decide(b.policy.snapshot(), w, policy.Target{Tenant: l.Tenant, Number: l.Number, Learned: true}, policy.Counts{})
}

// offers says what lamps tell phones that may pick up.
func (b *Bridge) offers(c *config.Config) *pickup.Offers {
	return &pickup.Offers{Policy: b.policy.snapshot, Raw: c.Pickup.DialogIDs == "raw"}
}
