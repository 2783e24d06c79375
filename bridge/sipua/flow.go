package sipua

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// hop is the last hop of a request, from the stamp in its topmost Via.
type hop struct {
	transport subscription.Transport
	source    netip.AddrPort
	sentBy    netip.AddrPort // invalid if a name
	asked     bool
	// certificate are the verified names of the peer's TLS certificate.
	certificate []string
	// proxied: an HTTP proxy passed the WebSocket on, so that source is the proxy's.
	proxied bool
}

// hop reads the stamp; the zero hop, which is no source, if there is none.
func (v *topVia) hop(t subscription.Transport) (h hop) {
	standard := standardPort(t)
	source, ok := v.source(standard)
	if !ok {
		return hop{}
	}
	h.transport, h.source, h.asked = t, source, v.rport
	if a, err := netip.ParseAddr(v.host); err == nil {
		port := v.port
		if port == 0 {
			port = standard
		}
		h.sentBy = netip.AddrPortFrom(a.Unmap(), port)
	}
	return h
}

// flow says how NOTIFYs travel: over the connection that the SUBSCRIBE came by, or from
// the socket it came to towards the first route, the Contact or the source.
func (s *Server) flow(q *ask, p *parsed, local netip.AddrPort) notifier.Flow {
	h := &q.hop
	f := notifier.Flow{Transport: h.transport, Local: local, Remote: h.source}
	if f.Transport == subscription.UDP && refreshedByProxy(p, q) {
		return f
	}
	next, routed := nextHop(p, q)
	addr := s.lookup(next, h.transport, h.source.Addr())
	w := way{mode: s.config.NAT, source: h.source, sentBy: h.sentBy, asked: h.asked, contact: addr}
	if routed {
		// The proxy asked to stay in the path; only if it cannot be reached as it
		// calls itself, at the address it sends from.
		w.sentBy = netip.AddrPort{}
		if w.mode == NATSource {
			w.mode = NATAuto
		}
	}
	to := w.target()
	if to.Addr().Is4() != local.Addr().Is4() {
		to = h.source
	}
	if h.transport.Stream() {
		if dialled(h.transport) && to != h.source {
			s.streams.learn(f, contact{addr: to, name: next.host})
		}
		return f
	}
	f.Remote = to
	return f
}

// refreshedByProxy reports a refresh that came through a proxy and says nothing of the
// route set, as Kamailio relays them (it record-routes the first SUBSCRIBE only). The set
// of the dialog stands (RFC 3261 §12.2), and its first hop is who sent this.
func refreshedByProxy(p *parsed, q *ask) bool {
	return p.inDialog && q.header(kindRecordRoute) == "" && q.vias > 1
}

// Restored implements notifier.Restorer: the phone of a stored subscription, whose
// connection ended with the process that had it, can be dialled where its Contact (or the
// first route) says, unless that is another host than it came from (a NAT).
//
// From now on our own address is in Via and Contact (RFC 3261 §12.2.2: a NOTIFY refreshes the
// phone's remote target): that of the replica that is gone answers no refresh.
func (s *Server) Restored(f notifier.Flow, c *subscription.Cold) {
	if own, ok := s.ownFor(f); ok {
		c.Advertised = s.advertised(own)
		if f.Transport == subscription.UDP {
			c.Local = own.String()
		}
	}
	if !dialled(f.Transport) || s.config.NAT == NATSource {
		return
	}
	u, ok := firstHop(c)
	host, err := netip.ParseAddr(u.host)
	if err != nil && f.Transport == subscription.TLS {
		// A name, which its certificate must have wherever it is.
		host, err = f.Remote.Addr(), nil
	}
	if !ok || err != nil || host.Unmap() != f.Remote.Addr() && s.config.NAT != NATContact {
		return
	}
	port := u.port
	if port == 0 {
		port = standardPort(f.Transport)
	}
	s.streams.learn(f, contact{addr: netip.AddrPortFrom(host.Unmap(), port), name: u.host})
}

