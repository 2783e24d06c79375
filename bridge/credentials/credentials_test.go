package credentials

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"blfbridge/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// take returns what was logged since the last take.
func (l *logged) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

func (l *logged) wants(t *testing.T, words ...string) {
	t.Helper()
	got := l.take()
	for _, w := range words {
		if !strings.Contains(got, w) {
			t.Errorf("the log lacks %q:\n%s", w, got)
		}
	}
	if len(words) == 0 && got != "" {
		t.Errorf("logged:\n%s", got)
	}
}

// snapshot is a policy whose tenant t names the locations, the first with tag 1.
func snapshot(t *testing.T, locations ...string) *policy.Snapshot {
	t.Helper()
	tenant := policy.Tenant{Name: "t"}
	for i, l := range locations {
		tenant.AuthenticateCredentials = append(tenant.AuthenticateCredentials, policy.CredentialFile{Tag: i + 1, Location: l})
	}
	s, err := policy.Compile(&policy.Document{Tenants: []policy.Tenant{tenant}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newFiles(timeout time.Duration) (*Files, *logged) {
	l := &logged{}
	return New(Config{Timeout: timeout, Logger: slog.New(slog.NewTextHandler(l, nil))}), l
}

func users(f *Files, s *policy.Snapshot) string {
	var names []string
	for _, c := range f.ByTenant(s)["t"] {
		names = append(names, c.Username+"="+c.Password)
	}
	return strings.Join(names, " ")
}

func write(t *testing.T, name, text string, age time.Duration) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-age)
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

// TestLocal: a file is read again when it changed, and a bad or lost one leaves what was
// good.
func TestLocal(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a.csv"), filepath.Join(t.TempDir(), "b.csv")
	write(t, a, "username,password\nann,1\n", time.Hour)
	write(t, b, "bob,2\n", time.Hour)
	f, log := newFiles(0)
	s := snapshot(t, a, b)
	if !f.Load(t.Context(), s) || users(f, s) != "ann=1 bob=2" {
		t.Fatal(users(f, s))
	}
	log.wants(t, "tenant=t tag=1 file="+a, "users=1", "tag=2")
	if f.Load(t.Context(), s) {
		t.Error("nothing changed")
	}
	log.wants(t)

	write(t, a, "ann,1\nbob\n,\n", time.Minute)
	if f.Load(t.Context(), s) || users(f, s) != "ann=1 bob=2" {
		t.Error(users(f, s))
	}
	log.wants(t, "level=ERROR", "key=authenticate_credentials", a, "line 2: want a user name", "line 3", "users=1")
	f.Load(t.Context(), s)
	log.wants(t) // said once
	if got := f.Failed(); len(got) != 1 || got[a] == "" {
		t.Error(got)
	}

	if err := os.Remove(a); err != nil {
		t.Fatal(err)
	}
	f.Load(t.Context(), s)
	log.wants(t, "level=ERROR", "no such file")
	write(t, a, "ann,3\n", 0)
	if !f.Load(t.Context(), s) || users(f, s) != "ann=3 bob=2" || len(f.Failed()) != 0 {
		t.Error(users(f, s), f.Failed())
	}
	log.wants(t, "level=INFO", "tag=1")

	// What a new policy does not name is forgotten.
	s = snapshot(t, b)
	if !f.Load(t.Context(), s) || users(f, s) != "bob=2" || users(f, snapshot(t, a)) != "" {
		t.Error(users(f, s))
	}
	if none := snapshot(t); !f.Load(t.Context(), none) || f.Load(t.Context(), none) {
		t.Error("all are gone, once")
	}
}

// TestOdd: what is no file to be read to its end.
func TestOdd(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, large, "", 0)
	if err := os.Truncate(large, maxBytes+1); err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{pipe: "no regular file", "/dev/zero": "no regular file", dir: "no regular file", large: "16 MiB"} {
		f, _ := newFiles(0)
		f.Load(t.Context(), snapshot(t, location))
		if got := f.Failed()[location]; !strings.Contains(got, want) {
			t.Errorf("%s: %q", location, got)
		}
	}
}

// TestRemote: a web server is asked whether its file changed, and one that is away, slow
// or says too much leaves what was good.
func TestRemote(t *testing.T) {
	var answer atomic.Pointer[http.HandlerFunc]
	serve := func(h http.HandlerFunc) { answer.Store(&h) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*answer.Load())(w, r) }))
	defer server.Close()
	asked := 0
	good := func(body, tag string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked++
			w.Header().Set("ETag", tag)
			if user, pass, _ := r.BasicAuth(); user != "u" || pass != "hidden" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			if r.Header.Get("If-None-Match") == tag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			fmt.Fprint(w, body)
		}
	}
	url := strings.Replace(server.URL, "http://", "http://u:hidden@", 1) + "/x.csv"
	f, log := newFiles(3 * time.Second)
	s := snapshot(t, url)
	serve(good("ann,1\n", `"1"`))
	if !f.Load(t.Context(), s) || f.Load(t.Context(), s) || users(f, s) != "ann=1" || asked != 2 {
		t.Error(users(f, s), asked)
	}
	if text := log.take(); strings.Contains(text, "hidden") || !strings.Contains(text, "x.csv") {
		t.Errorf("logged:\n%s", text)
	}
	for _, bad := range []struct {
		want string
		h    http.HandlerFunc
	}{
		{"404 Not Found", http.NotFound},
		{"deadline", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{"EOF", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"line 1", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }},
		{"16 MiB", func(w http.ResponseWriter, _ *http.Request) {
			for chunk := make([]byte, 1<<20); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) }},
	} {
		serve(bad.h)
		if f.Load(t.Context(), s) || users(f, s) != "ann=1" {
			t.Errorf("%s: %s", bad.want, users(f, s))
		}
		text := log.take()
		if !strings.Contains(text, bad.want) && !strings.Contains(text, "reset") || strings.Contains(text, "hidden") {
			t.Errorf("%s: logged\n%s", bad.want, text)
		}
	}
	serve(good("ann,1\nbob,2\n", `"2"`))
	if !f.Load(t.Context(), s) || users(f, s) != "ann=1 bob=2" {
		t.Error(users(f, s))
	}
	server.Close()
	if f.Load(t.Context(), s) || users(f, s) != "ann=1 bob=2" || !strings.Contains(f.Failed()[redacted(url)], "refused") {
		t.Error(users(f, s), f.Failed())
	}
}
