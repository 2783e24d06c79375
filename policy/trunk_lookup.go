package policy

import "net/netip"

// TrunkInfo is a trunk of the document as other packages need it. Read only.
type TrunkInfo struct {
	Tenant, Name, Description string
	// Protocol is "sip", "h323" or "mgcp".
	Protocol string
	// Destinations are where requests go, in their order.
	Destinations  []Destination
	PresenceGroup string
	// CallingSearchSpace is empty for None.
	CallingSearchSpace string
	// OutboundDigest are the credentials that we present, nil if there are none.
	OutboundDigest *Digest
	// Accepts, Digest and ApplicationAuthorization are those of the security profile, or
	// watcher_all and authenticate_presence without one.
	Accepts, Digest, ApplicationAuthorization bool
	X509SubjectNames                          []string
}

// Trunks are the document's trunks of a tenant, in its order. Read only.
func (s *Snapshot) Trunks(tenant string) []TrunkInfo {
	if t := s.tenants[tenant]; t != nil {
		return t.trunkInfos
	}
	return nil
}

// Trunk finds a trunk by name.
func (s *Snapshot) Trunk(tenant, name string) (TrunkInfo, bool) {
	for _, k := range s.Trunks(tenant) {
		if k.Name == name {
			return k, true
		}
	}
	return TrunkInfo{}, false
}

// TrunkSource is what a request's connection tells about a trunk.
type TrunkSource struct {
	// Tenant is the target's: where several tenants have a trunk of that address, its.
	Tenant string
	// Addr is the peer's address, and the port that it listens on if that is known.
	Addr netip.AddrPort
	// CertificateNames are the subject names of a verified TLS client certificate.
	CertificateNames []string
}

// TrunkBySource recognises a trunk: by TLS identity where its security profile names
// any, else by address, of several the most precise. Not knowing yet whether digest
// holds, the Watcher is not Trusted; TrunkWatcher puts the credentials in. A request
// from the address of a trunk that needs a certificate, but without it, is the trunk's
// too, and Decide refuses it.
func (s *Snapshot) TrunkBySource(src TrunkSource) (Watcher, bool) {
	x := s.trunkIndex
	if x == nil {
		return Watcher{}, false
	}
	at := x.byName(src.Tenant, src.CertificateNames)
	if at.trunk == nil || at.tenant != src.Tenant {
		other := x.byAddress(src.Tenant, src.Addr)
		if at.trunk == nil || other.trunk != nil && (other.tenant == src.Tenant || other.order < at.order) {
			at = other
			if at.trunk == nil {
				return Watcher{}, false
			}
			if len(at.trunk.subjects) > 0 {
				return Watcher{Tenant: at.tenant, Kind: WatcherTrunk, Trunk: at.trunk.name}, true
			}
		}
	}
	return Watcher{Tenant: at.tenant, Kind: WatcherTrunk, ID: at.trunk.name}, true
}

// NamesCertificates reports whether any trunk is recognised by a certificate.
func (s *Snapshot) NamesCertificates() bool {
	return s.trunkIndex != nil && len(s.trunkIndex.subjects) > 0
}

// TrunkWatcher is who asks through a trunk, once digest credentials held: the application
// user they belong to, or the trunk where they are its own or of a credential file.
// Credentials of a phone or end user prove nothing about a trunk.
func (s *Snapshot) TrunkWatcher(trunk Watcher, held Credential) Watcher {
	c := held.Watcher
	switch {
	case c.Tenant != trunk.Tenant:
	case c.Kind == WatcherApplication && trunk.ID != "":
		return Watcher{Tenant: trunk.Tenant, Kind: WatcherApplication, ID: c.ID, Trunk: trunk.ID, Trusted: true}
	case c.Kind == WatcherTrunk && (c.ID == "" || c.ID == trunk.ID):
		trunk.Trusted = true
	}
	return trunk
}
