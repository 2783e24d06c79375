package admin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/config"
)

// TestWrites: every write needs the token, on loopback too.
func TestWrites(t *testing.T) {
	r := admintest.Start(t, nil)
	for _, c := range []struct {
		name, auth string
		status     int
		says       string
	}{
		{"none", "", 401, "Authorization: Bearer TOKEN"},
		{"wrong", "Bearer wrong-wrong-wrong", 401, "not the one"},
		{"prefix", "Bearer " + admintest.Token[:8], 401, "not the one"},
		{"longer", "Bearer " + admintest.Token + "x", 401, "not the one"},
		{"basic", "Basic " + admintest.Token, 401, "not the one"},
		{"bare", admintest.Token, 401, "not the one"},
		{"empty bearer", "Bearer ", 401, "not the one"},
		{"right", "Bearer " + admintest.Token, 200, ""},
		{"lower case scheme", "bearer " + admintest.Token, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := r.Reloads()
			a := do(t, "POST", r.URL+"/api/v1/reload", "", "Authorization: "+c.auth)
			if a.status != c.status {
				t.Fatalf("status %d, want %d: %s", a.status, c.status, a.body)
			}
			if done := r.Reloads() - before; (done == 1) != (c.status == 200) {
				t.Errorf("%d reloads", done)
			}
			if c.status == 200 {
				return
			}
			if p := a.problem(t); !strings.Contains(p.Detail, c.says) {
				t.Errorf("detail %q does not say %q", p.Detail, c.says)
			}
			if got := a.header.Get("WWW-Authenticate"); got != `Bearer realm="blfbridge"` {
				t.Errorf("WWW-Authenticate %q", got)
			}
			if strings.Contains(a.body, admintest.Token) {
				t.Error("the answer tells the token")
			}
		})
	}
}

// TestNoToken: without one nothing can be changed, and the answer says what to set.
func TestNoToken(t *testing.T) {
	r := admintest.Start(t, func(c *config.Config) { c.Admin.Token = "" })
	for _, auth := range []string{"", "Bearer ", "Bearer anything-at-all"} {
		a := do(t, "POST", r.URL+"/api/v1/reload", "", "Authorization: "+auth)
		if p := a.problem(t); p.Status != 403 || !strings.Contains(p.Detail, "set admin.token") {
			t.Errorf("%q: %d %q", auth, p.Status, p.Detail)
		}
	}
	if n := r.Reloads(); n != 0 {
		t.Errorf("%d reloads", n)
	}
	get(t, r.URL+"/api/v1/sources", new(map[string]any))
	r.SetToken("another-token") // as a reload of the configuration may
	if a := do(t, "POST", r.URL+"/api/v1/reload", "", "Authorization: Bearer another-token"); a.status != 200 {
		t.Errorf("with the new token: %d %s", a.status, a.body)
	}
}

// TestReadsFromElsewhere: a server that is not known to be on loopback asks for the
// token for all but health and metrics.
func TestReadsFromElsewhere(t *testing.T) {
	r := admintest.Start(t, func(c *config.Config) { c.Admin.Listen = "0.0.0.0:0" })
	port := r.URL[strings.LastIndexByte(r.URL, ':'):]
	url := "http://127.0.0.1" + port
	for path, open := range map[string]bool{
		"/healthz": true, "/readyz": true, "/metrics": true, "/openapi.json": true,
		"/api/v1/sources": false, "/api/v1/lines": false, "/api/v1/subscriptions": false, "/api/v1/policy": false,
		"/api/v1/explain?watcher=1&target=2": false, "/api/v1/presence": false, "/api/v1/version": false, "/api/v1/nonsense": false,
	} {
		a := do(t, "GET", url+path, "")
		if want := map[bool]int{true: 200, false: 401}[open]; a.status != want {
			t.Errorf("%s without token: %d, want %d", path, a.status, want)
		}
		if a = do(t, "GET", url+path, "", bearer); a.status != 200 && path != "/api/v1/nonsense" {
			t.Errorf("%s with token: %d %s", path, a.status, a.body)
		}
	}
	r.SetToken("")
	if p := do(t, "GET", url+"/api/v1/lines", "").problem(t); p.Status != 403 || !strings.Contains(p.Detail, "admin.token") {
		t.Errorf("no token configured: %d %q", p.Status, p.Detail)
	}
}

