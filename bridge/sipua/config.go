package sipua

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge/clock"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// Notifier is what sipua hands its findings to; *notifier.Notifier is one. No method
// blocks, and all are called from any goroutine.
type Notifier interface {
	Subscribe(*notifier.Subscribe)
	// Full reports whether Subscribe would turn a new subscription with that Call-ID away,
	// because too many wait.
	Full(callID string) bool
	Responses(...notifier.Response)
	FlowClosed(notifier.Flow)
	FlowUp(notifier.Flow)
}

// Resolver looks up the host names of Contacts; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Listen is one address to listen on. An unspecified IP stands for every address of
// this machine's interfaces (0.0.0.0 the IPv4 ones, :: all), loopback included, as they
// are at the start; a socket is bound to each, because a NOTIFY must leave from the
// address that its SUBSCRIBE came to.
type Listen struct {
	Transport subscription.Transport // TLS and WSS need Config.TLS
	Addr      netip.AddrPort         // port 0 = any free one
}

// NATMode says when NOTIFYs go to the source address of the SUBSCRIBE instead of its Contact.
type NATMode uint8

const (
	// NATAuto decides by what Via, Contact and source tell.
	NATAuto NATMode = iota
	// NATSource always takes the source address.
	NATSource
	// NATContact always takes the Contact.
	NATContact
)

// ParseNATMode reads auto, source or contact; ok is false for anything else.
func ParseNATMode(s string) (m NATMode, ok bool) {
	switch s {
	case "auto":
		return NATAuto, true
	case "source":
		return NATSource, true
	case "contact":
		return NATContact, true
	}
	return NATAuto, false
}

// Limits bound what peers can make us hold. A zero field takes its default.
type Limits struct {
	// PerSource and Total are requests; beyond them 503 with Retry-After. A negative
	// PerSecond means no limit. Defaults 200/s (burst 2000) and 5000/s (burst 20000):
	// a proxy in front is one source.
	PerSource, Total Rate
	// PerTenant is SUBSCRIBEs of one tenant's known watchers, but for those that leave;
	// beyond it 503 with Retry-After. Default: no limit.
	PerTenant Rate
	// Calm is how many subscriptions begin in calm times: beyond it lifetimes are granted
	// shorter by chance, so that they are not refreshed together. A negative PerSecond
	// means never. Default 500/s (burst 500).
	Calm Rate
	// Connections (20000) and ConnectionsPerSource (1000) bound stream connections.
	Connections, ConnectionsPerSource int
	// Handshakes (1000) and HandshakesPerSource (250) bound those under way, of TLS and WebSocket.
	Handshakes, HandshakesPerSource int
	// Dials (64) bounds outgoing connection attempts at a time.
	Dials int
	// HeaderBytes (16384) and BodyBytes (65536) bound a message on a stream.
	HeaderBytes, BodyBytes int
	// QueueBytes (262144) bounds what waits to be written to one connection.
	QueueBytes int
	// Transactions (50000) is how many answered SUBSCRIBEs over UDP are remembered for
	// 32 s to absorb retransmissions; beyond, they are forgotten at once.
	Transactions int
}

// Timeouts bound waiting. A zero field takes its default.
type Timeouts struct {
	// Write (10 s) is how long a stream peer may take nothing before it is cut off.
	Write time.Duration
	// Message (30 s) is how long a peer may take from the first to the last byte of a
	// message, and from connecting to its first message.
	Message time.Duration
	// Handshake (10 s) is how long a peer may take for its handshakes, all together.
	Handshake time.Duration
	// Ping (30 s) is how often a WebSocket is pinged; it is closed if it does not answer.
	Ping time.Duration
	// Idle (2 h) closes a connection nothing is read from; more than the longest subscription.
	Idle time.Duration
	// Dial (5 s), and DialRetry (30 s) how long a failed address is not tried again.
	Dial, DialRetry time.Duration
	// Resolve (2 s) is for Contact host names.
	Resolve time.Duration
	// Answer (20 s) is how long the notifier may take to answer a SUBSCRIBE; then 500.
	Answer time.Duration
}

// Config is what New needs. Listen, Policy and a SetNotifier before Run are required.
type Config struct {
	Listen []Listen
	// Advertise is the host or host:port written into Via and Contact; empty = the
	// address of the socket. Without a port it is the socket's.
	Advertise string
	// Realm of digest challenges, in which {tenant} stands for the tenant's name; it is
	// the realm that HA1 hashes of the policy document are made for. Default {tenant}.
	Realm string
	// MinExpires (60 s), MaxExpires and DefaultExpires (3600 s each) of subscriptions.
	MinExpires, MaxExpires, DefaultExpires time.Duration
	// MaxSubscriptions refuses further ones with 503; 0 = no limit. It needs Counts.
	MaxSubscriptions int
	NAT              NATMode
	Limits           Limits
	Timeouts         Timeouts
	WebSocket        WebSocket
	// TLS is for listeners of TLS and WSS; it takes certificates that change by its callbacks.
	TLS *tls.Config
	// DialTLS is the configuration for a connection to a phone or proxy of that name; nil:
	// TLS connections that are lost are not opened again.
	DialTLS func(name string) *tls.Config
	// NonceSecret (32 bytes) signs digest nonces; processes that share the load share
	// it. Empty = random.
	NonceSecret []byte
	// Clock is the time that nonces are of; nil = one of its own.
	Clock      *clock.Clock
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Policy returns the current snapshot, never nil. It is asked for each request.
	Policy func() *policy.Snapshot
	// Learned reports whether a PBX of the tenant has reported that number, or may yet.
	// nil = never.
	Learned func(tenant, number string) bool
	// Counts returns the subscriptions there are, in all and of that watcher. nil = none.
	Counts func(policy.Watcher) policy.Counts
	// Registered reports whether an address of record, user@host, is registered at a PBX
	// over that flow: such a watcher needs no credentials. nil = never.
	Registered func(notifier.Flow, string) bool
	// Registers is Registered, but waits for it until stop is closed or so long at most.
	// nil = never.
	Registers func(f notifier.Flow, aor string, stop <-chan struct{}, most time.Duration) bool
	// Features does what phones dial codes for; nil = no codes are served.
	Features Features
	Resolver Resolver // nil = net.DefaultResolver
	// LongWay lets sipgo read every request, also the plain SUBSCRIBEs that need it least:
	// what the short way is compared with.
	LongWay bool
	// Readers is how many UDP sockets, each with its reader, an address has on Linux
	// (SO_REUSEPORT); 0 = half of GOMAXPROCS, 16 at most.
	Readers int
	// ListenUDP opens the UDP sockets, one for each address: another network, such as one in
	// memory. nil = the kernel's.
	ListenUDP func(network string, addr *net.UDPAddr) (PacketConn, error)
}

