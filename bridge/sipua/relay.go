package sipua

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// Packet is one whole message and the flow it came by.
type Packet struct {
	Msg  []byte
	Flow notifier.Flow
}

// Relay is the proxy that takes what is not the server's own (package edge). Its methods
// are called by the readers and must not block.
type Relay interface {
	// Take is offered every message of a flow, in wire order, before anything else looks at
	// it but the search for answers to NOTIFYs. True: it is done with. Msg is its own until
	// it returns; it may unfold header lines in it, but what it leaves must mean the same.
	Take(Packet) bool
	// FlowClosed says that a stream connection is gone, FlowUp that one is there which
	// Send began to open, FlowFailed that it could not be opened.
	FlowClosed(notifier.Flow)
	FlowUp(notifier.Flow)
	FlowFailed(notifier.Flow)
}

// SetRelay says who takes what is not ours. It must be called before Run, if at all.
func (s *Server) SetRelay(r Relay) { s.screener.relay = r }

// Write sends like Send, but over a connection that is there, or not at all.
func (s *Server) Write(f notifier.Flow, msg []byte) error {
	if !f.Transport.Stream() {
		return s.Send(f, msg)
	}
	return s.streams.write(f, msg)
}

// peerRetry is when a connection to a server is tried again.
const peerRetry = 2 * time.Second

// Peer makes a server known that Send opens connections to: by the name that its
// certificate must have, and again soon if it does not answer. adapt, unless nil, changes
// the configuration of TLS connections to that address by that name, whoever needs them
// (a trunk may lead to a PBX). It is forgotten when too many others are learnt; say it now
// and then.
func (s *Server) Peer(f notifier.Flow, name string, adapt func(*tls.Config)) {
	if f.Transport.Stream() {
		s.streams.learn(f, contact{addr: f.Remote, name: name, retry: peerRetry})
	}
	if f.Transport == subscription.TLS {
		s.streams.serve(f.Remote, tlsServer{name, adapt})
	}
}

// Allow takes one request off the rate of a source, and of all together.
func (s *Server) Allow(source netip.Addr) bool {
	if s.screener.limits.allow(source) {
		return true
	}
	s.metrics.dropped.WithLabelValues(faultRate.reason).Inc()
	return false
}

// Advertised is the host:port by which peers reach a socket.
func (s *Server) Advertised(local netip.AddrPort) string { return s.advertised(local) }

// relayed offers a message to the relay.
func (s *screener) relayed(in *packet) bool {
	return s.relay != nil && s.relay.Take(Packet{in.msg, notifier.Flow{Transport: in.transport, Local: in.local, Remote: in.remote}})
}

// write puts msg into the queue of a connection that is open.
func (s *streams) write(f notifier.Flow, msg []byte) error {
	c := s.find(f)
	if c == nil {
		return notifier.ErrNoFlow
	}
	if _, err := c.Write(msg); err != nil {
		return fmt.Errorf("%w: %w", notifier.ErrNoFlow, err)
	}
	return nil
}
