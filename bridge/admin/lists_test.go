package admin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/config"
	"blfbridge/bridge/device"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

func phone(number string, state device.State, calls ...device.Call) device.Status {
	return device.Status{Name: "PJSIP/" + number, Number: number, State: state, Calls: calls}
}

func ringingCall() device.Call {
	return device.Call{
		ID: "1", Direction: device.Recipient, Phase: device.Early, Since: time.Unix(1_700_000_000, 0),
		Remote: device.Party{Number: "555123", Name: "Ada"},
	}
}

func office(t *testing.T) *admintest.Rig {
	r := admintest.Start(t, nil)
	r.PBX("ast", phone("99", device.Idle), phone("100", device.Idle), phone("101", device.Ringing, ringingCall()), phone("102", device.Unknown))
	r.PBX("fs", device.Status{Name: "200@shop.test", Number: "200", State: device.Busy}, device.Status{Name: "Custom:DND100", Kind: device.DNDFlag, Number: "100", DND: true})
	return r
}

func TestSources(t *testing.T) {
	r := office(t)
	r.LosePBX("fs", "connection refused")
	var got api.SourceList
	get(t, r.URL+"/api/v1/sources", &got)
	if len(got.Sources) != 2 {
		t.Fatalf("%+v", got)
	}
	a, f := got.Sources[0], got.Sources[1]
	if a.Name != "ast" || !a.Up || !a.Heard || a.Devices != 4 || a.Error != "" || a.Since.IsZero() {
		t.Errorf("%+v", a)
	}
	if f.Name != "fs" || f.Up || !f.Heard || f.Error != "connection refused" {
		t.Errorf("%+v", f)
	}
}

func TestLines(t *testing.T) {
	r := office(t)
	var all api.LineList
	get(t, r.URL+"/api/v1/lines", &all)
	var seen []string
	for _, l := range all.Lines {
		seen = append(seen, l.Number+"="+l.Lamp)
	}
	if got := strings.Join(seen, " "); got != "99=idle 100=dnd 101=ringing 102=unknown 200=busy" || all.Total != 5 {
		t.Fatalf("%s, total %d", got, all.Total)
	}
	if l := all.Lines[1]; l.State != "idle" || !l.DND {
		t.Errorf("DND stands beside the state: %+v", l)
	}
	l := all.Lines[2]
	if len(l.Calls) != 1 || l.Mode != "line" || l.Tenant != "default" || l.Changed.IsZero() {
		t.Fatalf("%+v", l)
	}
	if c := l.Calls[0]; c.Direction != "recipient" || c.Phase != "early" || c.Number != "555123" || c.Name != "Ada" || c.Since.IsZero() {
		t.Errorf("%+v", c)
	}
	for query, want := range map[string]string{
		"state=ringing": "101", "state=dnd": "100", "number=200": "200", "number=%2A99": "", "number=sip:101": "", "tenant=other": "",
		"limit=2": "99 100", "limit=2&offset=2": "101 102", "offset=9": "", "limit=1&state=idle": "99",
	} {
		var got api.LineList
		get(t, r.URL+"/api/v1/lines?"+query, &got)
		var numbers []string
		for _, l := range got.Lines {
			numbers = append(numbers, l.Number)
		}
		if strings.Join(numbers, " ") != want {
			t.Errorf("%s: %v, want %s", query, numbers, want)
		}
		if got.Lines == nil {
			t.Errorf("%s: null instead of an empty list", query)
		}
	}
}

func view(v policy.View) *policy.View { return &v }

