package client_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/config"
	"blfbridge/bridge/device"
	"blfbridge/policy/policystore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, url, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{URL: url, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestEverything(t *testing.T) {
	r := admintest.Start(t, nil)
	r.PBX("ast", device.Status{Name: "PJSIP/101", Number: "101", State: device.Idle}, device.Status{Name: "PJSIP/102", Number: "102", State: device.Busy})
	r.Subscribe(admintest.Sub{Watcher: "201", Number: "101"})
	r.Subscribe(admintest.Sub{Watcher: "202", Number: "102"})
	for _, url := range []string{r.URL, r.URL + "/", r.URL + "/api/v1", r.URL + "/api/v1/"} {
		c, ctx := connect(t, url, admintest.Token), t.Context()
		if v, err := c.Version(ctx); err != nil || v.Version != "v1.2.3-test" {
			t.Fatalf("%s: %+v, %v", url, v, err)
		}
		if s, err := c.Sources(ctx); err != nil || len(s.Sources) != 1 {
			t.Errorf("%+v, %v", s, err)
		}
		if l, err := c.Lines(ctx, client.LineFilter{State: "busy"}); err != nil || len(l.Lines) != 1 || l.Lines[0].Number != "102" {
			t.Errorf("%+v, %v", l, err)
		}
		if s, err := c.Subscriptions(ctx, client.SubscriptionFilter{Watcher: "202"}); err != nil || len(s.Subscriptions) != 1 || s.Total != 2 {
			t.Errorf("%+v, %v", s, err)
		}
		if p, err := c.Presence(ctx, ""); err != nil || p.Subscriptions != 2 {
			t.Errorf("%+v, %v", p, err)
		}
		if e, err := c.Explain(ctx, admin.Question{Watcher: "201", Target: "101"}); err != nil || e.Outcome != "allowed" {
			t.Errorf("%+v, %v", e, err)
		}
		if out, err := c.Reload(ctx); err != nil || out.Message == "" {
			t.Errorf("%+v, %v", out, err)
		}
	}
	if r.Reloads() != 4 {
		t.Errorf("%d reloads", r.Reloads())
	}
}

func TestPolicy(t *testing.T) {
	r := admintest.Start(t, nil)
	c, ctx := connect(t, r.URL, admintest.Token), t.Context()
	out, err := c.ImportPolicy(ctx, []byte("max_subscriptions: 7\n"), client.Edit{IfRevision: policystore.AnyRevision})
	if err != nil || out.Revision != 1 || !out.Changed {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err = c.ImportPolicy(ctx, []byte("{}"), client.Edit{IfRevision: 1, DryRun: true}); err != nil || !out.DryRun || out.Revision != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	text, revision, err := c.Policy(ctx)
	if err != nil || revision != 1 || !strings.Contains(string(text), "max_subscriptions: 7") {
		t.Errorf("%s, %d, %v", text, revision, err)
	}
	if _, err = c.ImportPolicy(ctx, []byte("{}"), client.Edit{}); !errors.Is(err, policystore.ErrConflict) {
		t.Errorf("%v", err)
	}
	_, err = c.ImportPolicy(ctx, []byte("tenants:\n  - {name: a, lines: [{number: 1, class: x}]}\n"), client.Edit{IfRevision: 1})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Line != 2 {
		t.Fatalf("%v", err)
	}
	if want := `tenants[0].lines[0].class (line 2): no line class "x"`; !strings.Contains(err.Error(), want) {
		t.Errorf("%q lacks %q", err, want)
	}
}

// TestPages: a list longer than a page is there whole.
func TestPages(t *testing.T) {
	r := admintest.Start(t, nil)
	devices := make([]device.Status, 12_001)
	for i := range devices {
		n := fmt.Sprint(10_000 + i)
		devices[i] = device.Status{Name: "PJSIP/" + n, Number: n, State: device.Idle}
	}
	r.PBX("ast", devices...)
	l, err := connect(t, r.URL, "").Lines(t.Context(), client.LineFilter{})
	if err != nil || l.Total != len(devices) || len(l.Lines) != len(devices) {
		t.Fatalf("%d of %d, %v", len(l.Lines), l.Total, err)
	}
	for i := range l.Lines {
		if l.Lines[i].Number != devices[i].Number {
			t.Fatalf("%d: %s", i, l.Lines[i].Number)
		}
	}
}

func TestRefused(t *testing.T) {
	r := admintest.Start(t, nil)
	var p *client.Problem
	if _, err := connect(t, r.URL, "").Reload(t.Context()); !errors.As(err, &p) || p.Status != 401 || !strings.Contains(err.Error(), "admin.token") {
		t.Errorf("%v", err)
	}
	if _, err := connect(t, r.URL, "wrong-wrong").Reload(t.Context()); !errors.As(err, &p) || p.Status != 401 {
		t.Errorf("%v", err)
	}
	r2 := admintest.Start(t, func(c *config.Config) { c.Admin.Token = "" })
	if _, err := connect(t, r2.URL, "").Reload(t.Context()); !errors.As(err, &p) || p.Status != 403 {
		t.Errorf("%v", err)
	}
}

func TestUnreachable(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + ln.Addr().String()
	ln.Close()
	if _, err := connect(t, url, "").Version(t.Context()); !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), url) {
		t.Errorf("%v", err)
	}
}

// TestSomethingElse: another server at the URL is told apart, and never gets the token
// passed on.
func TestSomethingElse(t *testing.T) {
	var token string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { token = r.Header.Get("Authorization") }))
	defer other.Close()
	for name, h := range map[string]http.HandlerFunc{
		"page":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"404":      http.NotFound,
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) },
	} {
		s := httptest.NewServer(h)
		_, err := connect(t, s.URL, "secret-token").Version(t.Context())
		if err == nil || !strings.Contains(err.Error(), "does not answer as an admin API does") || errors.Is(err, client.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
		s.Close()
	}
	if token != "" {
		t.Error("the token went elsewhere")
	}
}

func TestURLs(t *testing.T) {
	for _, bad := range []string{"127.0.0.1:8080", "ftp://x", "http://", "http://u:p@host", "http://host/?a", "://"} {
		if _, err := client.New(client.Config{URL: bad}); !errors.Is(err, client.ErrURL) || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