// ErrConfig is wrapped by what New says about its Config.
var ErrConfig = errors.New("sipua: configuration")

func orDefault[T comparable](v *T, d T) {
	if *v == *new(T) {
		*v = d
	}
}

// complete fills in defaults and checks what they leave.
func (c *Config) complete() error {
	orDefault(&c.Realm, "{tenant}")
	orDefault(&c.MinExpires, 60*time.Second)
	orDefault(&c.MaxExpires, time.Hour)
	orDefault(&c.DefaultExpires, time.Hour)
	c.Limits.complete()
	c.Timeouts.complete()
	if c.Clock == nil {
		c.Clock = clock.New(time.Now())
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Learned == nil {
		c.Learned = func(string, string) bool { return false }
	}
	if c.Counts == nil {
		c.Counts = func(policy.Watcher) policy.Counts { return policy.Counts{} }
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	orDefault(&c.Readers, defaultReaders())
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	if c.Readers < 1 || c.Readers > maxReaders {
		bad("readers: %d; must be 1 to %d", c.Readers, maxReaders)
	}
	if c.Policy == nil {
		bad("policy: none given")
	}
	if len(c.Listen) == 0 {
		bad("listen: at least one address is needed, such as udp 0.0.0.0:5060")
	}
	for i, l := range c.Listen {
		switch l.Transport {
		case subscription.UDP, subscription.TCP:
		case subscription.WS:
		case subscription.TLS, subscription.WSS:
			if c.TLS == nil {
				bad("listen[%d]: transport %s needs a certificate", i, l.Transport)
			}
		default:
			bad("listen[%d]: transport %s cannot be listened on, want UDP, TCP, TLS, WS or WSS", i, l.Transport)
		}
		if !l.Addr.IsValid() {
			bad("listen[%d]: no address", i)
		}
	}
	if strings.ContainsAny(c.Realm, "\"\\\r\n") {
		bad("realm: %q must hold neither quotes nor backslashes", c.Realm)
	}
	if c.Advertise != "" {
		if _, _, ok := parseSentBy(c.Advertise); !ok {
			bad("advertise: %q is neither host nor host:port (an IPv6 address needs brackets)", c.Advertise)
		}
	}
	if c.MinExpires < 0 || c.MaxExpires < time.Minute || c.DefaultExpires < time.Second || c.DefaultExpires > c.MaxExpires {
		bad("expires: want 0 ≤ min, 60 s ≤ max and 1 s ≤ default ≤ max, got min %v, max %v, default %v",
			c.MinExpires, c.MaxExpires, c.DefaultExpires)
	}
	// RFC 6665 §4.2.1.1: 423 is only for intervals below an hour.
	if c.MinExpires > time.Hour || c.MinExpires > c.MaxExpires {
		bad("min_expires: %v is more than an hour or than max_expires %v", c.MinExpires, c.MaxExpires)
	}
	if n := len(c.NonceSecret); n != 0 && n < 32 {
		bad("nonce_secret: %d bytes, want at least 32", n)
	}
	return errors.Join(errs...)
}

func (l *Limits) complete() {
	orDefault(&l.PerSource, Rate{200, 2000})
	orDefault(&l.Total, Rate{5000, 20000})
	orDefault(&l.Calm, Rate{500, 500})
	orDefault(&l.Connections, 20000)
	orDefault(&l.ConnectionsPerSource, 1000)
	orDefault(&l.Handshakes, 1000)
	orDefault(&l.HandshakesPerSource, 250)
	orDefault(&l.Dials, 64)
	orDefault(&l.HeaderBytes, 16<<10)
	orDefault(&l.BodyBytes, 64<<10)
	orDefault(&l.QueueBytes, 256<<10)
	orDefault(&l.Transactions, 50_000)
}

func (t *Timeouts) complete() {
	orDefault(&t.Write, 10*time.Second)
	orDefault(&t.Message, 30*time.Second)
	orDefault(&t.Handshake, 10*time.Second)
	orDefault(&t.Ping, 30*time.Second)
	orDefault(&t.Idle, 2*time.Hour)
	orDefault(&t.Dial, 5*time.Second)
	orDefault(&t.DialRetry, 30*time.Second)
	orDefault(&t.Resolve, 2*time.Second)
	orDefault(&t.Answer, 20*time.Second)
}