func TestSubscriptions(t *testing.T) {
	r := office(t)
	id := r.Subscribe(admintest.Sub{Watcher: "201", Number: "101", Kind: policy.WatcherPhone})
	r.Subscribe(admintest.Sub{Watcher: "201", Number: "100"})
	r.Subscribe(admintest.Sub{Watcher: "99", Number: "101", View: view(policy.ViewState), Event: subscription.Presence})
	r.Subscribe(admintest.Sub{Watcher: "301", Number: "101", View: view(policy.ViewNone)})
	var all api.SubscriptionList
	get(t, r.URL+"/api/v1/subscriptions", &all)
	var seen []string
	for _, s := range all.Subscriptions {
		seen = append(seen, fmt.Sprintf("%s>%s:%s", s.Watcher.ID, s.Presentity.Number, s.Lamp))
	}
	if got := strings.Join(seen, " "); got != "99>101:idle 201>100:dnd 201>101:ringing 301>101:unknown" {
		t.Errorf("what the watchers are shown: %s", got)
	}
	sum := all.Summary
	if all.Total != 4 || all.Matching != 4 || sum.ByEvent["dialog"] != 3 || sum.ByEvent["presence"] != 1 ||
		sum.ByTransport["UDP"] != 4 || sum.ByLamp["unknown"] != 1 || sum.NotDurable != 0 || sum.Failing != 0 {
		t.Errorf("total %d, matching %d, %+v", all.Total, all.Matching, sum)
	}
	var one api.SubscriptionList
	get(t, r.URL+"/api/v1/subscriptions?id="+id, &one)
	if one.Total != 4 || one.Matching != 1 || len(one.Subscriptions) != 1 {
		t.Fatalf("%+v", one)
	}
	s := one.Subscriptions[0]
	if s.ID != id || s.Watcher.Kind != "phone" || s.Watcher.URI != "sip:201@pbx.test" || s.Presentity.URI != "sip:101@pbx.test" ||
		s.Line != "ringing" || s.View != "number" || !s.Pickup || s.Event != "dialog" || s.Content != "dialog-info" || s.Status != "active" ||
		!s.Durable || s.FlowLost || s.Watcher.UserAgent == "" || s.Watcher.Transport != "UDP" || !strings.HasPrefix(s.Watcher.Address, "192.0.2.7:") {
		t.Errorf("%+v", s)
	}
	if s.ExpiresIn < 3590 || s.ExpiresIn > 3600 || time.Until(s.Expires) > time.Hour || time.Since(s.Created) > time.Minute {
		t.Errorf("expires in %d s, at %v, created %v", s.ExpiresIn, s.Expires, s.Created)
	}
	for query, want := range map[string]int{
		"presentity=101": 3, "presentity=100": 1, "presentity=7": 0, "watcher=201": 2, "watcher=sip:201@pbx.test": 2,
		"watcher=201@PBX.test": 2, "watcher=192.0.2.7": 4, "watcher=20": 0, "watcher=201&presentity=100": 1, "tenant=default": 4, "tenant=x": 0, "id=x": 0,
	} {
		var got api.SubscriptionList
		get(t, r.URL+"/api/v1/subscriptions?"+query, &got)
		if got.Matching != want || len(got.Subscriptions) != want || got.Subscriptions == nil {
			t.Errorf("%s: %d, want %d", query, got.Matching, want)
		}
	}
	var page api.SubscriptionList
	get(t, r.URL+"/api/v1/subscriptions?limit=1&offset=3", &page)
	if page.Matching != 4 || len(page.Subscriptions) != 1 || page.Subscriptions[0].Watcher.ID != "301" {
		t.Errorf("%+v", page)
	}
}

// TestManySubscriptions: pages neither lose nor repeat one.
func TestManySubscriptions(t *testing.T) {
	r := office(t)
	const n = 2500
	for i := range n {
		r.Subscribe(admintest.Sub{Watcher: fmt.Sprint(1000 + i%50), Number: fmt.Sprint(2000 + i)})
	}
	seen := map[string]bool{}
	for offset := 0; ; offset += 700 {
		var page api.SubscriptionList
		get(t, fmt.Sprintf("%s/api/v1/subscriptions?limit=700&offset=%d", r.URL, offset), &page)
		if len(page.Subscriptions) == 0 {
			break
		}
		for _, s := range page.Subscriptions {
			if seen[s.ID] {
				t.Fatalf("%s twice", s.ID)
			}
			seen[s.ID] = true
		}
	}
	if len(seen) != n {
		t.Errorf("%d of %d", len(seen), n)
	}
}

func TestPresence(t *testing.T) {
	r := office(t)
	r.Subscribe(admintest.Sub{Watcher: "201", Number: "101"})
	var got api.Presence
	get(t, r.URL+"/api/v1/presence", &got)
	if !got.Enabled || got.MaxSubscriptions != 100_000 || got.Subscriptions != 1 || !got.CallList || got.Server != "0.0.0.0" || got.UnknownWatchers == "" ||
		got.Mode != "beside the PBX" {
		t.Errorf("%+v", got)
	}
	edge := admintest.Start(t, func(c *config.Config) { c.Edge.Enabled = true })
	var front api.Presence
	if get(t, edge.URL+"/api/v1/presence", &front); !strings.HasPrefix(front.Mode, "edge") {
		t.Errorf("%+v", front)
	}
	put(t, r, "max_subscriptions: 50\nblf_for_call_lists: off\n", `*`, 200)
	get(t, r.URL+"/api/v1/presence", &got)
	if got.MaxSubscriptions != 50 || got.CallList {
		t.Errorf("the policy's settings: %+v", got)
	}
	if got.ExternalWatchers || got.ExternalSubscribe || got.RetryInterval != 60 || got.RetryLimit != 10 {
		t.Errorf("CME's defaults: %+v", got)
	}
	put(t, r, `presence_enable: false
watcher_all: true
retry_interval: 90
retry_limit: 20
tenants:
  - name: a
    trunks: [{name: K, addresses: [192.0.2.9]}]
    default_presence_trunk: K
  - name: b
`, `*`, 200)
	get(t, r.URL+"/api/v1/presence", &got)
	if got.Enabled || !got.ExternalWatchers || !got.ExternalSubscribe || !strings.HasPrefix(got.Server, "192.0.2.9") || got.RetryInterval != 90 || got.RetryLimit != 20 {
		t.Errorf("%+v", got)
	}
	if get(t, r.URL+"/api/v1/presence?tenant=b", &got); got.Server != "0.0.0.0" {
		t.Errorf("%+v", got)
	}
	put(t, r, "allow_subscribe: false\ntenants:\n  - name: a\n    trunk_security_profiles: [{name: P, accept_presence_subscription: true}]\n"+
		"    trunks: [{name: K, addresses: [192.0.2.9], security_profile: P}]\n    default_presence_trunk: K\n", `*`, 200)
	if get(t, r.URL+"/api/v1/presence", &got); !got.ExternalWatchers || got.ExternalSubscribe {
		t.Errorf("%+v", got)
	}
}
