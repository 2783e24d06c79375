package sipua

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

func newConfigForTest(t testing.TB) Config {
	snap := compile(t, policy.Document{})
	return Config{
		Listen: []Listen{{subscription.UDP, netip.MustParseAddrPort("127.0.0.1:0")}},
		Policy: func() *policy.Snapshot { return snap },
	}
}

func TestConfigProblemsAreNamed(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"policy: none":    func(c *Config) { c.Policy = nil },
		"listen: at":      func(c *Config) { c.Listen = nil },
		"listen[0]: tran": func(c *Config) { c.Listen[0].Transport = subscription.WSS },
		"listen[0]: no a": func(c *Config) { c.Listen[0].Addr = netip.AddrPort{} },
		"realm:":          func(c *Config) { c.Realm = `a"b` },
		"advertise:":      func(c *Config) { c.Advertise = "2001:db8::1" },
		"expires:":        func(c *Config) { c.DefaultExpires = 2 * time.Hour },
		"min_expires:":    func(c *Config) { c.MinExpires, c.MaxExpires = 61*time.Minute, 2*time.Hour },
		"nonce_secret:":   func(c *Config) { c.NonceSecret = []byte("short") },
	} {
		c := newConfigForTest(t)
		change(&c)
		if _, err := New(c); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestRunNeedsNotifier(t *testing.T) {
	s, err := New(newConfigForTest(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(context.Background()); !errors.Is(err, ErrNoNotifier) {
		t.Errorf("got %v", err)
	}
}

// TestServeReturnIsFatal: sipgo's ServeUDP returns nil when its reader ends.
func TestServeReturnIsFatal(t *testing.T) {
	s, err := New(newConfigForTest(t))
	if err != nil {
		t.Fatal(err)
	}
	s.SetNotifier(newRecorder())
	for _, u := range s.sockets {
		_ = u.Close()
	}
	if err := s.Run(context.Background()); !errors.Is(err, ErrServe) || !strings.Contains(err.Error(), s.Addrs()[0].Addr.String()) {
		t.Errorf("got %v", err)
	}
}

func TestExpand(t *testing.T) {
	interfaces := func() ([]net.Addr, error) {
		var out []net.Addr
		for _, s := range []string{"127.0.0.1/8", "192.0.2.7/24", "::1/128", "2001:db8::7/64", "fe80::1/64"} {
			ip, n, _ := net.ParseCIDR(s)
			out = append(out, &net.IPNet{IP: ip, Mask: n.Mask})
		}
		return out, nil
	}
	for in, want := range map[string][]string{
		"0.0.0.0:5060":            {"127.0.0.1:5060", "192.0.2.7:5060"},
		"[::]:5060":               {"127.0.0.1:5060", "192.0.2.7:5060", "[::1]:5060", "[2001:db8::7]:5060"},
		"192.0.2.9:5":             {"192.0.2.9:5"},
		"[::ffff:192.0.2.9]:5060": {"192.0.2.9:5060"},
	} {
		got, err := expand(netip.MustParseAddrPort(in), interfaces)
		if err != nil {
			t.Error(err)
		}
		var text []string
		for _, a := range got {
			text = append(text, a.String())
		}
		if !slices.Equal(text, want) {
			t.Errorf("%s: got %v, want %v", in, text, want)
		}
	}
	if _, err := expand(netip.MustParseAddrPort("0.0.0.0:1"), func() ([]net.Addr, error) { return nil, nil }); err == nil {
		t.Error("no interfaces are no error")
	}
}

func TestWildcardBindsEach(t *testing.T) {
	c := newConfigForTest(t)
	c.Listen = []Listen{{subscription.UDP, netip.MustParseAddrPort("0.0.0.0:0")}}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	loopback := false
	for _, a := range s.Addrs() {
		if a.Addr.Addr().IsUnspecified() {
			t.Errorf("bound to %s", a.Addr)
		}
		loopback = loopback || a.Addr.Addr().IsLoopback()
	}
	if !loopback {
		t.Errorf("no loopback among %v", s.Addrs())
	}
}

func TestAdvertise(t *testing.T) {
	for in, want := range map[string]string{
		"": "127.0.0.1:5070", "sip.example.com": "sip.example.com:5070",
		"sip.example.com:5062": "sip.example.com:5062", "[2001:db8::1]:5060": "[2001:db8::1]:5060",
	} {
		s := &Server{}
		s.advertisedHost, s.advertisedPort, _ = parseSentBy(in)
		if got := s.advertised(netip.MustParseAddrPort("127.0.0.1:5070")); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
