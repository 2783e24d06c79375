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

type presenceOutput struct{ Body api.Presence }

func (s *Server) presence(ctx context.Context, _ *struct{}) (*presenceOutput, error) {
	serving, err := s.serving()
	if err != nil {
		return nil, err
	}
	doc, _, err := s.c.Backend.Policy(ctx)
	if err != nil {
		return nil, problem("read the policy", err)
	}
	c := s.c.Backend.Config()
	out := &presenceOutput{Body: api.Presence{
		Enabled:          true,
		MaxSubscriptions: lower(c.SIP.MaxSubscriptions, doc.MaxSubscriptions),
		CallList:         doc.BLFForCallLists != policy.SwitchOff,
		Server:           "0.0.0.0",
		RetryInterval:    60, // CME: sccp blf-speed-dial retry-interval
		RetryLimit:       10, // CME: limit
		Mode:             "beside the PBX",
		UnknownWatchers:  WatchersRule(doc, c),
	}}
	err = serving.Subscriptions.Visit(ctx, func(notifier.Row) { out.Body.Subscriptions++ })
	if err != nil {
		return nil, problem("count the subscriptions", err)
	}
	return out, nil
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
