package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge/clock"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/pickup"
	"blfbridge/bridge/sipua"
	"blfbridge/bridge/subscription"
)

// Network is what the edge sends by; *sipua.Server is one. No method blocks, and all are
// called from any goroutine.
type Network interface {
	// Send writes to a flow, and opens its connection if there is none: then
	// notifier.ErrConnecting, and FlowUp follows.
	Send(notifier.Flow, []byte) error
	// Write is Send that opens nothing: notifier.ErrNoFlow.
	Write(notifier.Flow, []byte) error
	// Peer makes a server known to which Send opens connections, the name in its
	// certificate, and what changes the configuration of its TLS connections.
	Peer(f notifier.Flow, name string, adapt func(*tls.Config))
	// Advertised is host:port by which phones reach a socket.
	Advertised(local netip.AddrPort) string
	// Ours reports whether a host is us.
	Ours(host string) bool
	// Dialled reports whether a call to that URI is the server's own.
	Dialled(uri []byte) bool
	// Allow takes a request of that source's rate.
	Allow(source netip.Addr) bool
	Addrs() []sipua.Listen
}

// Resolver looks up the host names of PBXs; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// PBX is one that requests are relayed to.
type PBX struct {
	Name      string
	Transport subscription.Transport // UDP, TCP or TLS
	Host      string                 // name or address
	Port      uint16
	// TLS changes the configuration of each connection over TLS; nil = nothing.
	TLS func(*tls.Config)
	// Tenant is whose domains it serves first; empty = it is nobody's own.
	Tenant string
	// LargeByTCP: a request of more than 1300 bytes goes by TCP, to the same port, if the PBX
	// takes a connection (RFC 3261 §18.1.1). Only with UDP, and if Network has a TCP socket.
	LargeByTCP bool
}

// Route says which PBXs serve a domain.
type Route struct {
	Domain string   // of the request URI, or of From where that names us; lower case
	PBX    []string // names, in the order they are tried
}

// Timers bound waiting. A zero field takes its default.
type Timers struct {
	// T1 (500 ms), T2 (4 s) and B (32 s) are RFC 3261's; C (190 s) is how long a call may
	// ring without a word, more than three minutes.
	T1, T2, B, C time.Duration
	// Failover (4 s) is how long a PBX may say nothing to a request that another could serve.
	Failover time.Duration
	// Return (20 s) is how long a request within a call waits for its phone to register
	// again.
	Return time.Duration
	// Pickup (2 s) is how long a pickup waits for the PBX to tell which call it takes.
	Pickup time.Duration
	// Check (10 s) is between two OPTIONS to each PBX.
	Check time.Duration
}

// Config is what New needs. PBX, Key and Network are required.
type Config struct {
	PBX []PBX
	// Routes are those of single domains. One without a route has the PBXs of its tenant, else
	// those of no tenant, else all, in their order.
	Routes []Route
	// Tenant tells whose a domain is, false for nobody's; nil = tenants do not count. It must
	// not block.
	Tenant func(domain string) (tenant string, known bool)
	// Key (32 bytes or more) makes tokens; processes that share the load share it.
	Key []byte
	// Advertise is the host or host:port by which PBXs reach the edge; empty = the socket's.
	Advertise string
	// CheckFailures (2) is how many OPTIONS in a row a PBX may leave unanswered.
	CheckFailures int
	Timers        Timers
	// Pickup decides about what could pick a call up; nil = such requests are relayed as any.
	Pickup *pickup.Picker
	// Keep is given each registration over UDP for Restore of a later process, nil when it
	// ends; nil = they are forgotten with this one. It must not block.
	Keep func(key string, value []byte)
	// Clock is the time of what Keep is given; nil = one of its own.
	Clock      *clock.Clock
	Network    Network
	Resolver   Resolver // nil = net.DefaultResolver
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// ErrConfig is wrapped by what New says about its Config.
var ErrConfig = errors.New("edge: configuration")

func orDefault[T comparable](v *T, d T) {
	if *v == *new(T) {
		*v = d
	}
}

func (c *Config) complete() error {
	if c.Clock == nil {
		c.Clock = clock.New(time.Now())
	}
	t := &c.Timers
	orDefault(&t.T1, 500*time.Millisecond)
	orDefault(&t.T2, 4*time.Second)
	orDefault(&t.B, 32*time.Second)
	orDefault(&t.C, 190*time.Second)
	orDefault(&t.Failover, 4*time.Second)
	orDefault(&t.Return, 20*time.Second)
	orDefault(&t.Pickup, 2*time.Second)
	orDefault(&t.Check, 10*time.Second)
	orDefault(&c.CheckFailures, 2)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	var errs []error
	if len(c.Key) < 32 {
		errs = append(errs, fmt.Errorf("%w: key: %d bytes, want 32 or more", ErrConfig, len(c.Key)))
	}
	if len(c.PBX) == 0 {
		errs = append(errs, fmt.Errorf("%w: no PBX has a SIP address", ErrConfig))
	}
	names := map[string]bool{}
	for _, p := range c.PBX {
		names[p.Name] = true
	}
	for _, r := range c.Routes {
		for _, n := range r.PBX {
			if !names[n] {
				errs = append(errs, fmt.Errorf("%w: the route of %s names %s, which is no PBX with a SIP address", ErrConfig, r.Domain, n))
			}
		}
	}
	return errors.Join(errs...)
}
