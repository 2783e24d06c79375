package bridge_test

import (
	"testing"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// TestTenants: two FreeSWITCHes, each with its own domain, have the same numbers. What
// happens to 1001 of one is not seen at 1001 of the other.
func TestTenants(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		a, b := replayed(t, "two_domains_same_numbers"), replayed(t, "call_answer_caller_hangs_up")
		s := newServer(t, setup{store: st, pbx: freeswitchYAML("a", a, "domains: [tenant2.test]") + freeswitchYAML("b", b, "domains: [pbx.test]")})
		s.start()
		in := func(domain string) *watch {
			return watching(t, s.udp, siptest.Config{Domain: domain}, siptest.SubscribeConfig{Target: "1001"})
		}
		one, two := in("tenant2.test"), in("pbx.test")
		one.shows(device.Idle)
		two.shows(device.Idle)
		playTo(t, a, 1636)
		one.shows(device.Busy)
		if n := len(two.History()); n != 1 || two.Lamp() != device.Idle {
			t.Errorf("1001@pbx.test shows %v after %d NOTIFYs", two.Lamp(), n)
		}
		for _, ok := a.Next(); ok; _, ok = a.Next() {
		}
		one.shows(device.Idle)
		n := len(one.History())
		playTo(t, b, 2155)
		two.shows(device.Busy)
		if len(one.History()) != n {
			t.Errorf("1001@tenant2.test shows %v", one.Lamp())
		}
		// A domain that no PBX has is no tenant.
		if _, err := one.phone.Subscribe(t.Context(), siptest.SubscribeConfig{Target: "sip:1001@tenant3.test"}); siptest.StatusOf(err) != 404 {
			t.Errorf("1001@tenant3.test: %v, want 404", err)
		}
	})
}

// TestAlias is the 2talk way: the key watches the full number with country code at the
// bridge's own address, with or without *89 before it, and sees PJSIP/1001 of its tenant.
func TestAlias(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		phones := ast.phones(t, "1001", "1002")
		s := newServer(t, setup{store: st, pbx: ast.yaml("alias", "tenant: acme"), policy: `
tenants:
  - name: acme
    country_code: "1"
    lines:
      - {number: "1001", aliases: ["13106341777"], devices: [PJSIP/1001]}
  - name: other
    domains: [other.test]
    lines:
      - {number: "1001"}
`})
		s.start()
		var watches []*watch
		for _, target := range []string{"13106341777", "+13106341777", "*8913106341777", "0013106341777", "1001", "3106341777"} {
			w := dialogWatch(t, s.udp, target)
			w.shows(device.Idle)
			watches = append(watches, w)
		}
		other := watching(t, s.udp, siptest.Config{Domain: "other.test"}, siptest.SubscribeConfig{Target: "1001"})
		other.shows(device.Unknown)
		call(t, phones[1], phones[0])
		for _, w := range watches {
			w.shows(device.Busy)
		}
		if n := len(other.History()); n != 1 {
			t.Errorf("1001 of another tenant got %d NOTIFYs", n)
		}
	})
}
