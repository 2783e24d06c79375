package edge

import (
	"fmt"
	"testing"

	"blfbridge/bridge/notifier"
)

// TestTenantsDomains: without a route a domain is served by its tenant's PBXs, else by those of
// no tenant, else by all.
func TestTenantsDomains(t *testing.T) {
	tenants := func(domain string) (string, bool) {
		t := map[string]string{"acme.test": "acme", "beta.test": "beta", "203.0.113.9": "acme", "routed.test": "acme"}[domain]
		return t, t != ""
	}
	for name, c := range map[string]struct {
		one, two string // the PBXs' tenants
		want     map[string]notifier.Flow
	}{
		"each has one": {"beta", "acme", map[string]notifier.Flow{"ACME.test": pbxTwo, "acme.test": pbxTwo, "beta.test": pbxOne, "other.test": pbxOne, "203.0.113.9": pbxTwo, "routed.test": pbxOne}},
		"one for all":  {"acme", "", map[string]notifier.Flow{"acme.test": pbxOne, "beta.test": pbxTwo, "other.test": pbxOne}},
		"none of its":  {"gamma", "acme", map[string]notifier.Flow{"beta.test": pbxOne, "acme.test": pbxTwo}},
		"no tenants":   {"", "", map[string]notifier.Flow{"acme.test": pbxOne, "beta.test": pbxOne}},
	} {
		r := newRig(t, func(x *Config) {
			x.Tenant = tenants
			x.PBX[0].Tenant, x.PBX[1].Tenant = c.one, c.two
			x.Routes = []Route{{Domain: "routed.test", PBX: []string{"one"}}}
		})
		for domain, want := range c.want {
			r.mustGive(phoneUDP, req{method: "MESSAGE", uri: "sip:1002@" + domain, branch: "z9hG4bK" + domain}.String())
			if m := r.to(want); len(m) != 1 {
				t.Errorf("%s: %s went elsewhere:\n%s", name, domain, r.all())
			}
			r.drain()
		}
		// By the sender's domain, where the request's is our own address.
		r.mustGive(phoneUDP, req{method: "MESSAGE", uri: "sip:1002@" + outside.Addr().String(), from: "<sip:1001@acme.test>;tag=a", branch: "z9hG4bKown"}.String())
		if m := r.to(c.want["acme.test"]); len(m) != 1 {
			t.Errorf("%s: went elsewhere:\n%s", name, r.all())
		}
	}
}

// TestDomains: which PBXs serve a request, by the table of routes: the host of its URI, or
// where that is our own address the sender's domain; who is down comes last.
func TestDomains(t *testing.T) {
	ours := "sip:1002@" + outside.Addr().String()
	route := func(c *Config) {
		c.Routes = []Route{{Domain: "One.test", PBX: []string{"one"}}, {Domain: "two.test", PBX: []string{"two", "one"}}}
	}
	r := newRig(t, route)
	for i, c := range []struct {
		method, uri, from, to string
		down                  bool // the second PBX
		want                  notifier.Flow
	}{
		{"MESSAGE", "sip:1002@one.test", "two.test", "one.test", false, pbxOne},
		{"MESSAGE", "sip:1002@TWO.test:5070", "one.test", "two.test", false, pbxTwo},
		{"MESSAGE", ours, "two.test", "x", false, pbxTwo},
		{"MESSAGE", ours, "ONE.test", "x", false, pbxOne},
		{"MESSAGE", "sip:1002@other.test", "two.test", "other.test", false, pbxOne}, // no entry: all
		{"REGISTER", ours, "one.test", "two.test", false, pbxTwo},                   // by To
		{"REGISTER", "sip:two.test", "one.test", "two.test", false, pbxTwo},
		{"MESSAGE", "sip:1002@two.test", "one.test", "two.test", true, pbxOne},
	} {
		r.e.peers[1].up.Store(!c.down)
		r.mustGive(phoneUDP, req{
			method: c.method, uri: c.uri, branch: fmt.Sprint("z9hG4bKd", i), from: "<sip:1001@" + c.from + ">;tag=a", to: "<sip:1001@" + c.to + ">",
		}.String())
		if m := r.to(c.want); len(m) != 1 || m[0].Method != c.method {
			t.Errorf("%s %s from %s to %s went elsewhere:\n%s", c.method, c.uri, c.from, c.to, r.all())
		}
		r.drain()
	}
}
