package edge

import (
	"bytes"
	"context"
	"hash/fnv"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// peer is one PBX.
type peer struct {
	PBX
	id   uint32
	flow atomic.Pointer[notifier.Flow] // nil = its name is not resolved yet
	up   atomic.Bool
	// missed OPTIONS in a row, of the loop in health.go.
	missed int
	// asked is the CSeq of the last OPTIONS, heard that of the last answered one.
	asked, heard atomic.Uint32
	// byTCP is how it is reached with what is too large for UDP; nil = by UDP as well.
	byTCP atomic.Pointer[notifier.Flow]

	mu      sync.Mutex // guards all below
	waiting []queued   // for the connection that is being opened
	// connecting wait for that of byTCP, which is not tried until refused is over.
	connecting []*transaction
	refused    time.Time
}

type queued struct {
	msg []byte
	at  time.Time
}

// maxWaiting bounds what waits for a connection to one PBX.
const maxWaiting = 1024

func newPeer(p PBX) *peer {
	h := fnv.New32a()
	_, _ = h.Write([]byte(p.Name))
	out := &peer{PBX: p, id: h.Sum32() | 1}
	out.up.Store(true) // until it is known better
	return out
}

// resolve finds the PBX's address, and the socket of ours that is nearest to it.
func (e *Edge) resolve(ctx context.Context, p *peer) error {
	defer func() {
		if f := p.flow.Load(); f != nil {
			e.net.Peer(*f, p.Host, p.TLS)
		}
		if f := p.byTCP.Load(); f != nil {
			e.net.Peer(*f, p.Host, nil)
		}
	}()
	addr, err := netip.ParseAddr(p.Host)
	if err != nil {
		all, err := e.config.Resolver.LookupNetIP(ctx, "ip", p.Host)
		if err != nil {
			return err
		}
		if old := p.flow.Load(); old != nil {
			for _, a := range all {
				if a.Unmap() == old.Remote.Addr() {
					return nil // several addresses come in any order
				}
			}
		}
		addr = all[0]
	}
	f := notifier.Flow{Transport: p.Transport, Remote: netip.AddrPortFrom(addr.Unmap(), p.Port)}
	f.Local = e.nearest(f)
	p.flow.Store(&f)
	if p.LargeByTCP && f.Transport == subscription.UDP {
		other := notifier.Flow{Transport: subscription.TCP, Remote: f.Remote}
		other.Local = e.nearest(other)
		p.byTCP.Store(&other)
	}
	e.readdress()
	return nil
}

// nearest is the address of ours that a PBX is reached from.
func (e *Edge) nearest(f notifier.Flow) netip.AddrPort {
	var from netip.Addr
	// No packet is sent: the system tells the address it would take.
	if c, err := net.Dial("udp", net.JoinHostPort(f.Remote.Addr().String(), strconv.Itoa(int(f.Remote.Port())))); err == nil {
		from = c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		_ = c.Close()
	}
	var best netip.AddrPort
	for _, l := range e.net.Addrs() {
		a := l.Addr
		if l.Transport != f.Transport || a.Addr().Is4() != f.Remote.Addr().Is4() ||
			a.Addr().IsLoopback() != f.Remote.Addr().IsLoopback() && f.Transport == subscription.UDP {
			continue
		}
		if a.Addr() == from {
			return a
		}
		if !best.IsValid() {
			best = a
		}
	}
	if !best.IsValid() {
		best = netip.AddrPortFrom(from, 0)
	}
	return best
}

// readdress makes the tables of PBXs by address anew.
func (e *Edge) readdress() {
	t := &addresses{exact: map[flowEnd]*peer{}, hosts: map[netip.Addr]*peer{}}
	for _, p := range e.peers {
		if f := p.flow.Load(); f != nil {
			t.exact[flowEnd{f.Transport, f.Remote}] = p
			if p.LargeByTCP {
				t.exact[flowEnd{subscription.TCP, f.Remote}] = p
			}
			// A loopback address is no PBX's alone.
			if !f.Remote.Addr().IsLoopback() {
				t.hosts[f.Remote.Addr()] = p
			}
		}
	}
	e.addresses.Store(t)
}

type flowEnd struct {
	transport subscription.Transport
	addr      netip.AddrPort
}

type addresses struct {
	exact map[flowEnd]*peer
	hosts map[netip.Addr]*peer // by which PBXs connect to us
}

// peerOf is the PBX that a message came from; nil if from anybody else.
func (e *Edge) peerOf(f notifier.Flow) *peer {
	t := e.addresses.Load()
	if p := t.exact[flowEnd{f.Transport, f.Remote}]; p != nil {
		return p
	}
	if f.Transport.Stream() {
		return t.hosts[f.Remote.Addr()]
	}
	return nil
}

// send writes to a PBX; what must wait for its connection is kept a while.
func (e *Edge) send(p *peer, msg []byte) error {
	f := p.flow.Load()
	if f == nil {
		return notifier.ErrNoFlow
	}
	if !f.Transport.Stream() {
		return e.net.Send(*f, msg)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err := e.net.Send(*f, msg)
	if err == notifier.ErrConnecting && len(p.waiting) < maxWaiting { //nolint:errorlint // it is returned bare
		p.waiting = append(p.waiting, queued{append([]byte(nil), msg...), time.Now()})
		return nil
	}
	return err
}

// forget takes out of what waits for a PBX's connection what another PBX is asked now.
func (p *peer) forget(msg []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = slices.DeleteFunc(p.waiting, func(q queued) bool { return bytes.Equal(q.msg, msg) })
}

// connected sends what waited for a connection, unless its sender has given up.
func (e *Edge) connected(f notifier.Flow) {
	for _, p := range e.peers {
		if own := p.flow.Load(); own == nil || *own != f {
			continue
		}
		p.mu.Lock()
		for _, q := range p.waiting {
			if time.Since(q.at) < e.config.Timers.B {
				_ = e.net.Send(f, q.msg)
			}
		}
		p.waiting = nil
		p.mu.Unlock()
	}
}
