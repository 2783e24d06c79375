package sipua

import (
	"net/netip"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// trunkSource is what the connection of a request tells about a trunk: where it comes
// from, and over TLS by which verified certificate.
func (s *Server) trunkSource(q *ask, snap *policy.Snapshot, local netip.AddrPort, tenant string) policy.TrunkSource {
	h := &q.hop
	src := policy.TrunkSource{Tenant: tenant, Addr: h.source}
	if h.transport.Stream() && h.sentBy.Addr() == h.source.Addr() {
		src.Addr = h.sentBy // the port of a connection says nothing
	}
	if (h.transport == subscription.TLS || h.transport == subscription.WSS) && snap.NamesCertificates() {
		src.CertificateNames = s.CertificateNames(notifier.Flow{Transport: h.transport, Local: local, Remote: h.source})
	}
	return src
}

// identifyTrunk says who asks through a trunk: the application user whose credentials
// hold, else the trunk, trusted only by credentials of its own or of a credential file.
// Whether it needs any, the policy decides.
func (s *Server) identifyTrunk(q *ask, snap *policy.Snapshot, c *caller, trunk policy.Watcher) (id identity, ask challenge) {
	id.Watcher, id.origin = trunk, originOf(snap, c.from, trunk)
	cred, result, ask := s.checkDigest(q, snap, trunk.Tenant)
	if result == authGood {
		if id.Watcher = snap.TrunkWatcher(trunk, cred); id.Trusted {
			id.user = cred.Username
		}
	}
	return id, ask
}

// originOf is by what a trunk was recognised, so that it can be asked again when the
// policy changes: the name of its certificate, else its address.
func originOf(snap *policy.Snapshot, src policy.TrunkSource, trunk policy.Watcher) string {
	for _, name := range src.CertificateNames {
		one := policy.TrunkSource{Tenant: src.Tenant, CertificateNames: []string{name}}
		if w, ok := snap.TrunkBySource(one); ok && w == trunk {
			return name
		}
	}
	return src.Addr.String()
}
