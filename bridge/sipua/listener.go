package sipua

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// streamListener is a net.Listener for sipgo's ServeTCP: it accepts what came in and
// what was dialled alike, and refuses what is too much. Handshakes are over before a
// connection is handed on.
type streamListener struct {
	ln        *net.TCPListener
	transport subscription.Transport
	local     netip.AddrPort
	set       *streams
	// shake carries out the handshakes of the transport; nil = it has none.
	shake    func(context.Context, net.Conn) (greeted, error)
	accepted chan net.Conn
	done     chan struct{}
	once     sync.Once
}

func newStreamListener(ln *net.TCPListener, t subscription.Transport, set *streams) *streamListener {
	local := ln.Addr().(*net.TCPAddr).AddrPort()
	return &streamListener{
		ln: ln, transport: t, set: set, accepted: make(chan net.Conn), done: make(chan struct{}),
		local: netip.AddrPortFrom(local.Addr().Unmap(), local.Port()),
	}
}

// run accepts until the listener is closed. Its error is fatal.
func (l *streamListener) run() error {
	backoff := time.Millisecond
	for {
		conn, err := l.ln.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			// Out of file descriptors or a connection that was reset: it passes.
			l.set.screener.quiet.warn("accept", "accepting a connection failed", "local", l.local.String(), "error", err)
			select {
			case <-time.After(backoff):
			case <-l.done:
				return net.ErrClosed
			}
			backoff = min(2*backoff, time.Second)
			continue
		}
		backoff = time.Millisecond
		remote := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
		f := notifier.Flow{
			Transport: l.transport, Local: l.local,
			Remote: netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port()),
		}
		if l.shake == nil {
			l.hand(greeted{Conn: conn, tcp: conn}, f)
			continue
		}
		l.set.greeter.greet(conn, f, l.shake, func(g greeted) { l.hand(g, f) })
	}
}

// hand waits until sipgo takes the connection.
func (l *streamListener) hand(g greeted, f notifier.Flow) {
	c := l.set.add(g, f, false)
	if c == nil {
		return
	}
	select {
	case l.accepted <- c:
	case <-l.done:
		c.end(closedStop)
	}
}

// Accept returns the next connection.
func (l *streamListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and run.
func (l *streamListener) Close() (err error) {
	l.once.Do(func() {
		close(l.done)
		err = l.ln.Close()
	})
	return err
}

// Addr is the bound address.
func (l *streamListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }
