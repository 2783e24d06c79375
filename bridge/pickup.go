package bridge

import (
	"context"
	"fmt"

	"blfbridge/bridge/config"
	"blfbridge/bridge/pickup"
	"blfbridge/policy"
)

// mayPickUp decides for the lamps of bare pickup codes. It is called with the compositor's
// lock held, about a line that has a ringing device: nothing need be asked of it.
func (b *Bridge) mayPickUp(w policy.Watcher, l policy.Line) policy.Decision {
	return policy.Decide(b.policy.snapshot(), w, policy.Target{Tenant: l.Tenant, Number: l.Number, Learned: true}, policy.Counts{})
}

// preparePickup says what lamps tell phones that may pick up, and makes what reads it.
// Tokens are of use only where the phones' calls come through here.
func (b *Bridge) preparePickup(ctx context.Context, c *config.Config) error {
	b.offers = &pickup.Offers{Policy: b.policy.snapshot, Raw: c.Pickup.DialogIDs == "raw"}
	if !c.Edge.Enabled {
		return nil
	}
	key, err := b.edgeKey(ctx, c)
	if err != nil {
		return fmt.Errorf("edge.key: %w", err)
	}
	tokens := pickup.NewTokens(key)
	if c.Pickup.DialogIDs == "auto" {
		b.offers.Tokens = tokens
	}
	pbx := map[string]pickup.PBX{}
	for _, p := range c.PBX {
		x := pickup.PBX{Code: p.PickupCode, Blind: p.Type == "asterisk" && !p.Dialogs}
		if p.Type == "freeswitch" {
			x.Type = pickup.FreeSWITCH
		}
		if p.Pickup == "dialplan" {
			x.Mode = pickup.Dialplan
		}
		pbx[p.Name] = x
	}
	b.picker = pickup.New(pickup.Config{
		Lines: b.lamps, Policy: b.policy.snapshot, Ours: b.sip.Ours, PBX: pbx, Tokens: tokens,
		Logger: b.log, Registerer: b.registry,
	})
	return nil
}
