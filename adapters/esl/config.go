package esl

import (
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config describes one FreeSWITCH. Zero durations mean the default named.
type Config struct {
	// Name is the source's name: metric label and store key. Required.
	Name string
	// Address is host or host:port of the event socket; port 8021 by default. Required.
	Address string
	// Password is event_socket.conf.xml's, or the user's when User is set. Required.
	Password string
	// User logs in as a directory user (user@domain, "userauth") instead of the socket's
	// own password. The user needs esl-allowed-events and esl-allowed-api for what this
	// package asks.
	User string
	// Profiles are the sofia profiles whose registrations count; empty: all there are.
	Profiles []string
	// Domains limits the presentities to these domains; empty: all the PBX knows, that
	// is those of its directory and of its registrations.
	Domains []string
	// Devices are the park slots and conferences that are reported even while empty:
	// "park:5701@pbx.test" (slot @ domain of the lot), "conference:3001-pbx.test" (the
	// conference's name). Others are reported once they have been used.
	Devices []string
	// Reconcile is how often the PBX is asked whether the events told the truth; 30 s.
	Reconcile time.Duration
	// Ping is how often an idle connection is probed; 10 s.
	Ping time.Duration
	// DialTimeout, AuthTimeout and CommandTimeout are the deadlines of connecting (5 s),
	// of greeting and login (5 s), and of each command (10 s).
	DialTimeout, AuthTimeout, CommandTimeout time.Duration
	// MinBackoff and MaxBackoff bound the wait before dialling again; 250 ms and 30 s.
	MinBackoff, MaxBackoff time.Duration
	// Queue is how many events may wait to be applied; 16384. More are dropped, and
	// everything is asked for again.
	Queue int
	// Logger may be nil.
	Logger *slog.Logger
	// Registerer takes the metrics; nil for none.
	Registerer prometheus.Registerer
}

const defaultPort = "8021"

var (
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	wordForm   = regexp.MustCompile(`^[^\s\x00-\x20\x7f]+$`)
	deviceForm = regexp.MustCompile(`^(park:[^\s@:]+@[^\s@]+|conference:[^\s]+)$`)
)

// withDefaults validates c and fills in what is not set.
func (c Config) withDefaults() (Config, error) {
	bad := func(key, format string, a ...any) (Config, error) {
		return Config{}, fmt.Errorf("%w: source %q: %s: %s", ErrConfig, c.Name, key, fmt.Sprintf(format, a...))
	}
	if !nameForm.MatchString(c.Name) {
		return bad("name", "want letters, digits, dot, dash or underscore, have %q", c.Name)
	}
	addr, err := hostPort(c.Address)
	if err != nil {
		return bad("address", "%v; want host or host:port, e.g. 127.0.0.1:8021", err)
	}
	c.Address = addr
	if c.Password == "" {
		return bad("password", "is empty; it is the password of the PBX's event_socket.conf.xml")
	}
	if strings.ContainsAny(c.Password, "\r\n\x00") {
		return bad("password", "contains a line break")
	}
	if u, d, ok := strings.Cut(c.User, "@"); c.User != "" && (!ok || u == "" || d == "" || !wordForm.MatchString(c.User) || strings.Contains(u, ":")) {
		return bad("user", "want user@domain, have %q", c.User)
	}
	for key, words := range map[string][]string{"profiles": c.Profiles, "domains": c.Domains} {
		for _, w := range words {
			if !wordForm.MatchString(w) {
				return bad(key, "want a name without spaces, have %q", w)
			}
		}
	}
	for _, d := range c.Devices {
		if !deviceForm.MatchString(d) {
			return bad("devices", `want "park:SLOT@DOMAIN" or "conference:NAME", have %q`, d)
		}
	}
	for _, t := range []struct {
		key string
		at  *time.Duration
		def time.Duration
	}{
		{"reconcile", &c.Reconcile, 30 * time.Second},
		{"ping", &c.Ping, 10 * time.Second},
		{"dial_timeout", &c.DialTimeout, 5 * time.Second},
		{"auth_timeout", &c.AuthTimeout, 5 * time.Second},
		{"command_timeout", &c.CommandTimeout, 10 * time.Second},
		{"min_backoff", &c.MinBackoff, 250 * time.Millisecond},
		{"max_backoff", &c.MaxBackoff, 30 * time.Second},
	} {
		if *t.at < 0 {
			return bad(t.key, "is negative: %v", *t.at)
		}
		if *t.at == 0 {
			*t.at = t.def
		}
	}
	if c.MaxBackoff < c.MinBackoff {
		return bad("max_backoff", "%v is below min_backoff %v", c.MaxBackoff, c.MinBackoff)
	}
	if c.Queue < 0 {
		return bad("queue", "is negative: %d", c.Queue)
	}
	if c.Queue == 0 {
		c.Queue = 16384
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Profiles, c.Domains, c.Devices = slices.Clone(c.Profiles), slices.Clone(c.Domains), slices.Clone(c.Devices)
	return c, nil
}

func hostPort(addr string) (string, error) {
	if addr == "" {
		return "", fmt.Errorf("is empty")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = strings.Trim(addr, "[]"), defaultPort
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", fmt.Errorf("can not read %q", addr)
		}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("bad port %q", port)
	}
	if host == "" || !wordForm.MatchString(host) {
		return "", fmt.Errorf("bad host in %q", addr)
	}
	return net.JoinHostPort(host, port), nil
}
