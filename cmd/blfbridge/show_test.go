package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/device"
	"blfbridge/bridge/trunk"
	"blfbridge/policy"
)

func TestShow(t *testing.T) {
	r := admintest.Start(t, nil)
	r.PBX("ast", device.Status{Name: "PJSIP/101", Number: "101", State: device.Idle}, device.Status{Name: "PJSIP/102", Number: "102", State: device.Busy})
	id := r.Subscribe(admintest.Sub{Watcher: "201", Number: "101", Kind: policy.WatcherPhone})
	r.Subscribe(admintest.Sub{Watcher: "201", Number: "102"})
	r.Subscribe(admintest.Sub{Watcher: "202", Number: "102"})
	s := newShell(t)
	show := func(words string) string {
		return s.ok(append(strings.Fields("show presence "+words), "--url", r.URL)...)
	}

	summary := show("subscription")
	lines := strings.Split(strings.TrimSpace(summary), "\n")
	if len(lines) != 6 || lines[0] != "Presence Active Subscription Records Summary: 3 subscriptions" ||
		strings.Join(strings.Fields(lines[1]), " ") != "Watcher Presentity SubID Expires SibID Status" {
		t.Fatalf("%s", summary)
	}
	first := strings.Fields(lines[3])
	if len(first) != 6 || first[0] != "201@192.0.2.7" || first[1] != "101@pbx.test" || first[2] != id || first[4] != "0" || first[5] != "idle" {
		t.Errorf("%q", lines[3])
	}
	if last := strings.Fields(lines[5]); last[0] != "202@192.0.2.7" || last[5] != "busy" {
		t.Errorf("%q", lines[5])
	}
	if got := strings.Count(show("subscription summary"), "\n"); got != 6 {
		t.Errorf("summary: %d lines", got)
	}
	s.says(show("subscriptions --watcher 202"), "1 subscription\n", "202@192.0.2.7")
	s.says(show("subscription presentity 102"), "2 subscriptions", "102@pbx.test")
	s.says(show("subscription presentity 999"), "0 subscriptions")
	details := show("subscription details --watcher 201")
	s.says(details, "Details: 2 subscriptions", "Subscription ID         : "+id, "Watcher type            : phone 201", "Yealink SIP-T46U")
	s.says(show("subscription subid "+id), "Details: 1 subscription\n", id)
	s.fails(exitFailure, []string{"there is no subscription nonsense"}, "show", "presence", "subscription", "subid", "nonsense", "--url", r.URL)
	s.says(show("global"), "Presence feature enable           : TRUE\n", "Presence number of subscriptions  : 3\n", "Presence max subscription allowed : 100000\n")

	s.says(show("external"), "Presence External Presentities: 0 lines\n")
	r.SetExternal(trunk.Row{Line: policy.Line{Tenant: "default", Number: "5001"}, Trunk: "HQ", State: "active", Event: "dialog", Watchers: 2,
		Expires: time.Now().Add(time.Minute)}, trunk.Row{
		Line: policy.Line{Tenant: "default", Partition: "Out", Number: "bob@far.test"}, State: "waiting", Why: "trunk HQ 192.0.2.1: 503 Service Unavailable",
		Retry: time.Now().Add(30 * time.Second), Retries: 1})
	s.says(show("external"), "2 lines\n", "5001", "HQ", " active\n", "bob@far.test (Out)", "waiting, again in ", "trunk HQ 192.0.2.1: 503 Service Unavailable\n")
	s.says(show("external --json"), `"expires_in": 59`, `"retries": 1`)

	r.SetExternal(trunk.Row{ID: "sibling0", Line: policy.Line{Tenant: "default", Number: "101"}})
	s.says(show("subscription presentity 101"), " sibling0 ")
	s.says(show("subscription subid "+id), "Sibling subID           : sibling0\n", "external line")

	var list api.SubscriptionList
	if err := json.Unmarshal([]byte(show("subscription --json")), &list); err != nil || list.Matching != 3 || len(list.Subscriptions) != 3 {
		t.Errorf("%+v, %v", list, err)
	}
	var global api.Presence
	if err := json.Unmarshal([]byte(show("global --json")), &global); err != nil || global.Subscriptions != 3 {
		t.Errorf("%+v, %v", global, err)
	}
}

func TestShowFails(t *testing.T) {
	s := newShell(t)
	for _, words := range []string{"global", "subscription", "subscription details", "subscription presentity 1", "subscription subid 1"} {
		s.fails(exitFailure, []string{"does not answer at http://127.0.0.1:1", "Is it running?"}, append(strings.Fields("show presence "+words), "--url", "http://127.0.0.1:1")...)
	}
	s.file("blf.yaml", strings.Replace(boltConfig, `"127.0.0.1:1"`, `""`, 1))
	s.fails(exitFailure, []string{"admin.listen is empty"}, "show", "presence", "global", "--config", "blf.yaml")
	r := admintest.Start(t, nil)
	r.SetStarting(true)
	s.fails(exitFailure, []string{"still starting"}, "show", "presence", "subscription", "--url", r.URL)
}
