package admin

import (
	"context"
	"slices"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/config"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipua"
	"blfbridge/policy"
)

type presenceInput struct {
	Tenant string `query:"tenant" doc:"Whose presence server is told; left out: the policy's default one's."`
}

type presenceOutput struct{ Body api.Presence }

func (s *Server) presence(ctx context.Context, in *presenceInput) (*presenceOutput, error) {
	serving, err := s.serving()
	if err != nil {
		return nil, err
	}
	doc, _, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	c, snap := s.c.Backend.Config(), serving.Snapshot()
	set := snap.Settings()
	out := &presenceOutput{Body: api.Presence{
		Enabled:           set.Enabled,
		ExternalWatchers:  set.WatcherAll || slices.ContainsFunc(doc.Tenants, acceptsTrunks),
		MaxSubscriptions:  lower(c.SIP.MaxSubscriptions, set.MaxSubscriptions),
		ExternalSubscribe: set.AllowSubscribe && slices.ContainsFunc(doc.Tenants, hasRoutes),
		CallList:          set.CallLists,
		Server:            presenceServer(snap, tenantName(doc, in.Tenant)),
		RetryInterval:     int(set.RetryInterval.Seconds()),
		RetryLimit:        set.RetryLimit,
		Mode:              routerMode(c),
		UnknownWatchers:   WatchersRule(doc, c),
	}}
	err = serving.Subscriptions.Visit(ctx, func(notifier.Row) { out.Body.Subscriptions++ })
	if err != nil {
		return nil, problem("count the subscriptions", err)
	}
	return out, nil
}

// routerMode tells where we stand: beside the PBXs, or in front of them, where phones
// register and call through us (edge.enabled).
func routerMode(c *config.Config) string {
	if c.Edge.Enabled {
		return "edge (SIP proxy in front of the PBX)"
	}
	return "beside the PBX"
}

// acceptsTrunks reports whether a trunk of a tenant accepts presence subscriptions by its
// security profile.
func acceptsTrunks(t policy.Tenant) bool {
	return slices.ContainsFunc(t.TrunkSecurityProfiles, func(p policy.TrunkSecurityProfile) bool {
		return p.AcceptPresenceSubscription && slices.ContainsFunc(t.Trunks, func(k policy.Trunk) bool { return k.SecurityProfile == p.Name })
	})
}

// hasRoutes reports whether anything leads to another system.
func hasRoutes(t policy.Tenant) bool {
	return t.DefaultPresenceTrunk != "" || len(t.RoutePatterns) > 0 || len(t.SIPRoutePatterns) > 0
}

// presenceServer is where the default presence trunk of a tenant leads, as CME tells its
// server: an address, 0.0.0.0 without one.
func presenceServer(snap *policy.Snapshot, tenant string) string {
	name := snap.DefaultPresenceTrunk(tenant)
	if name == "" {
		return "0.0.0.0"
	}
	if k, ok := snap.Trunk(tenant, name); ok && len(k.Destinations) > 0 {
		return k.Destinations[0].String()
	}
	return name
}

// lower is the lower one of two limits; 0 is none.
func lower(a, b int) int {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// Effective is a document as the configuration completes it: with the networks of
// sip.trusted_networks.
func Effective(d *policy.Document, c *config.Config) *policy.Document {
	extra := c.SIP.TrustedNetworks
	if len(extra) == 0 {
		return d
	}
	with := *d
	networks := with.UnknownWatchers.TrustedNetworks
	if len(networks) == 0 {
		networks = policy.DefaultTrustedNetworks()
	}
	with.UnknownWatchers.TrustedNetworks = append(slices.Clone(networks), extra...)
	return &with
}

// WatchersRule says in words what becomes of watchers that the policy does not list.
func WatchersRule(d *policy.Document, c *config.Config) string {
	return sipua.WatchersRule(Effective(d, c).UnknownWatchers)
}
