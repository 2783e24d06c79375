package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"blfbridge/bridge/config"
	"blfbridge/bridge/siptest"
)

// ErrNoLine: the server knows no line that a phone could have.
var ErrNoLine = errors.New("doctor: the server knows no line yet: name one; does a PBX report its phones? see `blfbridge show presence global`")

// Lamp watches one line at a server, as a phone on this host does.
type Lamp struct {
	// Server is transport://host:port, the transport one of udp, tcp, tls, ws, wss.
	Server string
	Watch
	// Event is dialog or presence; empty: dialog.
	Event string
	// Insecure takes any certificate: what is asked is whether lamps work.
	Insecure bool
	// Once ends with the first lamp.
	Once bool
	// Timeout bounds the SUBSCRIBE, and the wait for the first NOTIFY; 0 = 10 s.
	Timeout time.Duration
	// Show is called with each NOTIFY's lamp ("idle", "ringing", "busy", "held", …) and when it came.
	Show func(at time.Time, lamp string)
}

// look is how often a watch looks whether it was ended.
const look = 200 * time.Millisecond

// Run watches until ctx ends or the server ends the subscription, and then ends it. Its
// error says what a phone would be missing.
func (l *Lamp) Run(ctx context.Context) error {
	timeout := cmp.Or(l.Timeout, 10*time.Second)
	phone, err := l.phone(timeout)
	if err != nil {
		return err
	}
	defer phone.Close()
	sub, err := phone.Subscribe(ctx, siptest.SubscribeConfig{Target: l.Line, Event: cmp.Or(l.Event, "dialog"), Entity: "any", GapsAllowed: true})
	if err != nil {
		return fmt.Errorf("doctor: SUBSCRIBE to %s at %s: %w", l.Line, l.Server, err)
	}
	seen, err := sub.WaitNotify(0, timeout)
	if err != nil {
		_ = sub.Refresh(ctx, 0)
		return fmt.Errorf("doctor: 200 to SUBSCRIBE, but no NOTIFY: does a firewall or NAT stand between? %w", err)
	}
	if err := l.follow(ctx, sub, seen); err != nil {
		return err
	}
	// The watch is over even where ctx is.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if err := sub.Unsubscribe(ctx); err != nil {
		return fmt.Errorf("doctor: the subscription cannot be ended: %w", err)
	}
	if v := sub.Violations(); len(v) > 0 {
		return fmt.Errorf("doctor: a NOTIFY is not as the RFCs have it: %s", v[0])
	}
	return nil
}

// follow shows each lamp, and refreshes at half time, as phones do.
func (l *Lamp) follow(ctx context.Context, sub *siptest.Subscription, seen siptest.Seen) error {
	half := func() time.Time { return time.Now().Add(time.Duration(sub.Granted()) * time.Second / 2) }
	refresh := half()
	for n := 1; ; n++ {
		l.Show(seen.At, lampText(seen.Lamp))
		if seen.Substate == "terminated" {
			return fmt.Errorf("doctor: the server ended the subscription: %s", cmp.Or(seen.Reason, "no reason given"))
		}
		if l.Once {
			return nil
		}
		for err := error(siptest.ErrTimeout); err != nil; {
			if ctx.Err() != nil {
				return nil
			}
			if time.Now().After(refresh) {
				if err := sub.Refresh(ctx, sub.Granted()); err != nil {
					return fmt.Errorf("doctor: refresh: %w", err)
				}
				refresh = half()
			}
			if seen, err = sub.WaitNotify(n, look); err != nil && !errors.Is(err, siptest.ErrTimeout) {
				return err
			}
		}
	}
}

// phone is one on the address of this host that leads to the server.
func (l *Lamp) phone(timeout time.Duration) (*siptest.Phone, error) {
	transport, addr, err := serverAt(l.Server)
	if err != nil {
		return nil, fmt.Errorf("doctor: server %q: %w", l.Server, err)
	}
	c, err := net.DialTimeout("udp", addr, timeout) // nothing is sent
	if err != nil {
		return nil, fmt.Errorf("doctor: server %q: %w", l.Server, err)
	}
	defer c.Close()
	own, _, _ := net.SplitHostPort(c.LocalAddr().String())
	host, _, _ := net.SplitHostPort(addr)
	return siptest.NewPhone(siptest.Config{
		User: cmp.Or(l.User, l.Line), Password: l.Password, Proxy: c.RemoteAddr().String(), Transport: strings.ToUpper(transport),
		TLS: &tls.Config{ServerName: host, InsecureSkipVerify: l.Insecure}, Listen: net.JoinHostPort(own, "0"),
		UserAgent: "blfbridge-watch", NoMedia: true, Timeout: timeout,
	})
}

// serverAt takes transport://host:port apart. The host may be a name; the port defaults to the transport's.
func serverAt(server string) (transport, addr string, err error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return config.SplitListen(server) // which says what is wrong
	}
	transport, addr, err = config.SplitListen(u.Scheme + "://0.0.0.0")
	if err != nil {
		return "", "", err
	}
	_, port, _ := net.SplitHostPort(addr)
	return transport, net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)), nil
}

// AnyLine is the first line whose lamp is known, else the first that a phone could have.
func AnyLine(ctx context.Context, s Server) (string, error) {
	line, err := (&Doctor{Server: s}).line(ctx)
	if err == nil && line == "" {
		err = ErrNoLine
	}
	return line, err
}
