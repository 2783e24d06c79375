package bridge

import (
	"strings"

	"blfbridge/policy"
)

// target resolves what a URI (or a bare number, or number@tenant) names.
func (b *Bridge) target(s *policy.Snapshot, uri string) policy.Target {
	user, host := splitTarget(uri)
	tenant, ok := s.TenantByHost(host, b.sip.Ours)
	if !ok {
		return policy.Target{Tenant: host, Number: user}
	}
	number, _ := s.StripPickup(tenant, user)
	return policy.Target{Tenant: tenant, Number: number, Learned: b.lamps.Learned(tenant, number)}
}

// splitTarget takes a SIP URI or user@host apart; a URI without user is all host.
func splitTarget(uri string) (user, host string) {
	rest := uri
	scheme := false
	for _, p := range [...]string{"sip:", "sips:", "tel:"} {
		if len(rest) >= len(p) && strings.EqualFold(rest[:len(p)], p) {
			rest, scheme = rest[len(p):], p != "tel:"
			break
		}
	}
	if user, host, ok := strings.Cut(rest, "@"); ok {
		host, _, _ = strings.Cut(host, ";")
		host, _, _ = strings.Cut(host, "?")
		return user, host
	}
	if scheme {
		return "", rest
	}
	return rest, ""
}