// TestHandlerAlone: without a listener of ours nothing says who can reach us.
func TestHandlerAlone(t *testing.T) {
	r := admintest.Start(t, nil)
	s, err := admin.New(admin.Config{Backend: r})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(s.Handler())
	defer front.Close()
	if a := do(t, "GET", front.URL+"/api/v1/lines", ""); a.status != 401 {
		t.Errorf("status %d, want 401", a.status)
	}
}

// TestRebinding: a web page whose name was made to point to loopback reads nothing.
func TestRebinding(t *testing.T) {
	r := admintest.Start(t, nil)
	for host, status := range map[string]int{
		"evil.example": 421, "evil.example:8080": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421, "10.0.0.1": 421,
		"localhost": 200, "LOCALHOST:8080": 200, "blf.localhost": 200, "127.0.0.1:1": 200, "[::1]:8080": 200, "127.0.0.2": 200,
	} {
		if a := do(t, "GET", r.URL+"/api/v1/lines", "", "Host: "+host); a.status != status {
			t.Errorf("Host %s: %d, want %d", host, a.status, status)
		}
	}
	if a := do(t, "GET", r.URL+"/api/v1/lines", "", "Host: pbx.example.com", bearer); a.status != 200 {
		t.Errorf("behind a proxy, with the token: %d", a.status)
	}
	if a := do(t, "GET", r.URL+"/healthz", "", "Host: pod.cluster"); a.status != 200 {
		t.Errorf("health under another name: %d", a.status)
	}
}

func TestUnknownPaths(t *testing.T) {
	r := admintest.Start(t, nil)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/", 404, ""},
		{"GET", "/api/v1", 404, ""},
		{"GET", "/api/v2/lines", 404, ""},
		{"GET", "/docs", 404, ""},
		{"POST", "/api/v1/lines", 405, "GET"},
		{"GET", "/api/v1/reload", 405, "POST"},
		{"DELETE", "/api/v1/policy", 405, "GET,PUT"},
		{"POST", "/healthz", 405, "GET"},
		{"BREW", "/api/v1/lines", 405, "GET"},
	} {
		a := do(t, c.method, r.URL+c.path, "", bearer)
		p := a.problem(t)
		if allow := strings.Join(a.header.Values("Allow"), ","); p.Status != c.status || allow != c.allow {
			t.Errorf("%s %s: %d, Allow %q; want %d, %q", c.method, c.path, p.Status, allow, c.status, c.allow)
		}
	}
	for path, status := range map[string]int{"/api/v1/lines?limit=0": 422, "/api/v1/lines?limit=x": 422, "/api/v1/lines?limit=10001": 422,
		"/api/v1/lines?offset=-1": 422, "/api/v1/lines?state=green": 422, "/api/v1/lines?nonsense=1": 422, "/api/v1/explain": 422} {
		if p := do(t, "GET", r.URL+path, "").problem(t); p.Status != status || len(p.Errors) == 0 {
			t.Errorf("%s: %+v, want %d", path, p, status)
		}
	}
}

func TestConsole(t *testing.T) {
	r := admintest.Start(t, nil)
	s, err := admin.New(admin.Config{Backend: r, Console: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<title>console</title>"))
	})})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(s.Handler())
	defer front.Close()
	for path, status := range map[string]int{"/": 200, "/lamps.js": 200, "/healthz": 200, "/api/v1/lines": 401} {
		if a := do(t, "GET", front.URL+path, ""); a.status != status {
			t.Errorf("%s: %d, want %d", path, a.status, status)
		}
	}
	for path, status := range map[string]int{"/api/v1/lines": 200, "/api/nonsense": 404} {
		if a := do(t, "GET", front.URL+path, "", bearer); a.status != status {
			t.Errorf("%s with token: %d, want %d", path, a.status, status)
		}
	}
	if a := do(t, "POST", front.URL+"/lamps.js", "", bearer); a.status != 405 {
		t.Errorf("POST to a page: %d", a.status)
	}
}
