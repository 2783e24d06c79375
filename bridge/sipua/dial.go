package sipua

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// errDialBusy: too many dials are under way; the message counts as failed.
var errDialBusy = errors.New("sipua: too many connections are being opened")

// maxFailed bounds the addresses remembered as not answering.
const maxFailed = 10_000

// dialer opens connections to phones whose own one is gone. It is safe for concurrent use.
type dialer struct {
	set    *streams
	orders chan dialOrder // never blocks: pending bounds it
	// accept finds the listener whose reader takes the connection of a flow; nil = there
	// is none. It is set before run.
	accept func(notifier.Flow) chan<- net.Conn

	mu      sync.Mutex // guards all below
	pending map[notifier.Flow]struct{}
	// failed are addresses not to be tried before the time given.
	failed map[netip.AddrPort]time.Time
}

type dialOrder struct {
	flow notifier.Flow
	to   contact
}

func newDialer(set *streams) *dialer {
	return &dialer{
		set: set, orders: make(chan dialOrder, set.limits.Dials),
		pending: make(map[notifier.Flow]struct{}), failed: make(map[netip.AddrPort]time.Time),
	}
}

// dial begins to open the flow to where its phone listens, unless that is under way or
// failed just now.
func (d *dialer) dial(f notifier.Flow, to contact) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.pending[f]; ok {
		return notifier.ErrConnecting
	}
	until, failed := d.failed[to.addr]
	if failed && time.Now().Before(until) || !to.addr.IsValid() || to.addr.Port() == 0 {
		return notifier.ErrNoFlow
	}
	delete(d.failed, to.addr)
	if len(d.pending) >= d.set.limits.Dials {
		d.set.metrics.dials.WithLabelValues("busy").Inc()
		return errDialBusy
	}
	d.pending[f] = struct{}{}
	d.orders <- dialOrder{f, to}
	return notifier.ErrConnecting
}

// run carries orders out until ctx ends, and waits for what it began.
func (d *dialer) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case o := <-d.orders:
			wg.Go(func() { d.carryOut(ctx, o) })
		case <-ctx.Done():
			return
		}
	}
}

func (d *dialer) carryOut(ctx context.Context, o dialOrder) {
	ctx, cancel := context.WithTimeout(ctx, d.set.timeouts.Dial)
	defer cancel()
	conn, err := d.connect(ctx, o)
	up := err == nil && d.handOver(ctx, conn, o.flow)
	result := "ok"
	d.mu.Lock()
	delete(d.pending, o.flow)
	if !up {
		result = "failed"
		d.remember(o.to)
	}
	d.mu.Unlock()
	d.set.metrics.dials.WithLabelValues(result).Inc()
	r := d.set.screener.relay
	if !up {
		if r != nil {
			r.FlowFailed(o.flow)
		}
		return
	}
	if n := d.set.screener.notifier.Load(); n != nil {
		(*n).FlowUp(o.flow)
	}
	if r != nil {
		r.FlowUp(o.flow)
	}
}

// connect opens a connection and carries out its handshake.
func (d *dialer) connect(ctx context.Context, o dialOrder) (greeted, error) {
	conn, err := connect(ctx, o.flow.Local.Addr(), o.to.addr)
	if err != nil || o.flow.Transport != subscription.TLS {
		return greeted{Conn: conn, tcp: conn}, err
	}
	c := tls.Client(conn, d.set.clientTLS(o.to))
	if err := c.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		d.set.screener.quiet.warn("dial_tls", "a phone or proxy was called over TLS in vain", "remote", o.to.addr.String(),
			"name", o.to.name, "error", err)
		return greeted{}, err
	}
	return greeted{Conn: c, tcp: conn, names: verifiedNames(c.ConnectionState())}, nil
}

// connect opens a connection from the given address, or from any if that is not ours any more.
func connect(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	nd := net.Dialer{}
	if from.IsValid() && !from.IsUnspecified() {
		nd.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	conn, err := nd.DialContext(ctx, "tcp", to.String())
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		nd.LocalAddr = nil
		conn, err = nd.DialContext(ctx, "tcp", to.String())
	}
	return conn, err
}

// handOver gives the connection to a listener, through which sipgo reads it.
func (d *dialer) handOver(ctx context.Context, conn greeted, f notifier.Flow) bool {
	var accepted chan<- net.Conn
	if d.accept != nil {
		accepted = d.accept(f)
	}
	if accepted == nil {
		_ = conn.tcp.Close()
		return false
	}
	c := d.set.add(conn, f, true)
	if c == nil {
		return false
	}
	select {
	case accepted <- c:
		return true
	case <-ctx.Done():
		c.end(closedError)
		return false
	}
}

// remember keeps an address from being tried again soon; if there are too many, any
// other one is forgotten. The lock is held.
func (d *dialer) remember(to contact) {
	if len(d.failed) >= maxFailed {
		for k := range d.failed {
			delete(d.failed, k)
			break
		}
	}
	d.failed[to.addr] = time.Now().Add(cmp.Or(to.retry, d.set.timeouts.DialRetry))
}
