package sipua

import (
	"testing"

	"blfbridge/policy"
)

// TestTargets: which line, or which refusal, a request URI leads to.
func TestTargets(t *testing.T) {
	snap := compile(t, policy.Document{Tenants: []policy.Tenant{
		{
			Name: "acme", Domains: []string{"acme.test"}, Lines: []policy.DirectoryNumber{{Number: "1001", Aliases: []string{"13105551001"}}},
			CountryCode: "1", Trunks: []policy.Trunk{{Name: "K", Destinations: []string{"192.0.2.1"}}},
			RoutePatterns:    []policy.RoutePattern{{Pattern: "7XXX", Trunk: "K"}},
			SIPRoutePatterns: []policy.SIPRoutePattern{{Pattern: "far.test", Trunk: "K"}},
		},
		{Name: "bank", Domains: []string{"bank.test"}},
	}})
	r := newRig(t, func(c *Config) { c.Policy = func() *policy.Snapshot { return snap } })
	p := r.udpPhone()
	for _, c := range []struct {
		uri, from, line string
		status          int
	}{
		{"sip:1001@acme.test", "acme.test", "acme/1001", 200},
		{"sip:*891001@acme.test", "acme.test", "acme/1001", 200},
		{"sip:%2A891001@acme.test", "acme.test", "acme/1001", 200},
		{"sip:+13105551001@acme.test:5070", "acme.test", "acme/1001", 200},
		{"sip:1001@" + r.udp.String(), "acme.test", "acme/1001", 200},
		{"sip:1001@" + r.udp.String(), "bank.test", "", 404},
		{"sip:1001@bank.test", "acme.test", "", 404},
		{"sip:1001@nobody.test", "acme.test", "", 404},
		// External presentities: the notifier has them subscribed to.
		{"sip:7001@acme.test", "acme.test", "acme/7001", 200},
		{"sip:bob@far.test", "acme.test", "acme/bob@far.test", 200},
		{"sip:bob@far.test", "192.0.2.9", "acme/bob@far.test", 200}, // the default tenant's route
		{"sip:bob@far.test", "bank.test", "", 404},
	} {
		res := p.ask(subscribeTo(c.uri, p.addr()).with("From", "<sip:200@"+c.from+">;tag=ft").String())
		if res.code != c.status {
			t.Errorf("%s from %s: %d, want %d", c.uri, c.from, res.code, c.status)
		}
		if res.code == 200 {
			l := next(t, r.rec.subscribes, "SUBSCRIBE").Decision.Line
			if got := l.Tenant + "/" + l.Number; got != c.line {
				t.Errorf("%s from %s: %s, want %s", c.uri, c.from, got, c.line)
			}
		}
	}
}
