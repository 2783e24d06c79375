package sipua

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// streams are all stream connections, by flow. It is safe for concurrent use.
type streams struct {
	screener *screener
	limits   *Limits
	timeouts *Timeouts
	metrics  *metrics
	dialTLS  func(name string) *tls.Config // nil = TLS is not dialled
	dialer   *dialer
	greeter  *greeter
	gone     func(source string) // told when sipgo reads no more of a connection
	wg       sync.WaitGroup      // writers, and ends that say goodbye

	mu      sync.Mutex // guards all below
	conns   map[notifier.Flow]*streamConn
	sources map[netip.Addr]int
	// contacts are where phones listen that subscribed over a connection of theirs.
	contacts map[notifier.Flow]contact
	// servers are how those are called over TLS that Peer made known, by their addresses.
	servers map[netip.AddrPort]tlsServer
	lastID  uint64
	stopped bool
}

// contact is where a phone can be dialled.
type contact struct {
	addr netip.AddrPort
	name string // that its certificate must have
	// retry is when it is tried again after a failure; 0 = as the configuration has it.
	retry time.Duration
}

// tlsServer is whom a certificate must be for, and what then changes the configuration of a
// TLS connection there.
type tlsServer struct {
	name  string
	adapt func(*tls.Config)
}

// maxContacts bounds streams.contacts; a phone that falls out is not dialled.
const maxContacts = 1 << 16

func newStreams(s *screener, limits *Limits, timeouts *Timeouts, m *metrics) *streams {
	st := &streams{
		screener: s, limits: limits, timeouts: timeouts, metrics: m,
		conns: make(map[notifier.Flow]*streamConn), sources: make(map[netip.Addr]int),
		contacts: make(map[notifier.Flow]contact), servers: make(map[netip.AddrPort]tlsServer), gone: func(string) {},
	}
	st.dialer, st.greeter = newDialer(st), newGreeter(st)
	return st
}

// add takes a connection in; nil, and the connection closed, if there are too many.
// dialled ones do not count against their peer.
func (s *streams) add(conn greeted, f notifier.Flow, dialled bool) *streamConn {
	c := &streamConn{greeted: conn, flow: f, set: s}
	refused := ""
	var old *streamConn
	s.mu.Lock()
	source := f.Remote.Addr()
	switch {
	case s.stopped:
		refused = "stopping"
	case len(s.conns) >= s.limits.Connections:
		refused = "total"
	case !dialled && s.sources[source] >= s.limits.ConnectionsPerSource:
		refused = "source"
	default:
		old = s.conns[f]
		s.lastID++
		c.id = s.lastID
		s.conns[f] = c
		s.sources[source]++
	}
	s.mu.Unlock()
	if old != nil {
		// The peer uses its port again, and we have not read yet that it had hung up.
		old.end(closedByPeer)
	}
	if refused != "" {
		s.refuse(conn.tcp, f, refused)
		return nil
	}
	// A WebSocket has spoken HTTP; it may wait for its user.
	c.spoken, c.raw = dialled || c.ws, c.rest
	s.metrics.connections.WithLabelValues(f.Transport.String()).Inc()
	return c
}

// refuse closes a connection that came when there were too many.
func (s *streams) refuse(conn net.Conn, f notifier.Flow, reason string) {
	s.metrics.refused.WithLabelValues(reason).Inc()
	s.screener.quiet.warn("conn_"+reason, "a connection was refused", "reason", reason,
		"transport", f.Transport.String(), "remote", f.Remote.String())
	_ = conn.Close()
}

// full reports whether a connection of that source would be refused, counting those that
// are in their handshakes.
func (s *streams) full(source netip.Addr, pending, pendingOfSource int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)+pending >= s.limits.Connections || s.sources[source]+pendingOfSource >= s.limits.ConnectionsPerSource
}

// find returns the connection of a flow; nil if it is gone.
func (s *streams) find(f notifier.Flow) *streamConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[f]
}

// hangUp ends a connection, if it stands.
func (s *streams) hangUp(f notifier.Flow) {
	if c := s.find(f); c != nil {
		c.end(closedStop)
	}
}

