package policy

import (
	"net/netip"
	"slices"
	"testing"
)

func TestTenantByHost(t *testing.T) {
	ours := func(h string) bool { return h == "10.0.0.1" || h == "::1" || h == "blf.example" }
	const (
		two  = `tenants: [{name: acme, domains: [acme.example, Acme2.Example.]}, {name: other, domains: [other.example]}]`
		last = "default_tenant: other\n" + two
		one  = `tenants: [{name: acme, domains: [acme.example]}]`
	)
	for _, c := range []struct {
		policy  string
		learned []string
		host    string
		want    string // empty: nobody's
	}{
		{two, nil, "acme.example", "acme"},
		{two, nil, "ACME.example.", "acme"},
		{two, nil, "acme.example:5060", "acme"},
		{two, nil, "acme2.example", "acme"},
		{two, nil, "other.example", "other"},
		{two, nil, "blf.example:5061", "acme"}, // our own: the first tenant is the default
		{two, nil, "[::1]:5060", "acme"},
		{two, nil, "", "acme"},
		{two, nil, "else.example", ""},
		{last, nil, "10.0.0.1", "other"},
		{one, nil, "anything.example", "acme"}, // a single tenant takes any host
		{one, []string{"new.example"}, "new.example", "new.example"},
		{one, []string{"new.example"}, "anything.example", "acme"},
		{`tenants: [{name: acme}]`, []string{"new.example"}, "new.example", "acme"}, // it lists no domains: all are its
		{two, []string{"new.example"}, "NEW.example:5060", "new.example"},
		{"learn_domains: false\n" + two, []string{"new.example"}, "new.example", ""},

		{``, nil, "10.9.9.9", DefaultTenant},
		{``, []string{""}, "10.9.9.9", DefaultTenant},
		{``, []string{"pbx.test"}, "10.9.9.9", "pbx.test"}, // one domain, whatever the phones call us
		{``, []string{"pbx.test", ""}, "10.0.0.1", DefaultTenant},
		{``, []string{"pbx.test", ""}, "pbx.test", "pbx.test"},
		{``, []string{"b.test", "a.test"}, "b.test", "b.test"},
		{``, []string{"b.test", "a.test"}, "10.9.9.9", ""},
	} {
		s := compileYAML(t, c.policy)
		if c.learned != nil {
			s = s.WithDomains(c.learned)
		}
		got, ok := s.TenantByHost(c.host, ours)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s learned %q: host %q is %q's (%v), want %q", c.policy, c.learned, c.host, got, ok, c.want)
		}
	}
}

func TestTenantOfDevice(t *testing.T) {
	for _, c := range []struct {
		policy, domain, source string
		want                   string
		ok                     bool
	}{
		{`tenants: [{name: acme, domains: [a.example]}, {name: b}]`, "A.example", "", "acme", true},
		{`tenants: [{name: acme, domains: [a.example]}, {name: b}]`, "", "b", "b", true},
		{`tenants: [{name: acme, domains: [a.example]}, {name: b}]`, "", "", "acme", true},
		{`tenants: [{name: acme, domains: [a.example]}, {name: b}]`, "new.example", "", "new.example", true},
		{`tenants: [{name: acme}]`, "new.example", "", "acme", true},
		{`learn_domains: no`, "new.example", "", "new.example", false},
		{``, "", "", DefaultTenant, true},
	} {
		got, ok := compileYAML(t, c.policy).TenantOfDevice(c.domain, c.source)
		if got != c.want || ok != c.ok {
			t.Errorf("%s: domain %q source %q: %q, %v, want %q, %v", c.policy, c.domain, c.source, got, ok, c.want, c.ok)
		}
	}
}

// TestWithDomainsKeepsTenants: learning one more domain leaves the others as they are,
// and the order in which PBXs report them does not matter.
func TestWithDomainsKeepsTenants(t *testing.T) {
	base := compileYAML(t, `tenants: [{name: z, domains: [z.example]}]`)
	one := base.WithDomains([]string{"a.example"})
	two := one.WithDomains([]string{"b.example", "A.example.", "b.example", "z.example"})
	if got := two.Tenants(); !slices.Equal(got, []string{"z", "a.example", "b.example"}) {
		t.Errorf("tenants %q", got)
	}
	if c := Affected(one, two); c.All || len(c.Tenants) != 1 || !c.Tenants["b.example"].All {
		t.Errorf("changes %+v", c)
	}
	if got := two.WithDomains(nil).Tenants(); !slices.Equal(got, []string{"z"}) {
		t.Errorf("after forgetting: %q", got)
	}
}

const identities = `
tenants:
  - name: t
    country_code: 1
    partitions: [{name: P}]
    lines:
      - {number: 1001, aliases: [13106341777]}
      - {number: 1002, partition: P}
    phones:
      - {name: SEP1, device: PJSIP/desk1, lines: [1001, 5000]}
      - {name: SEP2, lines: [1002@P, 5000, 1001], digest: {username: u2, ha1: 0123456789abcdef0123456789abcdef}}
      - {name: SEP3, lines: [5000]}
      - {name: SEP4, lines: [5000]}
    end_users:
      - {user_id: alice, digest: {username: alice-app, password: secret}}
`

