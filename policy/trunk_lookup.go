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
	Addr   netip.AddrPort
	// CertificateNames are the subject names of a verified TLS client certificate.
	CertificateNames []string
}

// TrunkBySource recognises a trunk: by TLS identity where its security profile names
// any, else by address, of several the most precise. Not knowing yet whether digest
// holds, the Watcher is not Trusted; TrunkWatcher puts the credentials in. A request
// from the address of a trunk that needs a certificate, but without it, is the trunk's
// too, and Decide refuses it.
func (s *Snapshot) TrunkBySource(src TrunkSource) (Watcher, bool) {
	if w, ok := s.tenants[src.Tenant].trunkBySource(src); ok {
		return w, true
	}
	for _, name := range s.listed {
		if w, ok := s.tenants[name].trunkBySource(src); ok {
			return w, true
		}
	}
	return Watcher{}, false
}

func (t *tenant) trunkBySource(src TrunkSource) (Watcher, bool) {
	if t == nil {
		return Watcher{}, false
	}
	w := Watcher{Tenant: t.name, Kind: WatcherTrunk}
	for _, name := range src.CertificateNames {
		if e := t.subjects[name]; e != nil {
			w.ID = e.name
			return w, true
		}
	}
	addr := src.Addr.Addr().Unmap().WithZone("")
	for _, k := range t.sources {
		if !k.net.Contains(addr) || k.port != 0 && k.port != src.Addr.Port() {
			continue
		}
		if len(k.trunk.subjects) > 0 {
			w.Trunk = k.trunk.name
		} else {
			w.ID = k.trunk.name
		}
		return w, true
	}
	return Watcher{}, false
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
