package sipua

import (
	"crypto/tls"
	"net"
	"net/netip"

	"github.com/emiago/sipgo/sip"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// Subscriber is who has subscriptions at other servers; *trunk.Subscriber is one. Its
// methods are called from any goroutine, a Call-ID's NOTIFYs in the order they came in.
type Subscriber interface {
	// Notify takes a NOTIFY and says with which status to answer it. It does not block.
	Notify(req *sip.Request) (status int)
	// Response takes a response that matches no transaction of sipgo's, and reports
	// whether it was the Subscriber's. It does not block.
	Response(res *sip.Response) bool
}

// SetSubscriber says whom NOTIFYs go to. It may be called once, before Run; without it
// every NOTIFY is a stranger's.
func (s *Server) SetSubscriber(u Subscriber) { s.subscriber = u }

// stray takes the responses that no transaction of sipgo's waits for.
func (s *Server) stray(res *sip.Response) {
	if s.hangups.response(res) {
		return
	}
	if s.subscriber == nil || !s.subscriber.Response(res) {
		s.metrics.strays.Inc()
	}
}

// notify answers a NOTIFY, which belongs to a subscription of ours at another server, or
// to none (RFC 6665 §4.1.3: 481).
func (x *exchange) notify() {
	status := 481
	if u := x.server.subscriber; u != nil {
		status = u.Notify(x.req)
	}
	switch status {
	case 481:
		x.refuse(ErrNoDialog)
	case 489:
		x.refuse(ErrEvent)
	case 400:
		x.refuse(malformed("NOTIFY without a Subscription-State that can be read"))
	default:
		x.respond(outcome{status: status})
	}
}

// Toward finds how a request of ours leaves for a peer, so that it comes from an address
// that the peer knows us by: from the socket of the interface that leads there, or over
// a connection in the name of a listener. advertised is what its Via and Contact name.
// name is whom the certificate of a TLS peer must be for: the host that was looked up (RFC
// 5922 §4), or an address; false also if a connection to there has shown another one.
func (s *Server) Toward(t subscription.Transport, to netip.AddrPort, name string) (f notifier.Flow, advertised string, ok bool) {
	source := sourceFor(to)
	for _, l := range s.addresses {
		if l.Transport != t || l.Addr.Addr().Is4() != to.Addr().Is4() || l.Addr.Addr().IsLoopback() && !to.Addr().IsLoopback() {
			continue
		}
		if exact := l.Addr.Addr() == source; !ok || exact {
			f, ok = notifier.Flow{Transport: t, Local: l.Addr, Remote: to}, true
			if exact {
				break
			}
		}
	}
	if ok && t.Stream() {
		ok = s.streams.expect(f, contact{addr: to, name: name, retry: peerRetry})
	}
	return f, s.advertised(f.Local), ok
}

// expect learns where a server is dialled, and reports whether the connection that stands
// or is being opened there, if any, is one with that name.
func (s *streams) expect(f notifier.Flow, to contact) bool {
	if f.Transport == subscription.TLS {
		if c := s.find(f); c != nil {
			secure, ok := c.Conn.(*tls.Conn)
			if !ok || secure.VerifyHostname(to.name) != nil {
				return false
			}
		} else if known, ok := s.contact(f); ok && known.name != to.name && s.dialer.dialling(f) {
			return false
		}
	}
	s.learn(f, to)
	return true
}

// dialling reports whether the connection of a flow is being opened.
func (d *dialer) dialling(f notifier.Flow) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.pending[f]
	return ok
}

// sourceFor is the address that the kernel would send from; invalid if there is no way.
func sourceFor(to netip.AddrPort) netip.Addr {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to)) // sends nothing
	if err != nil {
		return netip.Addr{}
	}
	defer func() { _ = c.Close() }()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}
