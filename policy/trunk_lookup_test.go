package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const trunkAddresses = `
tenants:
  - name: t
    trunk_security_profiles: [{name: tls, accept_presence_subscription: true, x509_subject_names: [far.example]}]
    trunks:
      - {name: NET, addresses: [192.0.2.0/24]}
      - {name: ONE, addresses: [192.0.2.7, "2001:db8::7"]}
      - {name: PORT, addresses: ["192.0.2.7:5070"]}
      - {name: DEST, destinations: ["198.51.100.1:5062;transport=tcp", far.example]}
      - {name: CERT, addresses: [203.0.113.9], security_profile: tls, outbound_digest: {username: us, password: x}}
  - name: u
    trunks: [{name: U, addresses: [192.0.2.7, 203.0.113.77]}]
`

// TestTrunkBySource: by address, the most precise first, the target's tenant before
// others; by certificate where the profile names any.
func TestTrunkBySource(t *testing.T) {
	s := compileYAML(t, trunkAddresses)
	for _, c := range []struct{ tenant, addr, cert, want string }{
		{"t", "192.0.2.8:5060", "", "t/NET"},
		{"t", "192.0.2.7:5060", "", "t/ONE"},
		{"t", "192.0.2.7:5070", "", "t/PORT"},
		{"t", "[::ffff:192.0.2.7]:5060", "", "t/ONE"},
		{"t", "[2001:db8::7]:1", "", "t/ONE"},
		{"t", "198.51.100.1:40000", "", "t/DEST"},
		{"u", "192.0.2.7:5060", "", "u/U"},
		{"u", "192.0.2.8:5060", "", "t/NET"}, // another tenant's trunk is no stranger
		{"t", "203.0.113.77:1", "", "u/U"},
		{"x", "203.0.113.77:1", "", "u/U"},
		{"t", "8.8.8.8:1", "far.example", "t/CERT"},
		{"t", "203.0.113.9:1", "FAR.example", "t/CERT"},
		{"t", "203.0.113.9:1", "", "t/ without certificate CERT"},
		{"t", "8.8.8.8:1", "other.example", ""},
	} {
		src := TrunkSource{Tenant: c.tenant, Addr: netip.MustParseAddrPort(c.addr)}
		if c.cert != "" {
			src.CertificateNames = []string{"none", c.cert}
		}
		w, ok := s.TrunkBySource(src)
		got := ""
		if ok {
			if got = w.Tenant + "/" + w.ID; w.ID == "" {
				got += " without certificate " + w.Trunk
			}
		}
		if got != c.want || ok && (w.Kind != WatcherTrunk || w.Trusted) {
			t.Errorf("%+v: %q (%+v)", c, got, w)
		}
		if ok && w.ID == "" {
			if d := Decide(s, w, Target{Tenant: "t", Number: "1", Learned: true}, Counts{}); d.Outcome != Refused || d.Step != StepWatcher {
				t.Errorf("without certificate: %+v", d)
			}
		}
	}
}

// TestTrunkBySourceCosts: every SUBSCRIBE asks, and most come from no trunk.
func TestTrunkBySourceCosts(t *testing.T) {
	s := compileYAML(t, trunkAddresses)
	for _, addr := range []string{"8.8.8.8:1", "192.0.2.8:1", "[2001:db8::9]:1"} {
		src := TrunkSource{Tenant: "u", Addr: netip.MustParseAddrPort(addr)}
		if n := testing.AllocsPerRun(100, func() { _, _ = s.TrunkBySource(src) }); n != 0 {
			t.Errorf("%s: %v allocations", addr, n)
		}
	}
	if !s.NamesCertificates() || compileYAML(t, "tenants: [{name: t}]").NamesCertificates() {
		t.Error("certificate names")
	}
}

// TestLostCredentials: whose credentials are gone may be known otherwise from now on.
func TestLostCredentials(t *testing.T) {
	const doc = `
tenants:
  - name: t
    phones: [{name: P, digest: {username: p, password: x}}]
    trunks: [{name: K, digest: {username: k, password: x}}, {name: L}]
    application_users: [{user_id: app, digest: {username: a, password: x}}]
`
	files := map[string][]FileCredential{"t": {{"f", "x"}}}
	old := compileYAML(t, doc).WithCredentials(files)
	for change, want := range map[string]bool{
		"→":                                     false,
		"password: x→password: y":               false,
		"username: p,→username: q,":             false, // a phone's
		"username: k→username: l":               true,
		", digest: {username: a, password: x}→": true,
		"{name: L}→{name: L, digest: {username: l, password: x}}": false,
	} {
		was, is, _ := strings.Cut(change, "→")
		next := compileYAML(t, strings.Replace(doc, was, is, 1)).WithCredentials(files)
		c := Affected(old, next).Tenants["t"]
		if got := c != nil && c.Credentials; got != want {
			t.Errorf("%s: %v, want %v", change, got, want)
		}
	}
	if c := Affected(old, compileYAML(t, doc).WithCredentials(nil)); c.Tenants["t"] == nil || !c.Tenants["t"].Credentials {
		t.Error("a user is gone from the files")
	}
}

