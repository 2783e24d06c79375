package edge

import (
	"net/netip"
	"strings"

	"blfbridge/bridge/sipmsg"
)

// choose names the PBXs for a request of a phone, the best first: those of the domain,
// which is the request URI's, or where that names us the sender's (the one registered, in
// a REGISTER). Who is down comes last.
func (e *Edge) choose(m *sipmsg.Message) []*peer {
	u, _ := sipmsg.ParseURI(m.At(m.URI))
	if sipmsg.Tag(m.Value(sipmsg.To)) != nil {
		// Of a dialog whose route set was lost: its remote target is a PBX's.
		if p := e.named(u); p != nil {
			return []*peer{p}
		}
	}
	list := e.all
	if len(e.routes) > 0 || e.byTenant != nil {
		list = e.serving(e.domain(m, u))
	}
	for i, p := range list {
		if p.up.Load() {
			if i == 0 {
				return list
			}
			break
		}
	}
	out := make([]*peer, 0, len(list))
	for _, want := range []bool{true, false} {
		for _, p := range list {
			if p.up.Load() == want {
				out = append(out, p)
			}
		}
	}
	return out
}

// serving are the PBXs of a domain: by its route, else its tenant's own, else those that are
// no tenant's, else all.
func (e *Edge) serving(domain string) []*peer {
	if routed := e.routes[domain]; routed != nil {
		return routed
	}
	if e.byTenant == nil {
		return e.all
	}
	tenant, known := e.config.Tenant(domain)
	if !known {
		return e.all
	}
	for _, t := range [...]string{tenant, ""} {
		if list := e.byTenant[t]; len(list) > 0 {
			return list
		}
	}
	return e.all
}

func (e *Edge) domain(m *sipmsg.Message, u sipmsg.URI) string {
	host := strings.ToLower(string(u.Host))
	if host != "" && !e.net.Ours(host) {
		return host
	}
	k := sipmsg.From
	if string(m.Method) == "REGISTER" {
		k = sipmsg.To
	}
	aor, _ := aorOf(m.Value(k))
	return aor[strings.LastIndexByte(aor, '@')+1:]
}

// named is the PBX whose address a URI is.
func (e *Edge) named(u sipmsg.URI) *peer {
	a, err := netip.ParseAddr(string(u.Host))
	if err != nil {
		return nil
	}
	port := u.Port
	if port == 0 {
		port = 5060
		if u.Secure {
			port = 5061
		}
	}
	for _, p := range e.peers {
		if f := p.flow.Load(); f != nil && f.Remote == netip.AddrPortFrom(a.Unmap(), port) {
			return p
		}
	}
	return nil
}
