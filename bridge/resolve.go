package bridge

import "blfbridge/policy"

// target resolves what a URI names (or a bare number, or number@tenant), for a watcher of
// that tenant.
func (b *Bridge) target(s *policy.Snapshot, watcherTenant, uri string) policy.Target {
	user, host := policy.SplitURI(uri)
	t, ok := s.ResolveTarget(watcherTenant, user, host, b.sip.Ours)
	if !ok {
		return policy.Target{Tenant: host, Number: user}
	}
	t.Learned = t.Host == "" && b.lamps.Learned(t.Tenant, t.Number)
	return t
}
