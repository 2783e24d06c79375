package bridge

import (
	"net/netip"
	"strings"

	"blfbridge/bridge/notifier"
	"blfbridge/policy"
)

// standing is who holds a standing subscription, and what it asks for, as a request would
// say now.
func (b *Bridge) standing(snap *policy.Snapshot, s notifier.Standing) (policy.Watcher, policy.Target) {
	t := b.target(snap, s.Watcher.Tenant, s.Entity)
	w := identified(snap, s, t.Tenant)
	if w.Tenant != s.Watcher.Tenant {
		t = b.target(snap, w.Tenant, s.Entity)
	}
	return w, t
}

// identified is the watcher of a standing subscription as it would be known if it
// subscribed now: its address may have become a trunk's, or be one no more, and who was
// unknown may have become a phone or user of the document.
func identified(snap *policy.Snapshot, s notifier.Standing, tenant string) policy.Watcher {
	w := s.Watcher
	if trunk, ok := trunkOf(snap, s, tenant); ok {
		return trunk
	}
	switch w.Kind {
	case policy.WatcherTrunk, policy.WatcherApplication:
		return policy.Watcher{Tenant: w.Tenant, Kind: policy.WatcherTrunk} // of no trunk any more
	case policy.WatcherUnknown:
	default:
		return w
	}
	if w.Tenant == s.Line.Tenant {
		w.Tenant = tenant // an unknown watcher belongs where its target does
	}
	user := w.ID
	if at := strings.LastIndexByte(user, '@'); at >= 0 {
		if t, ok := snap.TenantByHost(user[at+1:], nil); ok {
			tenant = t
		}
		user = user[:at]
	}
	if known, ok := snap.WatcherByIdentity(tenant, user); ok {
		known.Trusted = w.Trusted
		return known
	}
	return w
}

// trunkOf recognises the trunk that a standing subscription comes from, and by the digest
// user whose credentials held, who asks through it.
func trunkOf(snap *policy.Snapshot, s notifier.Standing, tenant string) (policy.Watcher, bool) {
	src := policy.TrunkSource{Tenant: tenant}
	var err error
	if src.Addr, err = netip.ParseAddrPort(s.Source); err != nil {
		src.CertificateNames = []string{s.Source}
	}
	trunk, ok := snap.TrunkBySource(src)
	if !ok || s.User == "" {
		return trunk, ok
	}
	if held, found := snap.Credentials(trunk.Tenant, s.User); found {
		trunk = snap.TrunkWatcher(trunk, held)
	}
	return trunk, true
}
