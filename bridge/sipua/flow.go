package sipua

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// hop is the last hop of a request, from the stamp in its topmost Via.
type hop struct {
	transport subscription.Transport
	source    netip.AddrPort
	sentBy    netip.AddrPort // invalid if a name
	asked     bool
}

func hopOf(req *sip.Request) (h hop, err error) {
	via := req.Via()
	t, ok := subscription.ParseTransport(req.Transport())
	if via == nil || !ok {
		return h, ErrBadRequest
	}
	h.transport = t
	v := topVia{host: strings.Trim(via.Host, "[]"), port: uint16(via.Port)} //nolint:gosec // parseSentBy bounds it
	v.received, _ = via.Params.Get("received")
	if p, ok := via.Params.Get("rport"); ok {
		n, _ := parseUint(p, 65535)
		v.rportValue, h.asked = uint16(n), true
	}
	standard := uint16(5060)
	if t == subscription.TLS {
		standard = 5061
	}
	if h.source, ok = v.source(standard); !ok {
		return h, ErrBadRequest
	}
	if a, err := netip.ParseAddr(v.host); err == nil {
		port := v.port
		if port == 0 {
			port = standard
		}
		h.sentBy = netip.AddrPortFrom(a.Unmap(), port)
	}
	return h, nil
}

// flow says how NOTIFYs travel: over the connection that the SUBSCRIBE came by, or from
// the socket it came to towards the first route, the Contact or the source.
func (s *Server) flow(req *sip.Request, p *parsed, h hop, local netip.AddrPort) (notifier.Flow, error) {
	f := notifier.Flow{Transport: h.transport, Local: local, Remote: h.source}
	if f.Transport == subscription.UDP && refreshedByProxy(p, req) {
		return f, nil
	}
	next, routed := nextHop(p, req)
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
		if h.transport == subscription.TCP && to != h.source {
			s.streams.learn(f, to)
		}
		return f, nil
	}
	f.Remote = to
	return f, nil
}

// refreshedByProxy reports a refresh that came through a proxy and says nothing of the
// route set, as Kamailio relays them (it record-routes the first SUBSCRIBE only). The set
// of the dialog stands (RFC 3261 §12.2), and its first hop is who sent this.
func refreshedByProxy(p *parsed, req *sip.Request) bool {
	return p.inDialog && header(req, "Record-Route") == "" && len(req.GetHeaders("Via")) > 1
}

// Restored implements notifier.Restorer: the phone of a stored subscription, whose
// connection ended with the process that had it, can be dialled where its Contact (or the
// first route) says, unless that is another host than it came from (a NAT).
func (s *Server) Restored(f notifier.Flow, c *subscription.Cold) {
	if f.Transport != subscription.TCP || s.config.NAT == NATSource {
		return
	}
	u, ok := parseURI(c.RemoteTarget)
	if first, _, _ := cutUnquoted(c.Routes, ','); first != "" {
		u, ok = addressOf(first)
	}
	host, err := netip.ParseAddr(u.host)
	if !ok || err != nil || host.Unmap() != f.Remote.Addr() && s.config.NAT != NATContact {
		return
	}
	port := u.port
	if port == 0 {
		port = 5060
	}
	s.streams.learn(f, netip.AddrPortFrom(host.Unmap(), port))
}

// nextHop is the URI that a request within the dialog goes to (RFC 3261 §12.2.1.1). A
// refresh does not change the route set; its Record-Route says the same again where
// proxies write one, and only the flow is taken from it.
func nextHop(p *parsed, req *sip.Request) (u sipURI, routed bool) {
	routes := p.routes
	if p.inDialog {
		routes, _ = routeSet(headerList(req, "Record-Route"))
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
		port = 5060
		if t == subscription.TLS || u.scheme == "sips" {
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
