package admin_test

import (
	"errors"
	"strings"
	"testing"

	"blfbridge/bridge/admin"
	"blfbridge/policy"
)

const twoTenants = `unknown_watchers:
  trusted_networks: [10.0.0.0/8]
default_tenant: shop
tenants:
  - name: shop
    domains: [shop.example]
    country_code: 1
    presence_groups: [{name: Board}]
    partitions: [{name: Private}]
    lines:
      - {number: 101, aliases: [13106341777]}
      - {number: 102, presence_group: Board}
      - {number: 103, partition: Private}
      - {number: 104, allow_watch: no}
    phones:
      - name: SEP1
        lines: [201]
        blf_buttons: [{number: 102}]
    end_users:
      - {user_id: ada, presence_group: Board}
  - name: bank
    domains: [bank.example]
    lines: [{number: 101}]
`

func snapshot(t *testing.T, text string) *policy.Snapshot {
	t.Helper()
	d, err := policy.Load([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := policy.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExplain(t *testing.T) {
	f := admin.Facts{Snapshot: snapshot(t, twoTenants), Learned: func(string, string) bool { return false }}
	for _, c := range []struct {
		q            admin.Question
		watcher      string // tenant/kind/id
		target       string // tenant/number
		outcome      string
		status       int
		rule, view   string
		pickup, code bool
	}{
		{q: admin.Question{Watcher: "555", Target: "101"}, watcher: "shop/unknown/555", target: "shop/101", outcome: "allowed", status: 200, rule: `"Standard"`, view: "number", pickup: true},
		{q: admin.Question{Watcher: "555", Target: "*89101"}, watcher: "shop/unknown/555", target: "shop/101", outcome: "allowed", status: 200, view: "number", pickup: true, code: true},
		{q: admin.Question{Watcher: "555", Target: "sip:+13106341777@shop.example;user=phone"}, watcher: "shop/unknown/555", target: "shop/13106341777", outcome: "allowed", status: 200, view: "number", pickup: true},
		{q: admin.Question{Watcher: "555", Target: "102"}, watcher: "shop/unknown/555", target: "shop/102", outcome: "refused", status: 403, rule: "default inter-presence-group subscription"},
		{q: admin.Question{Watcher: "201", Target: "102"}, watcher: "shop/phone/SEP1", target: "shop/102", outcome: "allowed", status: 200, rule: "button", view: "number", pickup: true},
		{q: admin.Question{Watcher: "SEP1", Target: "103"}, watcher: "shop/phone/SEP1", target: "shop/103", outcome: "not_found", status: 404},
		{q: admin.Question{Watcher: `"Ada" <sip:ada@shop.example;x=1>;tag=1`, Target: "102"}, watcher: "shop/end_user/ada", target: "shop/102", outcome: "allowed", status: 200, view: "number", pickup: true},
		{q: admin.Question{Watcher: "201", Target: "104"}, watcher: "shop/phone/SEP1", target: "shop/104", outcome: "allowed", status: 200, rule: "allow watch", view: "none"},
		{q: admin.Question{Watcher: "201@shop.example", Target: "101@bank.example"}, watcher: "shop/phone/SEP1", target: "bank/101", outcome: "not_found", status: 404, rule: "tenants are apart"},
		{q: admin.Question{Watcher: "201@bank.example", Target: "101"}, watcher: "bank/unknown/201@bank.example", target: "bank/101", outcome: "allowed", status: 200, view: "number", pickup: true},
		{q: admin.Question{Watcher: "201", Target: "101", Tenant: "bank"}, watcher: "bank/unknown/201", target: "bank/101", outcome: "allowed", status: 200, view: "number", pickup: true},
		{q: admin.Question{Watcher: "201@elsewhere.example", Target: "101@127.0.0.1:5060"}, watcher: "shop/phone/SEP1", target: "shop/101", outcome: "allowed", status: 200, view: "number", pickup: true},
		{q: admin.Question{Watcher: "201", Target: "101", Source: "10.1.2.3:5060"}, watcher: "shop/phone/SEP1", target: "shop/101", outcome: "allowed", status: 200, view: "number", pickup: true},
		{q: admin.Question{Watcher: "201", Target: "101", Source: "192.0.2.1"}, watcher: "shop/phone/SEP1", target: "shop/101", outcome: "challenged", status: 401, rule: "trusted network"},
		{q: admin.Question{Watcher: "201", Target: "999"}, watcher: "shop/phone/SEP1", target: "shop/999", outcome: "not_found", status: 404},
		{q: admin.Question{Watcher: "201", Target: "101@nowhere.example"}, watcher: "//", target: "/101", outcome: "not_found", status: 404, rule: "belongs to no tenant"},
	} {
		e, err := admin.Explain(f, c.q)
		if err != nil {
			t.Errorf("%+v: %v", c.q, err)
			continue
		}
		watcher, target := e.Watcher.Tenant+"/"+e.Watcher.Kind+"/"+e.Watcher.ID, e.Target.Tenant+"/"+e.Target.Number
		if watcher != c.watcher || target != c.target {
			t.Errorf("%+v: %s watches %s, want %s, %s", c.q, watcher, target, c.watcher, c.target)
		}
		if e.Outcome != c.outcome || e.Status != c.status || e.View != c.view || e.Pickup != c.pickup || e.Target.PickupCode != c.code || !strings.Contains(e.Rule, c.rule) {
			t.Errorf("%+v: %+v", c.q, e)
		}
		if len(e.Steps) == 0 || e.Rule == "" || e.Notes == nil {
			t.Errorf("%+v: no steps: %+v", c.q, e)
		}
		// What is explained is what would be done.
		last := e.Steps[len(e.Steps)-1]
		if last.Result != c.outcome {
			t.Errorf("%+v: last step %+v", c.q, last)
		}
	}
}

func TestExplainLearned(t *testing.T) {
	s := snapshot(t, "")
	e, err := admin.Explain(admin.Facts{Snapshot: s, Learned: func(tenant, number string) bool { return number == "7" }}, admin.Question{Watcher: "1", Target: "7"})
	if err != nil || e.Outcome != "allowed" || !e.Target.Learned || len(e.Notes) != 1 {
		t.Errorf("%+v, %v", e, err)
	}
	e, err = admin.Explain(admin.Facts{Snapshot: s}, admin.Question{Watcher: "1", Target: "8", Source: "192.168.0.1"})
	if err != nil || e.Outcome != "allowed" || len(e.Notes) != 1 || !strings.Contains(e.Notes[0], "no PBX was asked") {
		t.Errorf("%+v, %v", e, err)
	}
	e, err = admin.Explain(admin.Facts{Snapshot: s}, admin.Question{Watcher: "1", Target: "park:701@parkedcalls"})
	if err != nil || e.Target.Number != "park:701@parkedcalls" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestExplainBadQuestions(t *testing.T) {
	f := admin.Facts{Snapshot: snapshot(t, twoTenants)}
	for _, q := range []admin.Question{
		{}, {Watcher: "1"}, {Target: "1"}, {Watcher: "1", Target: " "},
		{Watcher: "1", Target: "2", Tenant: "x"}, {Watcher: "1", Target: "2", Source: "pbx"},
	} {
		if _, err := admin.Explain(f, q); !errors.Is(err, admin.ErrQuestion) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func FuzzExplain(f *testing.F) {
	for _, s := range []string{"201", "sip:201@shop.example", `"x" <sip:1@[::1]:5060>`, "*89101", "@", "<", "park:1@x", "%2A8", "sip:@", "tel:+1;x"} {
		f.Add(s, "101")
		f.Add("201", s)
	}
	d, err := policy.Load([]byte(twoTenants))
	if err != nil {
		f.Fatal(err)
	}
	s, err := policy.Compile(d)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, watcher, target string) {
		e, err := admin.Explain(admin.Facts{Snapshot: s}, admin.Question{Watcher: watcher, Target: target})
		if err == nil && (len(e.Steps) == 0 || e.Outcome == "") {
			t.Errorf("%q %q: %+v", watcher, target, e)
		}
	})
}

const trunkPolicy = `tenants:
  - name: shop
    domains: [shop.example]
    presence_groups: [{name: Board}, {name: Meet}]
    lines: [{number: 101}, {number: 102, presence_group: Meet}]
    phones: [{name: SEP1, lines: [201]}]
    end_users: [{user_id: ada}]
    trunk_security_profiles:
      - {name: apps, accept_presence_subscription: true, digest: true, application_level_authorization: true}
      - {name: open, accept_presence_subscription: true}
      - {name: tls, accept_presence_subscription: true, x509_subject_names: [far.example]}
    trunks:
      - {name: CONF, addresses: [192.0.2.1], security_profile: apps}
      - {name: OPEN, addresses: [192.0.2.2], security_profile: open}
      - {name: TLS, addresses: [192.0.2.3], security_profile: tls}
    application_users:
      - {user_id: meeting, accept_presence_subscription: true, presence_group: Meet, digest: {username: meet, password: x}}
  - name: bank
    domains: [bank.example]
    lines: [{number: 101}]
`

// TestExplainKinds: every kind of watcher can be named, and a source is a trunk's first.
func TestExplainKinds(t *testing.T) {
	f := admin.Facts{Snapshot: snapshot(t, trunkPolicy)}
	for _, c := range []struct {
		q       admin.Question
		watcher string
		status  int
		rule    string
		note    string
	}{
		{q: admin.Question{Watcher: "phone:SEP1", Target: "101"}, watcher: "phone SEP1", status: 200, rule: "same group"},
		{q: admin.Question{Watcher: "phone:gone", Target: "101"}, watcher: "phone gone", status: 401, rule: "not in the document"},
		{q: admin.Question{Watcher: "end_user:ada", Target: "101"}, watcher: "end_user ada", status: 200},
		{q: admin.Question{Watcher: "unknown:201", Target: "101"}, watcher: "unknown 201", status: 200},
		{q: admin.Question{Watcher: "trunk:OPEN", Target: "101"}, watcher: "trunk OPEN", status: 200},
		{q: admin.Question{Watcher: "trunk:OPEN", Target: "102"}, watcher: "trunk OPEN", status: 403, rule: "default inter-presence-group"},
		{q: admin.Question{Watcher: "trunk:CONF", Target: "101"}, watcher: "trunk CONF", status: 403, rule: "no application user's"},
		{q: admin.Question{Watcher: "trunk:CONF", Target: "101", Source: "192.0.2.1"}, watcher: "trunk CONF", status: 401, rule: "credentials needed"},
		{q: admin.Question{Watcher: "trunk:CONF", Target: "101", Source: "192.0.2.2"}, watcher: "trunk CONF", status: 401, note: "no address of trunk CONF"},
		{q: admin.Question{Watcher: "trunk:gone", Target: "101"}, watcher: "trunk gone", status: 403, rule: "not in the document"},
		{q: admin.Question{Watcher: "trunk:OPEN", Target: "sip:101@bank.example", Tenant: "shop"}, watcher: "trunk OPEN", status: 404, rule: "tenants are apart"},
		{q: admin.Question{Watcher: "application:meeting@CONF", Target: "102"}, watcher: "application_user meeting CONF", status: 200, rule: `"Meet"`},
		{q: admin.Question{Watcher: "application:meeting@CONF", Target: "101"}, watcher: "application_user meeting CONF", status: 403},
		{q: admin.Question{Watcher: "application:meeting@OPEN", Target: "101"}, watcher: "application_user meeting OPEN", status: 200},
		{q: admin.Question{Watcher: "meet", Target: "102", Source: "192.0.2.1:5060"}, watcher: "application_user meeting CONF", status: 200, note: "credentials of meet count as right"},
		{q: admin.Question{Watcher: "201", Target: "101", Source: "192.0.2.2"}, watcher: "trunk OPEN", status: 200, note: "whoever it says to be"},
		{q: admin.Question{Watcher: "phone:SEP1", Target: "101", Source: "192.0.2.2"}, watcher: "phone SEP1", status: 401, note: "is an address of trunk OPEN"},
		{q: admin.Question{Watcher: "201", Target: "101", Source: "192.0.2.3"}, watcher: "trunk  TLS", status: 403, rule: "certificate"},
		{q: admin.Question{Watcher: "ada", Target: "101"}, watcher: "end_user ada", status: 200},
	} {
		e, err := admin.Explain(f, c.q)
		if err != nil {
			t.Errorf("%+v: %v", c.q, err)
			continue
		}
		got := strings.TrimSpace(e.Watcher.Kind + " " + e.Watcher.ID + " " + e.Watcher.Trunk)
		if got != c.watcher || e.Status != c.status || !strings.Contains(e.Rule, c.rule) || !strings.Contains(strings.Join(e.Notes, "; "), c.note) {
			t.Errorf("%+v: %s %d %q notes %q", c.q, got, e.Status, e.Rule, e.Notes)
		}
	}
	for _, q := range []string{"application:meeting", "application:@CONF", "trunk:", "phone:"} {
		if _, err := admin.Explain(f, admin.Question{Watcher: q, Target: "101"}); !errors.Is(err, admin.ErrQuestion) {
			t.Errorf("%s: %v", q, err)
		}
	}
}
