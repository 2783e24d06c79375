package replicatest

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"blfbridge/bridge/siptest"
)

// Wires are what lies between the phones and the replicas: each replica's can be cut, and a
// phone may go to another replica, as a load balancer would let it.
type Wires struct {
	mu      sync.Mutex // guards what follows
	cut     map[string]bool
	changed chan struct{} // closed and renewed when cut changes
}

func newWires() *Wires { return &Wires{cut: map[string]bool{}, changed: make(chan struct{})} }

// Cut drops whatever goes from or to the replica with this SIP address.
func (w *Wires) Cut(addr string, yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[addr] = yes
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *Wires) state(addr string) (cut bool, changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut[addr], w.changed
}

// socket is a phone's UDP socket: requests go to the replica that is its home, responses to
// who asked (RFC 3261 §18.2.2), and nothing passes a wire that is cut.
type socket struct {
	net.PacketConn
	wires *Wires
	home  atomic.Pointer[net.UDPAddr]
}

func newSocket(t T, w *Wires, host, home string) *socket {
	t.Helper()
	c, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := &socket{PacketConn: c, wires: w}
	s.goTo(home)
	return s
}

func (s *socket) goTo(home string) {
	a, err := net.ResolveUDPAddr("udp", home)
	if err != nil {
		panic(err) // our own replica's address
	}
	s.home.Store(a)
}

func (s *socket) WriteTo(b []byte, _ net.Addr) (int, error) {
	to := s.home.Load() // as a load balancer would choose
	if bytes.HasPrefix(b, []byte("SIP/2.0 ")) {
		if a := askedBy(b); a != nil {
			to = a
		}
	}
	if cut, _ := s.wires.state(to.String()); cut {
		return len(b), nil
	}
	if _, err := s.PacketConn.WriteTo(b, to); err != nil {
		return 0, err
	}
	return len(b), nil
}

// askedBy is where the topmost Via wants the response.
func askedBy(b []byte) *net.UDPAddr {
	m, err := siptest.ParseMessage(b)
	if err != nil {
		return nil
	}
	return viaAddr(m)
}

// viaAddr is the address in the topmost Via.
func viaAddr(m *siptest.Message) *net.UDPAddr {
	_, by, _ := strings.Cut(m.Get("Via"), " ")
	by, _, _ = strings.Cut(by, ";")
	a, err := net.ResolveUDPAddr("udp", strings.TrimSpace(by))
	if err != nil {
		return nil
	}
	return a
}

func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.PacketConn.ReadFrom(b)
		if err != nil {
			return n, from, err
		}
		if cut, _ := s.wires.state(from.String()); cut {
			continue
		}
		return n, from, nil
	}
}

// stream is a phone's connection to one replica: while the wire is cut it hangs, and what is
// written then is lost with it.
type stream struct {
	net.Conn
	wires *Wires
	to    string
	over  chan struct{} // closed when the connection is
	once  sync.Once
	// broken: something was lost.
	broken atomic.Bool
	ended  func() // told when the replica ends it
}

func dialStream(ctx context.Context, w *Wires, to string) (*stream, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		return nil, err
	}
	return &stream{Conn: c, wires: w, to: to, over: make(chan struct{})}, nil
}

// passes waits until the wire is whole or the connection over.
func (s *stream) passes() {
	for {
		cut, changed := s.wires.state(s.to)
		if !cut {
			return
		}
		select {
		case <-changed:
		case <-s.over:
			return
		}
	}
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.passes()
	if s.broken.Load() {
		_ = s.Conn.Close()
		n, err = 0, net.ErrClosed
	}
	select {
	case <-s.over: // by us
	default:
		if err != nil {
			s.ended()
		}
	}
	return n, err
}

func (s *stream) Write(b []byte) (int, error) {
	if cut, _ := s.wires.state(s.to); cut {
		s.broken.Store(true)
		return len(b), nil
	}
	return s.Conn.Write(b)
}

func (s *stream) Close() error {
	s.once.Do(func() { close(s.over) })
	return s.Conn.Close()
}