func TestTrunkInfos(t *testing.T) {
	s := compileYAML(t, trunkAddresses)
	k, ok := s.Trunk("t", "DEST")
	if !ok || fmt.Sprint(k.Destinations) != "[198.51.100.1:5062;transport=tcp far.example]" || k.Protocol != ProtocolSIP {
		t.Errorf("%+v", k)
	}
	if k, _ = s.Trunk("t", "PORT"); fmt.Sprint(k.Destinations) != "[192.0.2.7:5070]" {
		t.Errorf("%+v", k)
	}
	if k, _ = s.Trunk("t", "ONE"); fmt.Sprint(k.Destinations) != "[192.0.2.7 2001:db8::7]" {
		t.Errorf("%+v", k)
	}
	if k, _ = s.Trunk("t", "CERT"); !k.Accepts || k.OutboundDigest.Username != "us" {
		t.Errorf("%+v", k)
	}
	if k, _ = s.Trunk("t", "NET"); k.Accepts || len(k.Destinations) != 0 {
		t.Errorf("%+v", k)
	}
}

// TestRoutes: a route's trunks, what is asked for there, and each trunk's group.
func TestRoutes(t *testing.T) {
	s := compileYAML(t, `
retry_interval: 90
tenants:
  - name: t
    presence_groups: [{name: Far}]
    phones: [{name: P}, {name: F, presence_group: Far}]
    trunks: [{name: A, presence_group: Far}, {name: B}, {name: H, protocol: h323}]
    route_groups: [{name: g, trunks: [A, H, B]}]
    route_lists: [{name: l, route_groups: [g]}]
    route_patterns: [{pattern: "9.5XXX", route_list: l, discard_predot: true, prefix_digits: "00"}]
    sip_route_patterns: [{pattern: far.example, trunk: B}]
    default_presence_trunk: B
`)
	p, f := parseWatcher("phone:P"), parseWatcher("phone:F")
	d := Decide(s, p, Target{Tenant: "t", Number: "95001"}, Counts{})
	r, ok := s.Route("t", d.Route)
	if !ok || fmt.Sprint(r.Trunks) != "[A B]" || r.Dial("95001") != "005001" || (d.Line != Line{Tenant: "t", Number: "95001"}) {
		t.Errorf("%+v of %+v dials %s", r, d, r.Dial("95001"))
	}
	d = Decide(s, p, Target{Tenant: "t", Number: "bob@far.example", Host: "far.example"}, Counts{})
	if r, ok = s.Route("t", d.Route); !ok || r.Dial("bob@far.example") != "bob@far.example" {
		t.Errorf("%+v", r)
	}
	for _, c := range []struct {
		w     Watcher
		trunk string
		want  string
	}{
		{p, "A", `refused default inter-presence-group subscription: disallow`},
		{p, "B", `allowed same group "Standard"`},
		{f, "A", `allowed same group "Far"`},
		{f, "B", `refused default inter-presence-group subscription: disallow`},
		{f, "H", "refused no SIP trunk"},
		{f, "gone", "refused trunk is not in the document"},
		{Watcher{Tenant: "t"}, "B", "challenged credentials needed: not from a trusted network"},
		{Watcher{Tenant: "gone"}, "B", "not_found no such tenant"},
	} {
		d := DecideTrunk(s, c.w, c.trunk)
		if got := fmt.Sprint(d.Outcome, " ", d.Rule); got != c.want {
			t.Errorf("%s over %s: %s, want %s", c.w.ID, c.trunk, got, c.want)
		}
	}
	if _, ok := s.Route("t", "gone"); ok {
		t.Error("a route that does not exist")
	}
	if s.DefaultPresenceTrunk("t") != "B" || s.DefaultPresenceTrunk("u") != "" {
		t.Error("default presence trunk")
	}
	if g := s.Settings(); g.RetryInterval != 90*time.Second || g.RetryLimit != 10 || !g.Enabled || g.WatcherAll || !g.AllowSubscribe || !g.CallLists {
		t.Errorf("settings %+v", g)
	}
}

func TestResolveTarget(t *testing.T) {
	ours := func(h string) bool { return h == "10.0.0.1" }
	one := compileYAML(t, "tenants: [{name: t, trunks: [{name: K}], sip_route_patterns: [{pattern: '*.far.example', trunk: K}]}]")
	own := compileYAML(t, "tenants: [{name: t, domains: [ours.example], trunks: [{name: K}], default_presence_trunk: K}, {name: u, domains: [u.example]}]")
	for _, c := range []struct {
		s          *Snapshot
		user, host string
		want       Target
	}{
		{one, "bob", "a.Far.example:5070", Target{Tenant: "t", Number: "bob@a.far.example", Host: "a.far.example"}},
		{one, "b%6fb", "a.far.example", Target{Tenant: "t", Number: "bob@a.far.example", Host: "a.far.example"}},
		{one, "*891001", "whatever.example", Target{Tenant: "t", Number: "1001"}}, // a single tenant takes any host
		{own, "1001", "ours.example", Target{Tenant: "t", Number: "1001"}},
		{own, "1001", "u.example", Target{Tenant: "u", Number: "1001"}},
		{own, "1001", "10.0.0.1", Target{Tenant: "t", Number: "1001"}},
		{own, "bob", "else.example", Target{Tenant: "t", Number: "bob@else.example", Host: "else.example"}},
	} {
		if got, ok := c.s.ResolveTarget("t", c.user, c.host, ours); !ok || got != c.want {
			t.Errorf("%s@%s: %+v, %v", c.user, c.host, got, ok)
		}
	}
	if got, ok := own.ResolveTarget("u", "bob", "else.example", ours); ok {
		t.Errorf("tenant u has no route, but %+v", got)
	}
}
