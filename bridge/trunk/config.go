package trunk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// ErrConfig is wrapped by what New says about its Config.
var ErrConfig = errors.New("trunk: configuration")

// Transport sends requests; *sipua.Server is one. The methods are safe for concurrent use
// and do not block.
type Transport interface {
	// Toward finds how a request leaves for a peer, and what its Via and Contact name.
	// name is whom a TLS peer's certificate must be for.
	Toward(t subscription.Transport, to netip.AddrPort, name string) (f notifier.Flow, advertised string, ok bool)
	// Send is notifier.Transport's.
	Send(f notifier.Flow, msg []byte) error
}

// Lamps takes what other servers tell; *compositor.Compositor is one.
type Lamps interface {
	// Show gives a presentity its lamp, until Hide; over says that it wins over devices.
	Show(k compositor.Key, l compositor.Lamp, over bool, at time.Time)
	Hide(compositor.Key)
}

// Resolver looks up the host names of destinations; *net.Resolver is one.
type Resolver interface {
	// LookupSRV's records come in the order in which they are to be tried (RFC 2782).
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, records []*net.SRV, err error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Config is what New needs; Transport, Lamps and Policy are required.
type Config struct {
	Transport Transport
	Lamps     Lamps
	// Policy returns the current snapshot, never nil.
	Policy func() *policy.Snapshot
	// Recheck is called when it has changed how watchers of a presentity are to be decided
	// (Admit): another trunk, or none. It must only post, since a lock is held. nil = nobody
	// needs to know.
	Recheck  func(presentity uint32)
	Resolver Resolver // nil = net.DefaultResolver
	// Expires (300 s) is asked for: how long a server that forgot us, without a word, can
	// leave a lamp wrong.
	Expires time.Duration
	// Linger (5 s) is how long an outbound subscription outlives its last watcher: a phone
	// that subscribes anew finds the lamp.
	Linger time.Duration
	// Pace (50 a second) bounds the subscriptions that are begun at one destination once
	// its first burst of as many is over: after a start of ours all lines want one at once.
	Pace       int
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil = no metrics
}

func (c *Config) complete() error {
	if c.Transport == nil || c.Lamps == nil || c.Policy == nil {
		return fmt.Errorf("%w: Transport, Lamps and Policy are needed", ErrConfig)
	}
	if c.Expires == 0 {
		c.Expires = 300 * time.Second
	}
	if c.Linger == 0 {
		c.Linger = 5 * time.Second
	}
	if c.Pace == 0 {
		c.Pace = 50
	}
	if c.Expires < time.Minute || c.Linger < 0 || c.Pace < 0 {
		return fmt.Errorf("%w: expires %v is below a minute, or linger %v or pace %d below 0", ErrConfig, c.Expires, c.Linger, c.Pace)
	}
	if c.Recheck == nil {
		c.Recheck = func(uint32) {}
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
