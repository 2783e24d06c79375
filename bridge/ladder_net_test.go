package bridge_test

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"blfbridge/bridge/sipua"
)

// memNet is UDP in memory: nothing is lost or reordered, and a reader that waits lets
// virtual time go on.
type memNet struct {
	mu    sync.Mutex // guards what follows
	conns map[netip.AddrPort]*memConn
	next  uint16
}

func newMemNet() *memNet { return &memNet{conns: map[netip.AddrPort]*memConn{}, next: 20000} }

type datagram struct {
	b    []byte
	from netip.AddrPort
}

// memConn is one socket. It implements sipua.PacketConn.
type memConn struct {
	n     *memNet
	local netip.AddrPort
	in    chan datagram
	done  chan struct{}
	once  sync.Once
}

var _ sipua.PacketConn = (*memConn)(nil)

// listen binds a socket; port 0 takes a free one. Who had the address before is cut off.
func (n *memNet) listen(a netip.AddrPort) *memConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a.Port() == 0 {
		n.next++
		a = netip.AddrPortFrom(a.Addr(), n.next)
	}
	c := &memConn{n: n, local: a, in: make(chan datagram, 1024), done: make(chan struct{})}
	n.conns[a] = c
	return c
}

// listenUDP is bridge.Options.ListenUDP.
func (n *memNet) listenUDP(_ string, a *net.UDPAddr) (sipua.PacketConn, error) {
	return n.listen(a.AddrPort()), nil
}

// cut takes a socket off the network without its owner noticing.
func (n *memNet) cut(a netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, a)
}

func (c *memConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case d := <-c.in:
		return copy(b, d.b), d.from, nil
	case <-c.done:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

func (c *memConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.n.mu.Lock()
	peer, here := c.n.conns[to], c.n.conns[c.local] == c
	c.n.mu.Unlock()
	if peer == nil || !here {
		return len(b), nil // into the void, as on a real network
	}
	select {
	case peer.in <- datagram{append([]byte(nil), b...), c.local}:
	default: // the receiver's buffer is full
	}
	return len(b), nil
}

func (c *memConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	return n, net.UDPAddrFromAddrPort(from), err
}

func (c *memConn) WriteTo(b []byte, to net.Addr) (int, error) {
	return c.WriteToUDPAddrPort(b, to.(*net.UDPAddr).AddrPort())
}

func (c *memConn) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.n.mu.Lock()
		defer c.n.mu.Unlock()
		if c.n.conns[c.local] == c {
			delete(c.n.conns, c.local)
		}
	})
	return nil
}

func (c *memConn) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(c.local) }
func (c *memConn) SetDeadline(time.Time) error      { return nil }
func (c *memConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }
