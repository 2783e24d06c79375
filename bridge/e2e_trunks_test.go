package bridge_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// trunksPolicy has a trunk by address, and one with an application user behind it.
const trunksPolicy = `
tenants:
  - name: default
    lines: [{number: "1001"}, {number: "1002"}]
    trunk_security_profiles:
      - {name: open, accept_presence_subscription: true}
      - {name: apps, accept_presence_subscription: true, digest: true, application_level_authorization: true}
    trunks:
      - {name: OPEN, addresses: [127.0.3.1], security_profile: open}
      - {name: CONF, addresses: [127.0.3.2], security_profile: apps}
    application_users:
      - {user_id: meeting, accept_presence_subscription: true, digest: {username: meet, password: s3cret}}
`

// TestTrunksStand: subscriptions of a trunk and of an application user are refreshed,
// outlive the process, and end live when what they rest on is taken away; a phone's stays.
func TestTrunksStand(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		fs := replayed(t, "call_answer_caller_hangs_up")
		o := setup{store: st, pbx: freeswitchYAML("fs", fs), policy: trunksPolicy}
		s := newServer(t, o)
		s.start()
		trunk := siptest.Config{Listen: "127.0.3.1:0"}
		app := siptest.Config{Listen: "127.0.3.2:0", AuthUser: "meet", Password: "s3cret"}
		gaps := siptest.SubscribeConfig{Target: "1001", GapsAllowed: true}
		start := func() (k, a, p *watch) {
			t.Helper()
			return watching(t, s.udp, trunk, gaps), watching(t, s.udp, app, gaps), watching(t, s.udp, siptest.Config{}, gaps)
		}
		change := func(from, to string) {
			t.Helper()
			if !strings.Contains(trunksPolicy, from) {
				t.Fatal(from)
			}
			o.policy = strings.Replace(trunksPolicy, from, to, 1)
			s.configure(o)
			if code, body := s.ask("POST", "/api/v1/reload", ""); code/100 != 2 {
				t.Fatalf("reloading: %d %s", code, body)
			}
		}
		ends := func(w *watch, reason string) {
			t.Helper()
			if seen, err := w.WaitTerminated(lampTime); err != nil || seen.Reason != reason {
				t.Errorf("ended with %q, want %q: %v", seen.Reason, reason, err)
			}
		}
		k, a, p := start()
		s.stop()
		s.start()
		for _, w := range []*watch{k, a, p} {
			if err := w.Refresh(t.Context(), 600); err != nil {
				t.Errorf("a refresh after a restart: %v", err)
			}
			w.shows(device.Idle)
		}

		change("addresses: [127.0.3.1]", "addresses: [127.0.3.9]")
		ends(k, "rejected")
		change("{name: apps, accept_presence_subscription: true", "{name: apps")
		ends(a, "rejected")
		change("127.0.3.1", "127.0.3.1") // all as at first
		k, a, _ = start()
		change("accept_presence_subscription: true, digest: {username: meet", "digest: {username: meet")
		ends(a, "rejected")
		change("{name: open, accept", "{name: open, digest: true, accept")
		ends(k, "deactivated") // it may come back with credentials
		if _, err := k.phone.Subscribe(t.Context(), gaps); siptest.StatusOf(err) != 401 {
			t.Errorf("without credentials: %v", err)
		}
		if w, ok := p.Last(); !ok || w.Substate != "active" || len(p.History()) > 3 {
			t.Errorf("the phone's subscription was touched: %+v", p.History())
		}
	})
}

// TestCredentialFiles: who is on the other end of a trunk is in a file and on a web server;
// what changes there is seen without a reload, and a server that is away takes nothing.
func TestCredentialFiles(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		fs := replayed(t, "call_answer_caller_hangs_up")
		var csv atomic.Pointer[string]
		serve := func(text string) { csv.Store(&text) }
		serve("remote,s3cret\n")
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, *csv.Load()) }))
		defer web.Close()
		file := filepath.Join(t.TempDir(), "users.csv")
		if err := os.WriteFile(file, []byte("local,s3cret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := newServer(t, setup{store: st, pbx: freeswitchYAML("fs", fs), policy: `
watcher_all: true
tenants:
  - name: default
    authenticate_presence: true
    authenticate_credentials: [{tag: 1, location: ` + file + `}, {tag: 2, location: "` + web.URL + `/users.csv"}]
    trunks: [{name: FAR, addresses: [127.0.3.1]}]
`})
		text, err := os.ReadFile(s.path)
		if err != nil {
			t.Fatal(err)
		}
		s.write(s.path, strings.Replace(string(text), "policy: {file:", "policy: {credentials_refresh: 1s, file:", 1))
		s.start()
		status := func(user, password string) int {
			t.Helper()
			p, err := siptest.NewPhone(siptest.Config{User: "1006", AuthUser: user, Password: password, Listen: "127.0.3.1:0", Proxy: s.udp, Domain: "127.0.0.1"})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if _, err = p.Subscribe(t.Context(), siptest.SubscribeConfig{Target: "1001"}); err == nil {
				return 200
			}
			return siptest.StatusOf(err)
		}
		becomes := func(user, password string, wanted int) {
			t.Helper()
			s.eventually(4*lampTime, user+" with "+password, func() error { return want(float64(status(user, password)), float64(wanted)) })
		}
		becomes("local", "s3cret", 200)
		becomes("remote", "s3cret", 200)
		becomes("remote", "other", 401)
		becomes("nobody", "s3cret", 401)
		serve("remote,changed\nlate,s3cret\n")
		becomes("remote", "changed", 200)
		becomes("remote", "s3cret", 401)
		becomes("late", "s3cret", 200)
		serve("remote\n")
		s.logged(lampTime, "level=ERROR", "tag=2", web.URL, "line 1")
		becomes("remote", "changed", 200)
		web.Close()
		s.logged(lampTime, "level=ERROR", "tag=2", "refused")
		becomes("remote", "changed", 200)
		becomes("local", "s3cret", 200)
		s.signal(syscall.SIGHUP)
		s.logged(lampTime, "configuration and policy are reloaded")
		becomes("remote", "changed", 200)
	})
}
