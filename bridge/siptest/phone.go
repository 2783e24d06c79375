package siptest

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrClosed is returned by everything asked of a phone after Close.
	ErrClosed = errors.New("siptest: phone is closed")
	// ErrLost: the connection that a request went over ended before its answer (RFC 3261
	// §8.1.3.1: as if it were refused with 503).
	ErrLost = errors.New("siptest: the connection ended before the answer")
	// ErrTimeout means that no final response came in time.
	ErrTimeout = errors.New("siptest: no answer")
	// ErrStatus is wrapped by a StatusError.
	ErrStatus = errors.New("siptest: request refused")
)

// StatusError is a final response other than 2xx.
type StatusError struct{ Response *Message }

func (e *StatusError) Error() string {
	return fmt.Sprintf("siptest: got %s", e.Response.Summary())
}

// Unwrap makes errors.Is(err, ErrStatus) true.
func (e *StatusError) Unwrap() error { return ErrStatus }

// StatusOf returns the SIP status inside an error, 0 if there is none.
func StatusOf(err error) int {
	if e, ok := errors.AsType[*StatusError](err); ok {
		return e.Response.Code
	}
	return 0
}

// Config describes a phone. User and Proxy are needed.
type Config struct {
	// User is the extension; AuthUser the digest user name where it differs.
	User, AuthUser, Password string
	// DisplayName is sent in From.
	DisplayName string
	// Domain is the host of the address of record; default: the host of Proxy.
	Domain string
	// Proxy is the "host:port" that every request goes to: the PBX or the bridge.
	Proxy string
	// Transport is "UDP", "TCP", "TLS", "WS" or "WSS"; default UDP. All others use one
	// connection, opened at the first request.
	Transport string
	// TCP is short for Transport "TCP".
	TCP bool
	// TLS verifies the server of TLS and WSS; nil = the host's authorities, and the host
	// of Proxy as name.
	TLS *tls.Config
	// SIPS: the phone's addresses, and all it calls, are SIPS URIs.
	SIPS bool
	// Listen is the local address, default "127.0.0.1:0". For a connection only its host
	// counts.
	Listen string
	// PacketConn replaces the UDP socket (an in-memory network in virtual time). The
	// phone closes it.
	PacketConn net.PacketConn
	// DialTCP replaces the dialler of connections, for a phone in another network (lab.NAT).
	DialTCP func(ctx context.Context, addr string) (net.Conn, error)
	// UserAgent is the User-Agent header, default "siptest".
	UserAgent string
	// Compact writes compact header names (RFC 3261 §7.3.3).
	Compact bool
	// NoMedia opens no media socket; calls send nothing then.
	NoMedia bool
	// MediaAt is the address that the phone says it takes media at, if that is not its own: it
	// is behind NAT and knows no better.
	MediaAt string
	// Timeout is how long a request waits for its final response, default 10 s.
	Timeout time.Duration
	// Trace, if set, is called with every message sent and received, in order, from
	// the phone's goroutines. It must not block.
	Trace func(at time.Time, sent bool, m *Message)
	// Log takes what the phone cannot return; nil discards it.
	Log *slog.Logger
}

// stream reports whether the phone has a connection.
func (c *Config) stream() bool { return c.Transport != "UDP" }

// Policy is what a phone does with an incoming call.
type Policy int

const (
	// Ring answers 180 and waits for Call.Answer or Call.Reject.
	Ring Policy = iota
	// AutoAnswer rings and answers at once.
	AutoAnswer
	// RejectBusy answers 486 without ringing.
	RejectBusy
	// Silent answers nothing.
	Silent
)

// Phone is one scripted SIP phone.
type Phone struct {
	cfg      Config
	log      *slog.Logger
	incoming chan *Call
	closed   chan struct{}
	wg       sync.WaitGroup
	ponged   atomic.Int64

	mu      sync.Mutex // guards all below
	link    *open
	rtp     net.PacketConn
	dead    bool
	policy  Policy
	mute    bool
	tx      map[string]func(*Message) // client transactions, by branch and method
	served  map[string][]byte         // last response to each request, by branch and method
	order   []string                  // keys of served, oldest first
	calls   map[string]*Call          // by Call-ID
	subs    map[string]*Subscription  // by Call-ID and local tag
	strays  []Violation
	auth    credentials
	regID   string
	regTag  string
	regCSeq uint32
}

