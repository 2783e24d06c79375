package sipua

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"blfbridge/bridge/subscription"
)

// ErrListen is wrapped by what New says about an address that cannot be bound.
var ErrListen = errors.New("sipua: cannot listen")

// expand replaces an unspecified address by those of this machine. Link-local IPv6
// addresses are left out: they mean nothing without a zone, which SIP cannot say.
func expand(l netip.AddrPort, interfaces func() ([]net.Addr, error)) ([]netip.AddrPort, error) {
	if !l.Addr().IsUnspecified() {
		return []netip.AddrPort{netip.AddrPortFrom(l.Addr().Unmap(), l.Port())}, nil
	}
	all, err := interfaces()
	if err != nil {
		return nil, err
	}
	var out []netip.AddrPort
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		addr := p.Addr().Unmap().WithZone("")
		if addr.Is4() || l.Addr().Is6() && !addr.IsLinkLocalUnicast() {
			out = append(out, netip.AddrPortFrom(addr, l.Port()))
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no interface has an address of that kind")
	}
	return out, nil
}

// bind opens a socket for each address of the configuration.
func (s *Server) bind() error {
	var done []Listen
	for i, l := range s.config.Listen {
		addrs, err := expand(l.Addr, net.InterfaceAddrs)
		if err != nil {
			return fmt.Errorf("%w: sip.listen[%d] %s %s: %w", ErrListen, i, l.Transport, l.Addr, err)
		}
		for _, a := range addrs {
			one := Listen{l.Transport, a}
			if a.Port() != 0 && slices.Contains(done, one) {
				continue // 0.0.0.0 and a concrete address
			}
			done = append(done, one)
			if err := s.open(one); err != nil {
				return fmt.Errorf("%w: sip.listen[%d] %s %s: %w", ErrListen, i, l.Transport, a, explain(err))
			}
		}
	}
	return nil
}

// explain adds what would mend a socket that cannot be bound.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: a PBX or another blfbridge has that port; take another in sip.listen", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: this host has no such address; 0.0.0.0 and [::] stand for all it has", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: ports below 1024 need root or CAP_NET_BIND_SERVICE; take another in sip.listen", err)
	}
	return err
}

func (s *Server) open(l Listen) error {
	family := "6"
	if l.Addr.Addr().Is4() {
		family = "4"
	}
	if l.Transport == subscription.UDP {
		conns, err := s.listenUDP("udp"+family, net.UDPAddrFromAddrPort(l.Addr))
		if err != nil {
			return err
		}
		u := newUDPSocket(conns[0], s.screener)
		for _, c := range conns[1:] {
			s.beside = append(s.beside, newUDPSocket(c, s.screener))
		}
		s.sockets[u.local] = u
		s.addresses = append(s.addresses, Listen{l.Transport, u.local})
		s.localIPs[u.local.Addr()] = true
		s.texts[u.local] = u.local.String()
		return nil
	}
	ln, err := net.ListenTCP("tcp"+family, net.TCPAddrFromAddrPort(l.Addr))
	if err != nil {
		return err
	}
	sl := newStreamListener(ln, l.Transport, s.streams)
	sl.shake = s.shaker(l.Transport)
	s.listeners = append(s.listeners, sl)
	s.addresses = append(s.addresses, Listen{l.Transport, sl.local})
	s.localIPs[sl.local.Addr()] = true
	s.texts[sl.local] = sl.local.String()
	return nil
}

func (s *Server) listenUDP(network string, addr *net.UDPAddr) ([]PacketConn, error) {
	if s.config.ListenUDP == nil {
		return listenMany(network, addr, s.config.Readers)
	}
	c, err := s.config.ListenUDP(network, addr)
	return []PacketConn{c}, err
}

// socketFor finds the UDP socket of a flow: the one bound to its address, else (the
// record is another process's, or of before a change of configuration) one that can
// reach the peer.
func (s *Server) socketFor(local, remote netip.AddrPort) *udpSocket {
	if u := s.sockets[local]; u != nil {
		return u
	}
	var best *udpSocket
	for _, l := range s.addresses {
		u := s.sockets[l.Addr]
		if l.Transport != subscription.UDP || u.local.Addr().Is4() != remote.Addr().Is4() ||
			u.local.Addr().IsLoopback() && !remote.Addr().IsLoopback() {
			continue
		}
		if best == nil || u.local.Port() == local.Port() && best.local.Port() != local.Port() {
			best = u
		}
	}
	return best
}

// textOf is a.String(), without an allocation for our own addresses.
func (s *Server) textOf(a netip.AddrPort) string {
	if t, ok := s.texts[a]; ok {
		return t
	}
	return a.String()
}
