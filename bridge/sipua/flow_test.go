package sipua

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestFlowChoice: where NOTIFYs go, told from what a phone sends over a real socket.
func TestFlowChoice(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Resolver = names{
			"phone.test": netip.MustParseAddr("192.0.2.9"), "proxy.test": netip.MustParseAddr("192.0.2.5"),
			"six.test": netip.MustParseAddr("2001:db8::1"), "slow.test": {},
		}
		c.Timeouts.Resolve = 50 * time.Millisecond
	})
	p := r.udpPhone()
	self := p.addr().String()
	for name, c := range map[string]struct {
		contact, via, route, want string
	}{
		"own address":           {"<sip:1002@" + self + ">", "", "", self},
		"another port":          {"<sip:1002@127.0.0.1:5070>", "", "", "127.0.0.1:5070"},
		"no port":               {"<sip:1002@127.0.0.1>", "", "", "127.0.0.1:5060"},
		"by name":               {"<sip:1002@phone.test:5070>", "", "", "192.0.2.9:5070"},
		"name unknown":          {"<sip:1002@nowhere.test>", "", "", self},
		"name that never comes": {"<sip:1002@slow.test>", "", "", self},
		"browser":               {"<sip:1002@x7.invalid;transport=ws>", "", "", self},
		"IPv6 from IPv4":        {"<sip:1002@[2001:db8::1]>", "", "", self},
		"name of IPv6 only":     {"<sip:1002@six.test>", "", "", self},
		"behind NAT":            {"<sip:1002@192.168.1.7:5060>", "192.168.1.7:5060", "", self},
		"0.0.0.0":               {"<sip:1002@0.0.0.0>", "", "", self},
		"by route":              {"<sip:1002@192.168.1.7:5060>", "", "<sip:192.0.2.5:5080;lr>, <sip:192.0.2.6;lr>", "192.0.2.5:5080"},
		"by route by name":      {"<sip:1002@192.168.1.7:5060>", "", "<sip:proxy.test;lr>", "192.0.2.5:5060"},
		"route unknown":         {"<sip:1002@192.168.1.7:5060>", "", "<sip:nowhere.test;lr>", self},
	} {
		q := subscribeTo("sip:1001@x.test", p.addr()).with("Contact", c.contact)
		if c.via != "" {
			q.with("Via", "SIP/2.0/UDP "+c.via+";branch="+q.branch)
		}
		if c.route != "" {
			q.line("Record-Route: " + c.route)
		}
		if res := p.ask(q.String()); res.code != 200 {
			t.Fatalf("%s: %s", name, res.raw)
		}
		s := next(t, r.rec.subscribes, "SUBSCRIBE")
		if got := s.Flow.Remote.String(); got != c.want {
			t.Errorf("%s: NOTIFYs go to %s, want %s", name, got, c.want)
		}
		if uri := strings.Trim(c.contact, "<>"); s.Cold.RemoteTarget != uri {
			t.Errorf("%s: remote target %q", name, s.Cold.RemoteTarget)
		}
	}
}

// TestNATSource: everybody is answered and notified at the source.
func TestNATSource(t *testing.T) {
	r := newRig(t, func(c *Config) { c.NAT = NATSource })
	p := r.udpPhone()
	q := subscribeTo("sip:1001@x.test", p.addr())
	q.with("Via", "SIP/2.0/UDP 127.0.0.1:9;branch="+q.branch).with("Contact", "<sip:1002@192.0.2.1>")
	if res := p.ask(q.String()); res.code != 200 {
		t.Fatal(res.raw)
	}
	if s := next(t, r.rec.subscribes, "SUBSCRIBE"); s.Flow.Remote != p.addr() {
		t.Errorf("flow %v", s.Flow)
	}
}

// TestRefreshThroughProxy: a proxy that record-routed the first SUBSCRIBE relays the
// refreshes without; NOTIFYs keep going to it.
func TestRefreshThroughProxy(t *testing.T) {
	r := newRig(t, nil)
	proxy := r.udpPhone()
	for _, c := range []struct{ to, extra, want string }{
		{"", "Record-Route: <sip:" + proxy.addr().String() + ";lr>", proxy.addr().String()},
		{";tag=lt", "X: y", proxy.addr().String()},
		{";tag=lt", "Record-Route: <sip:127.0.0.1:5099;lr>", "127.0.0.1:5099"},
	} {
		q := subscribeTo("sip:1001@x.test", proxy.addr()).with("To", "<sip:1001@x.test>"+c.to).line(c.extra).
			line("Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKphone").with("Contact", "<sip:1002@127.0.0.1:5070>")
		if res := proxy.ask(q.String()); res.code != 200 {
			t.Fatal(res.raw)
		}
		if s := next(t, r.rec.subscribes, "SUBSCRIBE"); s.Flow.Remote.String() != c.want {
			t.Errorf("%s %s: NOTIFYs go to %v, want %s", c.to, c.extra, s.Flow.Remote, c.want)
		}
	}
}
