package admin_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/config"
)

func TestPortInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	r := admintest.Start(t, nil)
	s, err := admin.New(admin.Config{Backend: elsewhere{r, ln.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Listen(t.Context())
	if err == nil || !strings.Contains(err.Error(), "admin.listen "+ln.Addr().String()) || !strings.Contains(err.Error(), "another blfbridge") {
		t.Errorf("%v", err)
	}
	if err := s.Close(); err != nil || s.URL() != "" {
		t.Errorf("closed: %v, %q", err, s.URL())
	}
}

// elsewhere is a rig with another admin.listen.
type elsewhere struct {
	*admintest.Rig
	listen string
}

// Config implements admin.Backend.
func (e elsewhere) Config() *config.Config {
	c := e.Rig.Config()
	c.Admin.Listen = e.listen
	return c
}

// slow is a rig whose readiness takes its time.
type slow struct {
	*admintest.Rig
	asked, proceed chan struct{}
}

// Checks implements admin.Backend.
func (s slow) Checks(context.Context) []api.Check {
	close(s.asked)
	<-s.proceed
	return nil
}

// TestGracefulStop: a request under way is answered, and Run returns after it.
func TestGracefulStop(t *testing.T) {
	b := slow{admintest.Start(t, nil), make(chan struct{}), make(chan struct{})}
	s, err := admin.New(admin.Config{Backend: b})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran, answered := make(chan error, 1), make(chan answer, 1)
	go func() { ran <- s.Run(ctx) }()
	go func() { answered <- do(t, "GET", s.URL()+"/readyz", "") }()
	<-b.asked
	stop()
	select {
	case err := <-ran:
		t.Fatalf("Run returned with a request under way: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(b.proceed)
	if a := <-answered; a.status != 200 {
		t.Errorf("%d", a.status)
	}
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://")); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}

// TestHostileClients: what is no HTTP, too long or unfinished hurts nobody else.
func TestHostileClients(t *testing.T) {
	r := admintest.Start(t, nil)
	addr := strings.TrimPrefix(r.URL, "http://")
	open := func(text string) net.Conn {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_, _ = c.Write([]byte(text))
		return c
	}
	open("GET / HT") // never finished
	open("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
	c := open("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n")
	if res, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
		res.Body.Close()
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("64 KiB of header: %d", res.StatusCode)
		}
	}
	if a := do(t, "GET", r.URL+"/healthz", ""); a.status != 200 {
		t.Errorf("%d", a.status)
	}
	if a := do(t, "POST", r.URL+"/api/v1/reload", strings.Repeat("x", 100<<10), bearer); a.status != 200 {
		t.Errorf("a body nobody asked for: %d", a.status)
	}
}

func TestTLS(t *testing.T) {
	cert, key, pool := admintest.Certificate(t)
	r := admintest.Start(t, func(c *config.Config) { c.Admin.TLS = config.TLS{CertFile: cert, KeyFile: key} })
	if !strings.HasPrefix(r.URL, "https://") {
		t.Fatal(r.URL)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	res, err := client.Get(r.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 || res.TLS.Version < tls.VersionTLS12 {
		t.Errorf("%d, TLS %x", res.StatusCode, res.TLS.Version)
	}
}
