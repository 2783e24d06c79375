package policy

import "testing"

func TestSplitURI(t *testing.T) {
	for in, want := range map[string][2]string{
		"1001":                          {"1001", ""},
		"*89101":                        {"*89101", ""},
		"bob@far.example":               {"bob", "far.example"},
		"sip:1001@a.test:5070;x=1?y=z":  {"1001", "a.test:5070"},
		"SIPS:b%6fb@[::1]:5061":         {"b%6fb", "[::1]:5061"},
		`"A <b>" <sip:1@h>;tag=x`:       {"b", ""}, // a quoted bracket is not understood, nor harmful
		"<sip:1001@h;user=phone>;tag=x": {"1001", "h"},
		"sip:a.test":                    {"", "a.test"},
		"tel:+1310;phone-context=x":     {"+1310;phone-context=x", ""},
		"park:701@parkedcalls":          {"park:701@parkedcalls", ""},
		"sip:park:701@parkedcalls@h":    {"park:701@parkedcalls", "h"},
		"":                              {"", ""},
		"sip:":                          {"", ""},
		"sip:@":                         {"", ""},
	} {
		if user, host := SplitURI(in); user != want[0] || host != want[1] {
			t.Errorf("%q: %q at %q, want %q", in, user, host, want)
		}
	}
}

// TestResolveTargetDefaults: a watcher of no tenant yet has the default one's routes.
func TestResolveTargetDefaults(t *testing.T) {
	s := compileYAML(t, `
default_tenant: u
tenants:
  - {name: t, domains: [t.example], trunks: [{name: K}], sip_route_patterns: [{pattern: t-far.example, trunk: K}]}
  - {name: u, domains: [u.example], trunks: [{name: K}], sip_route_patterns: [{pattern: far.example, trunk: K}]}
`)
	if got, ok := s.ResolveTarget("", "bob", "far.example", nil); !ok || got != (Target{Tenant: "u", Number: "bob@far.example", Host: "far.example"}) {
		t.Errorf("%+v", got)
	}
	if got, ok := s.ResolveTarget("", "bob", "t-far.example", nil); ok {
		t.Errorf("the route of another tenant: %+v", got)
	}
	if got, ok := s.ResolveTarget("t", "*891", "U.example.:5060", nil); !ok || got != (Target{Tenant: "u", Number: "1"}) {
		t.Errorf("%+v", got)
	}
	if got, pickup := s.TargetIn("t", "*8977"); got != (Target{Tenant: "t", Number: "77"}) || !pickup {
		t.Errorf("%+v %v", got, pickup)
	}
}
