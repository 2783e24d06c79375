package sipua

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// greeted is a connection after its handshakes.
type greeted struct {
	net.Conn          // what is read and written
	tcp      net.Conn // the TCP connection beneath
	names    []string // of the peer's verified certificate
	ws       bool     // SIP messages come and go in WebSocket frames
	proxied  bool     // a WebSocket that an HTTP proxy passed on
	rest     []byte   // read already
}

// greeter carries out the handshakes of connections that came in, each in a goroutine of
// its own and under a deadline, so that who says nothing holds up nobody. It bounds how
// many are under way, in all and per source. It is safe for concurrent use.
type greeter struct {
	set *streams
	wg  sync.WaitGroup

	mu      sync.Mutex // guards all below
	pending map[net.Conn]struct{}
	sources map[netip.Addr]int
	stopped bool
}

func newGreeter(set *streams) *greeter {
	return &greeter{set: set, pending: make(map[net.Conn]struct{}), sources: make(map[netip.Addr]int)}
}

// greet begins the handshakes of a connection and hands it to then when they are done,
// still in their goroutine. The connection is closed if there are too many or they fail.
func (g *greeter) greet(conn net.Conn, f notifier.Flow, shake func(context.Context, net.Conn) (greeted, error), then func(greeted)) {
	if refused := g.begin(conn, f.Remote.Addr()); refused != "" {
		g.set.refuse(conn, f, refused)
		return
	}
	g.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), g.set.timeouts.Handshake)
		defer cancel()
		// The one deadline stands for all that is read and written until the end.
		_ = conn.SetDeadline(time.Now().Add(g.set.timeouts.Handshake))
		c, err := shake(ctx, conn)
		stopped := g.end(conn, f.Remote.Addr())
		g.set.metrics.handshakes.WithLabelValues(f.Transport.String(), handshakeResult(err)).Inc()
		if err != nil || stopped {
			_ = conn.Close()
			if !stopped && !errors.Is(err, io.EOF) { // a port check says nothing
				g.set.screener.quiet.warn("handshake", "a handshake failed", "transport", f.Transport.String(),
					"remote", f.Remote.String(), "error", err)
			}
			return
		}
		_ = conn.SetDeadline(time.Time{})
		then(c)
	})
}

// begin counts a connection; it says why there is no room for it.
func (g *greeter) begin(conn net.Conn, source netip.Addr) (refused string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.stopped:
		return "stopping"
	case len(g.pending) >= g.set.limits.Handshakes, g.sources[source] >= g.set.limits.HandshakesPerSource:
		return "handshakes"
	case g.set.full(source, len(g.pending), g.sources[source]):
		return "source"
	}
	g.pending[conn] = struct{}{}
	g.sources[source]++
	return ""
}

func (g *greeter) end(conn net.Conn, source netip.Addr) (stopped bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.pending, conn)
	if g.sources[source]--; g.sources[source] <= 0 {
		delete(g.sources, source)
	}
	return g.stopped
}

// stop ends all handshakes and waits for them.
func (g *greeter) stop() {
	g.mu.Lock()
	g.stopped = true
	for conn := range g.pending {
		_ = conn.Close()
	}
	g.mu.Unlock()
	g.wg.Wait()
}

func handshakeResult(err error) string {
	switch {
	case err == nil:
		return "ok"
	case isTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "failed"
}

// shaker returns the handshakes of a transport; nil for one that has none.
func (s *Server) shaker(t subscription.Transport) func(context.Context, net.Conn) (greeted, error) {
	switch t {
	case subscription.TLS:
		return s.shakeTLS
	case subscription.WS:
		return s.shakeWS
	case subscription.WSS:
		return s.shakeWSS
	}
	return nil
}

// shakeTLS is the server's side of a TLS handshake.
func (s *Server) shakeTLS(ctx context.Context, conn net.Conn) (greeted, error) {
	c := tls.Server(conn, s.config.TLS)
	if err := c.HandshakeContext(ctx); err != nil {
		return greeted{}, err
	}
	return greeted{Conn: c, tcp: conn, names: verifiedNames(c.ConnectionState())}, nil
}