// Diverted implements notifier.Diverter: a phone whose Contact (or first route) names the
// very address that it sends from, but another port. What rewrote the port need not be a NAT
// of the phone's: the NAT of Linux, which Kubernetes leads Services' packets by, takes another
// port where its own is taken, and knows it for the one pod and for three minutes only.
func (s *Server) Diverted(f notifier.Flow, c *subscription.Cold) (notifier.Flow, bool) {
	if f.Transport != subscription.UDP || s.config.NAT != NATAuto {
		return f, false
	}
	u, ok := firstHop(c)
	host, err := netip.ParseAddr(u.host)
	if !ok || err != nil || host.Unmap() != f.Remote.Addr() {
		return f, false
	}
	port := u.port
	if port == 0 {
		port = standardPort(f.Transport)
	}
	if port == f.Remote.Port() {
		return f, false
	}
	f.Remote = netip.AddrPortFrom(f.Remote.Addr(), port)
	return f, true
}

// firstHop is the URI that a stored subscription's NOTIFYs go to (RFC 3261 §12.2.1.1).
func firstHop(c *subscription.Cold) (sipURI, bool) {
	if first, _, _ := cutUnquoted(c.Routes, ','); first != "" {
		return addressOf(first)
	}
	return parseURI(c.RemoteTarget)
}

// ownFor is the socket of ours that stands for a flow's: its own if we have it.
func (s *Server) ownFor(f notifier.Flow) (own netip.AddrPort, ok bool) {
	if f.Transport == subscription.UDP {
		u := s.socketFor(f.Local, f.Remote)
		if u == nil {
			return own, false
		}
		return u.local, true
	}
	for _, l := range s.listeners {
		if l.transport == f.Transport && (!ok || l.local == f.Local) {
			own, ok = l.local, true
		}
	}
	return own, ok
}

// nextHop is the URI that a request within the dialog goes to (RFC 3261 §12.2.1.1). A
// refresh does not change the route set; its Record-Route says the same again where
// proxies write one, and only the flow is taken from it.
func nextHop(p *parsed, q *ask) (u sipURI, routed bool) {
	routes := p.routes
	if p.inDialog {
		routes, _ = routeSet(q.headers(kindRecordRoute))
	}
	if routes == "" {
		return p.contact, false
	}
	first, _, _ := cutUnquoted(routes, ',')
	u, ok := addressOf(first)
	if !ok {
		return p.contact, false
	}
	return u, true
}

// lookup finds the address of a URI's host, of the family that like has; invalid if it
// cannot be found in time.
func (s *Server) lookup(u sipURI, t subscription.Transport, like netip.Addr) netip.AddrPort {
	port := u.port
	if port == 0 {
		port = standardPort(t)
		if u.scheme == "sips" {
			port = 5061
		}
	}
	if a, err := netip.ParseAddr(u.host); err == nil {
		return netip.AddrPortFrom(a.Unmap(), port)
	}
	if u.host == "" || strings.HasSuffix(strings.ToLower(u.host), ".invalid") || s.config.NAT == NATSource {
		return netip.AddrPort{} // RFC 7118: browsers name no address
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Timeouts.Resolve)
	defer cancel()
	network := "ip6"
	if like.Is4() {
		network = "ip4"
	}
	addrs, err := s.config.Resolver.LookupNetIP(ctx, network, u.host)
	if err != nil || len(addrs) == 0 {
		s.quiet.warn("resolve", "a Contact's host cannot be resolved; its phone is notified where its SUBSCRIBE came from",
			"host", u.host, "error", err)
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addrs[0].Unmap(), port)
}

// looksUp reports whether flow may have to resolve a host name for a request.
func (s *Server) looksUp(q *ask) bool {
	for _, kind := range [...]headerName{kindContact, kindRecordRoute} {
		first, _, _ := cutUnquoted(q.header(kind), ',')
		if u, ok := addressOf(first); ok {
			if _, err := netip.ParseAddr(u.host); err != nil {
				return true
			}
			if kind == kindContact {
				q.contact, q.contactText = u, first // contactOf needs it next
			}
		}
	}
	return false
}

// standardPort is that of a URI or sent-by without one (RFC 3261 §19.1.2, RFC 7118 §5).
func standardPort(t subscription.Transport) uint16 {
	switch t {
	case subscription.TLS:
		return 5061
	case subscription.WS:
		return 80
	case subscription.WSS:
		return 443
	}
	return 5060
}

// advertised is what Via and Contact name for a socket.
func (s *Server) advertised(local netip.AddrPort) string {
	if s.advertisedHost == "" {
		return local.String()
	}
	port := s.advertisedPort
	if port == 0 {
		port = local.Port()
	}
	return net.JoinHostPort(s.advertisedHost, portText(port))
}
