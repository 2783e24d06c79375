package admin_test

import (
	"errors"
	"strings"
	"testing"

	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/config"
	"blfbridge/policy"
)

func TestReadiness(t *testing.T) {
	r := admintest.Start(t, nil)
	for _, c := range []struct {
		name   string
		checks []api.Check
		status int
	}{
		{"all well", []api.Check{{Name: "sip", OK: true, Required: true}, {Name: "store", OK: true}}, 200},
		{"store and PBX away", []api.Check{{Name: "sip", OK: true, Required: true}, {Name: "store", Detail: "dial tcp 10.0.0.5:6379"}, {Name: "pbx/ast"}}, 200},
		{"subscriptions not loaded", []api.Check{{Name: "sip", OK: true, Required: true}, {Name: "subscriptions", Required: true}}, 503},
	} {
		r.SetChecks(c.checks...)
		a := do(t, "GET", r.URL+"/readyz", "")
		var got api.Readiness
		a.json(t, &got)
		if a.status != c.status || got.Ready != (c.status == 200) || len(got.Checks) != len(c.checks) {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
		if a := do(t, "GET", r.URL+"/healthz", ""); a.status != 200 {
			t.Errorf("%s: health %d", c.name, a.status)
		}
	}
}

// TestReadinessElsewhere: details may hold addresses, so that strangers do not get them.
func TestReadinessElsewhere(t *testing.T) {
	r := admintest.Start(t, func(c *config.Config) { c.Admin.Listen = "0.0.0.0:0" })
	r.SetChecks(api.Check{Name: "store", Detail: "dial tcp 10.0.0.5:6379"})
	url := "http://127.0.0.1" + r.URL[strings.LastIndexByte(r.URL, ':'):]
	if a := do(t, "GET", url+"/readyz", ""); strings.Contains(a.body, "10.0.0.5") || !strings.Contains(a.body, "store") {
		t.Errorf("without token: %s", a.body)
	}
	if a := do(t, "GET", url+"/readyz", "", bearer); !strings.Contains(a.body, "10.0.0.5") {
		t.Errorf("with token: %s", a.body)
	}
}

func TestStarting(t *testing.T) {
	r := admintest.Start(t, nil)
	r.SetStarting(true)
	for _, path := range []string{"sources", "lines", "subscriptions", "presence", "explain?watcher=1&target=2", "policy"} {
		if p := do(t, "GET", r.URL+"/api/v1/"+path, "").problem(t); p.Status != 503 || !strings.Contains(p.Detail, "/readyz") {
			t.Errorf("%s: %+v", path, p)
		}
	}
	put(t, r, board, "*", 503)
	if a := do(t, "GET", r.URL+"/healthz", ""); a.status != 200 {
		t.Errorf("health: %d", a.status)
	}
}

func TestReloadFails(t *testing.T) {
	r := admintest.Start(t, nil)
	reload := func() answer { return do(t, "POST", r.URL+"/api/v1/reload", "", bearer) }
	r.FailReload(config.Problems{{File: "blf.yaml", Line: 3, Path: "sip.nat", Message: "unknown value \"x\""}})
	if p := reload().problem(t); p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Message != `blf.yaml:3: sip.nat: unknown value "x"` {
		t.Errorf("%+v", p)
	}
	r.FailReload(policy.Problems{{Path: "tenants[0].name", Line: 2, Message: "a tenant needs a name"}})
	if p := reload().problem(t); p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Location != "tenants[0].name" {
		t.Errorf("%+v", p)
	}
	r.FailReload(errors.New("disk on fire"))
	if p := reload().problem(t); p.Status != 500 || !strings.Contains(p.Detail, "disk on fire") {
		t.Errorf("%+v", p)
	}
}

func TestVersionAndMetrics(t *testing.T) {
	r := admintest.Start(t, nil)
	var v api.Version
	get(t, r.URL+"/api/v1/version", &v)
	if v.Version != "v1.2.3-test" || !strings.HasPrefix(v.GoVersion, "go") || v.Started.IsZero() {
		t.Errorf("%+v", v)
	}
	do(t, "GET", r.URL+"/api/v1/nonsense", "")
	do(t, "BREW", r.URL+"/coffee", "", bearer)
	a := do(t, "GET", r.URL+"/metrics", "")
	for _, want := range []string{
		`blfbridge_admin_requests_total{method="GET",status="200"} 1`,
		`blfbridge_admin_requests_total{method="GET",status="404"} 1`,
		`blfbridge_admin_requests_total{method="other",status="404"} 1`,
		"blfbridge_admin_request_seconds_count 3", "blfbridge_subscriptions",
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %q in\n%s", want, a.body)
		}
	}
}