// remove is called once per connection, by its Close.
func (s *streams) remove(c *streamConn, reason string) {
	source := c.flow.Remote.Addr()
	s.mu.Lock()
	replaced := s.conns[c.flow] != c
	if !replaced {
		delete(s.conns, c.flow)
	}
	if s.sources[source]--; s.sources[source] <= 0 {
		delete(s.sources, source)
	}
	stopped := s.stopped
	s.mu.Unlock()
	s.metrics.connections.WithLabelValues(c.flow.Transport.String()).Dec()
	if stopped {
		reason = closedStop
	}
	s.metrics.closed.WithLabelValues(reason).Inc()
	if reason == closedStalled {
		s.screener.quiet.warn("stalled", "a peer that does not read was cut off", "remote", c.flow.Remote.String())
	}
	if stopped {
		return
	}
	if r := s.screener.relay; r != nil {
		r.FlowClosed(c.flow)
	}
	if n := s.screener.notifier.Load(); n != nil && !replaced {
		(*n).FlowClosed(c.flow)
	}
}

// send writes to the connection of a flow, or begins to dial one.
func (s *streams) send(f notifier.Flow, msg []byte) error {
	if s.write(f, msg) == nil {
		return nil
	}
	to, ok := s.contact(f)
	if !ok {
		return notifier.ErrNoFlow
	}
	return s.dialer.dial(f, to)
}

// learn notes where the phone of a flow can be dialled when its connection is gone.
func (s *streams) learn(f notifier.Flow, to contact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.contacts[f]; !known && len(s.contacts) >= maxContacts {
		for other := range s.contacts {
			delete(s.contacts, other)
			break
		}
	}
	s.contacts[f] = to
}

// serve notes how a server is called over TLS; whoever calls it by that name does so.
func (s *streams) serve(addr netip.AddrPort, server tlsServer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.servers) >= maxContacts {
		clear(s.servers) // of addresses long past; each is told again now and then
	}
	s.servers[addr] = server
}

// clientTLS is the configuration of a connection to a phone or server.
func (s *streams) clientTLS(to contact) *tls.Config {
	config := s.dialTLS(to.name)
	s.mu.Lock()
	server := s.servers[to.addr]
	s.mu.Unlock()
	if server.adapt != nil && server.name == to.name {
		server.adapt(config)
	}
	return config
}

// contact says where the phone of a flow can be dialled; ok is false if it cannot. A
// browser never can.
func (s *streams) contact(f notifier.Flow) (to contact, ok bool) {
	if !dialled(f.Transport) || f.Transport == subscription.TLS && s.dialTLS == nil {
		return to, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if to, ok = s.contacts[f]; ok {
		return to, true
	}
	// Of a record from before a restart, or a flow that was never up.
	return contact{addr: f.Remote, name: f.Remote.Addr().String()}, true
}

// dialled reports whether connections of a transport are opened by us too.
func dialled(t subscription.Transport) bool { return t == subscription.TCP || t == subscription.TLS }

// pingsMissed is how many pings a WebSocket may leave unanswered.
const pingsMissed = 3

// ping keeps WebSockets open through proxies and NATs until ctx ends, and finds those whose
// peer is gone: browsers cannot ping by themselves.
func (s *streams) ping(ctx context.Context) {
	tick := time.NewTicker(s.timeouts.Ping)
	defer tick.Stop()
	frame := ws.MustCompileFrame(ws.NewPingFrame(nil))
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var all []*streamConn
		s.mu.Lock()
		for _, c := range s.conns {
			if c.ws {
				all = append(all, c)
			}
		}
		s.mu.Unlock()
		for _, c := range all {
			_ = c.enqueue(frame) // one that has ended is not pinged
		}
	}
}

// stop closes all connections and waits for their writers. The dialer has ended before.
func (s *streams) stop() {
	s.mu.Lock()
	s.stopped = true
	all := make([]*streamConn, 0, len(s.conns))
	for _, c := range s.conns {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		c.end(closedStop)
	}
	s.greeter.stop()
	s.wg.Wait()
}
