package sipua

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

var (
	// ErrServe is wrapped by Run if a socket stopped being served.
	ErrServe = errors.New("sipua: a listener failed")
	// ErrNoSocket: no UDP socket of ours can reach the peer of a flow.
	ErrNoSocket = errors.New("sipua: no socket for that address")
	// ErrNoNotifier: Run was called before SetNotifier.
	ErrNoNotifier = errors.New("sipua: no notifier was set")
)

// Server is the SIP side: it implements notifier.Transport. Its methods are safe for
// concurrent use.
type Server struct {
	config    Config
	lifetimes lifetimes
	log       *slog.Logger
	quiet     *quietLog
	metrics   *metrics
	screener  *screener
	quick     *quick
	streams   *streams
	order     *order
	hangups   *hangups
	tenants   *tenantLimiter
	calm      *gauge // of new subscriptions
	turnedOff *gauge // of 503s to what the notifier would turn away
	verifier  verifier

	advertisedHost string
	advertisedPort uint16

	// Set by New, then only read.
	addresses []Listen
	localIPs  map[netip.Addr]bool
	texts     map[netip.AddrPort]string // of the addresses bound
	sockets   map[netip.AddrPort]*udpSocket
	beside    []*udpSocket // of the same addresses: they only read
	listeners []*streamListener
	agent     *sipgo.UserAgent
	stack     *sipgo.Server
	// subscriber is set before Run; nil if there is none.
	subscriber Subscriber

	stopping chan struct{}
	expected atomic.Int32 // SUBSCRIBEs that wait for their phone's registration
	mu       sync.Mutex   // guards stopped; handlers.Add happens under it
	stopped  bool
	handlers sync.WaitGroup
}

var (
	_ notifier.Transport = (*Server)(nil)
	_ notifier.Restorer  = (*Server)(nil)
	_ notifier.Diverter  = (*Server)(nil)
	_ notifier.Batcher   = (*Server)(nil)
)

// ShareNonces lets digest nonces of this server hold at others that have the same secret (32
// bytes or more), and theirs here. It must be called before Run.
func (s *Server) ShareNonces(secret []byte) { s.verifier.nonces.secret = secret }

