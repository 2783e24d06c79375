package ari

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says which Asterisk to watch and how. Only Name, URL, Username and Password
// are needed; a zero duration means its default.
type Config struct {
	// Name is the source's name, unique and stable.
	Name string
	// URL is http(s)://host:port/ari, or ws(s)://…/ari/events. The path may be left out.
	URL string
	// Username and Password are those of ari.conf; the user must not be read_only.
	Username, Password string
	// App is the name of the Stasis application; each client needs its own.
	// Default "blfbridge".
	App string
	// TLS is for https and wss; nil is Go's default.
	TLS *tls.Config

	// Devices are followed by name besides the endpoints: park:701@parkedcalls,
	// confbridge:800, Queue:support, Custom:night, PJSIP/1001 (an endpoint that
	// Asterisk does not list, as realtime may not).
	Devices []string
	// DNDPrefix and a number make the device whose state is that number's
	// do-not-disturb flag. Default "Custom:DND".
	DNDPrefix string
	// NoDialogs leaves the SIP dialog of ringing legs alone (two REST calls for each;
	// pickup by Replaces needs them).
	NoDialogs bool

	Reconcile        time.Duration // between two comparisons with REST; default 30 s, at least 100 ms
	DialTimeout      time.Duration // for TCP, and again for TLS; default 3 s
	HandshakeTimeout time.Duration // for opening the event socket; default 5 s
	RESTTimeout      time.Duration // for each REST call; default 3 s
	PingInterval     time.Duration // between two pings and checks of the application; default 4 s
	BackoffMin       time.Duration // default 250 ms
	BackoffMax       time.Duration // default 15 s

	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics
}

const (
	defaultApp       = "blfbridge"
	defaultDNDPrefix = "Custom:DND"

	infoTimeout = 2 * time.Second // for /asterisk/info, which answers even when all else hangs
)

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	str := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	dur := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	str(&c.App, defaultApp)
	str(&c.DNDPrefix, defaultDNDPrefix)
	dur(&c.Reconcile, 30*time.Second)
	dur(&c.DialTimeout, 3*time.Second)
	dur(&c.HandshakeTimeout, 5*time.Second)
	dur(&c.RESTTimeout, 3*time.Second)
	dur(&c.PingInterval, 4*time.Second)
	dur(&c.BackoffMin, 250*time.Millisecond)
	dur(&c.BackoffMax, 15*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// validate lists every bad key of a configuration with defaults filled in.
func (c *Config) validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if c.Name == "" {
		bad("name", "is missing")
	}
	if _, err := baseURL(c.URL); err != nil {
		bad("url", "%v", err)
	}
	if c.Username == "" {
		bad("username", "is missing (a section of ari.conf with type=user)")
	}
	if c.Password == "" {
		bad("password", "is missing")
	}
	if strings.ContainsAny(c.Username, ":") {
		bad("username", "%q must not contain a colon", c.Username)
	}
	if strings.ContainsAny(c.App, ",/?&# ") {
		bad("app", "%q must be one plain word", c.App)
	}
	for i, d := range c.Devices {
		if !strings.ContainsAny(d, "/:") {
			bad("devices", "number %d, %q, is no Asterisk device name (like park:701@parkedcalls or PJSIP/1001)", i+1, d)
		}
	}
	for _, d := range []struct {
		key      string
		v, least time.Duration
	}{
		{"reconcile", c.Reconcile, 100 * time.Millisecond},
		{"dial_timeout", c.DialTimeout, time.Millisecond},
		{"handshake_timeout", c.HandshakeTimeout, time.Millisecond},
		{"rest_timeout", c.RESTTimeout, time.Millisecond},
		{"ping_interval", c.PingInterval, 10 * time.Millisecond},
		{"backoff_min", c.BackoffMin, time.Millisecond},
		{"backoff_max", c.BackoffMax, c.BackoffMin},
	} {
		if d.v < d.least {
			bad(d.key, "%v is less than %v", d.v, d.least)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w of source %q: %w", ErrConfig, c.Name, errors.Join(errs...))
}

// baseURL brings all accepted forms to http(s)://host:port/prefix/ari.
func baseURL(s string) (*url.URL, error) {
	if s == "" {
		return nil, errors.New("is missing (like http://127.0.0.1:8088/ari)")
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "http", "https":
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	default:
		return nil, fmt.Errorf("%q must begin with http://, https://, ws:// or wss://", s)
	}
	switch {
	case u.Host == "":
		return nil, fmt.Errorf("%q names no host", s)
	case u.User != nil:
		return nil, errors.New("must not hold a password; use username and password")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q must end with the path", s)
	}
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/events")
	if u.Path == "" {
		u.Path = "/ari"
	}
	u.RawPath = ""
	return u, nil
}