// NewPhone opens a phone's socket (UDP) or prepares it (TCP). The phone does not
// register by itself. Close it.
func NewPhone(cfg Config) (*Phone, error) {
	if cfg.User == "" || cfg.Proxy == "" {
		return nil, errors.New("siptest: a phone needs Config.User and Config.Proxy")
	}
	host, _, err := net.SplitHostPort(cfg.Proxy)
	if err != nil {
		return nil, fmt.Errorf("siptest: Config.Proxy of phone %s: %w", cfg.User, err)
	}
	if cfg.TCP {
		cfg.Transport = "TCP"
	}
	cfg.Transport = cmp.Or(cfg.Transport, "UDP")
	cfg.Domain = cmp.Or(cfg.Domain, host)
	cfg.AuthUser = cmp.Or(cfg.AuthUser, cfg.User)
	cfg.Listen = cmp.Or(cfg.Listen, "127.0.0.1:0")
	cfg.UserAgent = cmp.Or(cfg.UserAgent, "siptest")
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	p := &Phone{
		cfg: cfg, log: cfg.Log, incoming: make(chan *Call, 64), closed: make(chan struct{}),
		tx: map[string]func(*Message){}, served: map[string][]byte{}, calls: map[string]*Call{},
		subs: map[string]*Subscription{}, regID: token(12), regTag: token(6),
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if !cfg.stream() {
		if _, err := p.open(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Close ends the phone without a word on the wire and waits for its goroutines. A
// second Close does nothing.
func (p *Phone) Close() {
	p.mu.Lock()
	first := !p.dead
	p.dead = true
	l, rtp := p.link, p.rtp
	p.mu.Unlock()
	if rtp != nil {
		rtp.Close()
	}
	if first {
		close(p.closed)
	}
	if l != nil {
		l.Close()
	}
	p.wg.Wait()
}

// User is the phone's extension.
func (p *Phone) User() string { return p.cfg.User }

// AOR is the address of record, "sip:1001@pbx.test".
func (p *Phone) AOR() string { return p.scheme() + p.cfg.User + "@" + p.cfg.Domain }

// Addr is the phone's own "ip:port"; empty for TCP before its first request.
func (p *Phone) Addr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link == nil {
		return ""
	}
	return p.link.Local()
}

// SetPolicy changes what happens to calls that come from now on.
func (p *Phone) SetPolicy(v Policy) { p.mu.Lock(); p.policy = v; p.mu.Unlock() }

// SetMute makes the phone ignore whatever comes, as one without power would.
func (p *Phone) SetMute(v bool) { p.mu.Lock(); p.mute = v; p.mu.Unlock() }

// DropConnection closes the connection; the next request opens another one.
func (p *Phone) DropConnection() {
	p.mu.Lock()
	l := p.link
	if p.cfg.stream() {
		p.link = nil
	}
	p.mu.Unlock()
	if p.cfg.stream() && l != nil {
		l.Close()
	}
}

// Strays are the faults of requests that belong to no subscription of the phone.
func (p *Phone) Strays() []Violation {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Violation(nil), p.strays...)
}

// open is a link with its reader.
type open struct {
	link
	over chan struct{} // closed when it has ended and all that it brought is dealt with
}

// open returns the link, opening it and its reader if there is none.
func (p *Phone) open() (*open, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return nil, ErrClosed
	}
	if p.link != nil {
		return p.link, nil
	}
	dial := openUDP
	if p.cfg.stream() {
		dial = openStream
	}
	l, err := dial(&p.cfg)
	if err != nil {
		return nil, err
	}
	o := &open{l, make(chan struct{})}
	p.link = o
	p.wg.Go(func() {
		defer close(o.over)
		p.read(o)
	})
	return o, nil
}

func (p *Phone) read(l *open) {
	defer l.Close()
	for {
		raw, err := l.Recv()
		if err != nil {
			if !over(err) {
				p.log.Debug("link ended", "watcher", p.cfg.User, "error", err)
			}
			p.mu.Lock()
			if p.link == l {
				p.link = nil
			}
			p.mu.Unlock()
			return
		}
		p.receive(raw)
	}
}

// spawn runs f as one of the phone's goroutines unless the phone is closed.
func (p *Phone) spawn(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dead {
		p.wg.Go(f)
	}
}

// after runs f in d unless the phone closes first.
func (p *Phone) after(d time.Duration, f func()) {
	p.spawn(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			f()
		case <-p.closed:
		}
	})
}