// New checks the configuration and binds the sockets, so that a port in use is known at
// once. Nothing is read before Run. A Server that is not Run must be Closed.
func New(c Config) (*Server, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	m, err := newMetrics(c.Registerer)
	if err != nil {
		return nil, fmt.Errorf("sipua: metrics: %w", err)
	}
	s := &Server{
		config: c, log: c.Logger, metrics: m, order: newOrder(), hangups: newHangups(), tenants: newTenantLimiter(c.Limits.PerTenant),
		// Beyond, they are not answered: phones repeat them, ever more seldom.
		calm: newGauge(c.Limits.Calm), turnedOff: newGauge(Rate{5000, 5000}),
		lifetimes: lifetimes{c.MinExpires, c.MaxExpires, c.DefaultExpires},
		quiet:     newQuietLog(c.Logger, 10*time.Second),
		verifier:  verifier{newNonces(c.NonceSecret)},
		localIPs:  make(map[netip.Addr]bool), texts: make(map[netip.AddrPort]string), sockets: make(map[netip.AddrPort]*udpSocket),
		stopping: make(chan struct{}),
	}
	s.advertisedHost, s.advertisedPort, _ = parseSentBy(c.Advertise)
	s.screener = &screener{
		limits: newLimiter(c.Limits.PerSource, c.Limits.Total),
		// Enough for real peers' mistakes, too little to be worth reflecting.
		replies:  newLimiter(Rate{50, 200}, Rate{1000, 2000}),
		natForce: c.NAT == NATSource, seed: maphash.MakeSeed(), metrics: m, log: c.Logger, quiet: s.quiet,
	}
	s.quick = newQuick(s)
	if !c.LongWay {
		s.screener.quick = s.quick
	}
	s.order.elsewhere = func(q *ask) bool { return s.quick.merged(s.quick.mergeOf(q.fromTag, q.callID, q.cseq)) }
	s.streams = newStreams(s.screener, &s.config.Limits, &s.config.Timeouts, m)
	s.streams.dialer.accept, s.streams.dialTLS, s.streams.gone = s.acceptorFor, c.DialTLS, s.order.gone
	s.agent, s.stack, err = newStack(c.Logger, m, s.arrived, s.stray)
	if err != nil {
		return nil, fmt.Errorf("sipua: %w", err)
	}
	for method := range knownMethods {
		s.stack.OnRequest(sip.RequestMethod(method), s.handle)
	}
	s.stack.OnNoRoute(s.handle)
	if err := s.bind(); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// SetNotifier says whom SUBSCRIBEs and answers to NOTIFYs go to. It must be called once,
// before Run.
func (s *Server) SetNotifier(n Notifier) { s.screener.notifier.Store(&n) }

// Addrs are the addresses bound, wildcards expanded and ports chosen, in the order of
// the configuration.
func (s *Server) Addrs() []Listen { return slices.Clone(s.addresses) }

// Run serves until ctx ends, or a listener fails: then it returns an error that wraps
// ErrServe, since a server deaf on one address is worse than one that is restarted.
func (s *Server) Run(ctx context.Context) error {
	if s.screener.notifier.Load() == nil {
		_ = s.Close()
		return ErrNoNotifier
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	failed := make(chan error, len(s.sockets)+len(s.beside)+2*len(s.listeners))
	serve := func(l Listen, run func() error) {
		wg.Go(func() {
			err := run()
			failed <- fmt.Errorf("%w: %s %s: %w", ErrServe, l.Transport, l.Addr, orClosed(err))
		})
	}
	for _, u := range slices.AppendSeq(slices.Clone(s.beside), maps.Values(s.sockets)) {
		serve(Listen{subscription.UDP, u.local}, func() error { return s.stack.ServeUDP(u) })
	}
	for _, l := range s.listeners {
		serve(Listen{l.transport, l.local}, l.run)
		serve(Listen{l.transport, l.local}, func() error { return s.stack.ServeTCP(l) })
	}
	wg.Go(func() { s.streams.dialer.run(inner) })
	wg.Go(func() { s.streams.ping(inner) })
	wg.Go(func() { s.quick.run(inner) })
	s.log.Info("SUBSCRIBEs are served", "sockets", len(s.addresses))
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	_ = s.Close()
	wg.Wait()
	return err
}

// orClosed: sipgo's ServeUDP returns nil when its reader ends.
func orClosed(err error) error {
	if err == nil {
		return net.ErrClosed
	}
	return err
}

// Close ends Run, or frees the sockets of a Server that was not Run. Requests under way
// are not answered any more. It may be called again.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return nil
	}
	s.stopped = true
	s.mu.Unlock()
	close(s.stopping)
	var errs []error
	for _, u := range slices.AppendSeq(slices.Clone(s.beside), maps.Values(s.sockets)) {
		errs = append(errs, u.Close())
	}
	for _, l := range s.listeners {
		errs = append(errs, l.Close())
	}
	s.streams.stop()
	s.handlers.Wait()
	errs = append(errs, s.agent.Close())
	return errors.Join(errs...)
}

// enter counts a handler; false while stopping.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.handlers.Add(1)
	return true
}

// arrived is called by the readers for each message, in wire order.
func (s *Server) arrived(msg sip.Message) {
	req, ok := msg.(*sip.Request)
	if !ok {
		return
	}
	// sipgo parses a header when it is first asked for it, and asks by its timer for the 100
	// beside our handler: here nobody else has the request yet.
	req.Via()
	req.From()
	req.To()
	req.CallID()
	req.CSeq()
	s.order.arrived(req)
}

// Send implements notifier.Transport.
func (s *Server) Send(f notifier.Flow, msg []byte) error {
	if f.Transport.Stream() {
		return s.streams.send(f, msg)
	}
	u := s.socketFor(f.Local, f.Remote)
	if u == nil {
		return fmt.Errorf("%w: %s", ErrNoSocket, f.Remote)
	}
	trace(s.log, "out", packet{msg, f.Transport, u.local, f.Remote})
	return u.send(msg, f.Remote)
}

// HangUp implements notifier.HangerUp.
func (s *Server) HangUp(f notifier.Flow) { s.streams.hangUp(f) }

// acceptorFor finds the listener whose reader takes a connection that we opened.
func (s *Server) acceptorFor(f notifier.Flow) chan<- net.Conn {
	var any chan<- net.Conn
	for _, l := range s.listeners {
		if l.transport != f.Transport {
			continue
		}
		if l.local == f.Local {
			return l.accepted
		}
		any = l.accepted
	}
	return any
}