func TestWatcherByIdentity(t *testing.T) {
	s := compileYAML(t, identities)
	for id, want := range map[string]string{
		"1001": "SEP1", "13106341777": "SEP1", "+1 310 634 1777": "SEP1", "3106341777": "SEP1", // any line identity
		"1002": "SEP2", "u2": "SEP2", // any line, any credential
		"5000":  "SEP3", // shared: the first whose primary line it is
		"desk1": "SEP1", "SEP4": "SEP4",
		"alice": "alice", "alice-app": "alice",
	} {
		w, ok := s.WatcherByIdentity("t", id)
		kind := WatcherPhone
		if want == "alice" {
			kind = WatcherEndUser
		}
		if (!ok || w != Watcher{Tenant: "t", Kind: kind, ID: want}) {
			t.Errorf("%q: %+v, %v, want %s", id, w, ok, want)
		}
	}
	for _, c := range [][2]string{{"t", "9999"}, {"t", ""}, {"u", "1001"}} {
		if w, ok := s.WatcherByIdentity(c[0], c[1]); (ok || w != Watcher{Tenant: c[0], ID: c[1]}) {
			t.Errorf("%q: %+v, %v", c, w, ok)
		}
	}
}

func TestCredentials(t *testing.T) {
	s := compileYAML(t, identities)
	c, ok := s.Credentials("t", "alice-app")
	if (!ok || c.Password != "secret" || c.Watcher != Watcher{Tenant: "t", Kind: WatcherEndUser, ID: "alice", Trusted: true}) {
		t.Errorf("%+v, %v", c, ok)
	}
	c, ok = s.Credentials("t", "u2")
	if !ok || c.HA1 == "" || c.Watcher.ID != "SEP2" {
		t.Errorf("%+v, %v", c, ok)
	}
	for _, u := range [][2]string{{"t", "alice"}, {"x", "u2"}, {"t", ""}} {
		if _, ok := s.Credentials(u[0], u[1]); ok {
			t.Errorf("%q has credentials", u)
		}
	}
}

func TestTrusts(t *testing.T) {
	byDefault := compileYAML(t, "")
	listed := compileYAML(t, "unknown_watchers: {trusted_networks: [192.0.2.0/24, 2001:db8::7]}")
	for addr, want := range map[string][2]bool{
		"127.0.0.1":        {true, false},
		"::1":              {true, false},
		"10.1.2.3":         {true, false},
		"::ffff:10.1.2.3":  {true, false},
		"172.31.0.1":       {true, false},
		"192.168.1.1":      {true, false},
		"fd00::1":          {true, false},
		"fe80::1%eth0":     {true, false},
		"192.0.2.9":        {false, true},
		"::ffff:192.0.2.9": {false, true},
		"2001:db8::7":      {false, true},
		"2001:db8::8":      {false, false},
		"8.8.8.8":          {false, false},
		"172.32.0.1":       {false, false},
	} {
		a := netip.MustParseAddr(addr)
		if got := [2]bool{byDefault.Trusts(a), listed.Trusts(a)}; got != want {
			t.Errorf("%s: got %v, want %v (default, listed)", addr, got, want)
		}
	}
	if byDefault.Trusts(netip.Addr{}) {
		t.Error("no address at all is trusted")
	}
}

func TestFindLine(t *testing.T) {
	s := compileYAML(t, `
tenants:
  - name: t
    country_code: 1
    partitions: [{name: P}]
    calling_search_spaces: [{name: C, partitions: [P]}]
    lines:
      - {number: 1001, display_name: None}
      - {number: 1001, partition: P, aliases: [3106341777], display_name: InP, devices: [PJSIP/1]}
`)
	for _, c := range []struct{ tenant, css, number, want string }{
		{"t", "", "1001", "None"},
		{"t", "C", "1001", "InP"},
		{"t", "C", "+13106341777", "InP"},
		{"t", "", "13106341777", ""},
		{"t", "nope", "1001", ""},
		{"u", "", "1001", ""},
	} {
		l, ok := s.FindLine(c.tenant, c.css, c.number)
		if l.DisplayName != c.want || ok != (c.want != "") {
			t.Errorf("%+v: found %+v", c, l)
		}
	}
	l, _ := s.FindLine("t", "C", "1001")
	if l.Line != (Line{"t", "P", "1001"}) || !slices.Equal(l.Numbers, []string{"1001", "13106341777"}) || l.PresenceGroup != StandardGroup {
		t.Errorf("%+v", l)
	}
	if o := l.Options; !*o.AllowWatch || o.RingInUse != StateBusy || o.RingInAs != StateRinging || o.UnregisteredAs != StateUnknown || o.OffhookAs != StateBusy {
		t.Errorf("defaults %+v", o)
	}
}

func TestWordsOfEveryValue(t *testing.T) {
	for _, v := range Views {
		text, err := v.MarshalText()
		var back View
		if err != nil || back.UnmarshalText(text) != nil || back != v {
			t.Errorf("view %d: %q, %v", v, text, err)
		}
	}
	if _, err := View(99).MarshalText(); err == nil {
		t.Error("view 99 has a word")
	}
	for _, s := range []string{View(9).String(), WatcherKind(9).String(), Step(99).String(), Outcome(9).String()} {
		if s == "" {
			t.Error("a value out of range has no word")
		}
	}
}
