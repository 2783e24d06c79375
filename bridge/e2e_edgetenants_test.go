package bridge_test

import (
	"strings"
	"testing"

	"blfbridge/bridge/siptest"
)

// TestEdgeTenants: two Asterisks, each a tenant's, have the same numbers: a phone registers at
// its tenant's and calls there, by the domain alone.
func TestEdgeTenants(t *testing.T) {
	t.Parallel()
	a, b := takeAsterisk(t, "edge"), takeAsterisk(t, "edge2")
	yaml := a.yaml("edge", "sip: udp://"+a.addr.SIP, "tenant: acme") +
		strings.Replace(b.yaml("edge", "sip: udp://"+b.addr.SIP, "tenant: beta"), "name: ast", "name: second", 1)
	s := newServer(t, setup{store: newStorage(t, "bolt"), pbx: yaml, more: edgeYAML, policy: `
tenants:
  - {name: acme, domains: [acme.test]}
  - {name: beta, domains: [beta.test]}
`})
	s.start()
	for domain, want := range map[string]*pbx{"acme.test": a, "beta.test": b} {
		phone := func(number string) *siptest.Phone {
			return registered(t, siptest.Config{User: number, Password: "pw" + number, Proxy: s.udp, Domain: domain})
		}
		p1, p2 := phone("1001"), phone("1002")
		for _, x := range []*pbx{a, b} {
			found := strings.Contains(x.cli(t, "pjsip show contacts"), "1001@"+p1.Addr())
			if found != (x == want) {
				t.Errorf("a phone of %s has registered at %s: %v", domain, x.Name, found)
			}
		}
		c := call(t, p1, p2)
		if err := c.Bye(t.Context()); err != nil {
			t.Error(err)
		}
		for _, p := range []*siptest.Phone{p1, p2} {
			if err := p.Unregister(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}
