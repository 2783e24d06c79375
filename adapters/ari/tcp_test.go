package ari

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"blfbridge/adapters/replay"
	"blfbridge/bridge/device"
)

// start runs a source of New's own making, over real sockets, until the test ends.
func start(t *testing.T, cfg Config) *sink {
	t.Helper()
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := newSink(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- src.Run(ctx, s) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

// eventually polls, in real time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 15 s: %s", what)
		}
	}
}

func (s *sink) call(name string) device.Call {
	st, _ := s.get(name)
	if len(st.Calls) != 1 {
		return device.Call{}
	}
	return st.Calls[0]
}

func TestOverTCPAndTLS(t *testing.T) {
	for _, scheme := range []string{"http", "wss"} {
		t.Run(scheme, func(t *testing.T) {
			pbx := replay.NewARI(replay.ARIConfig{Recording: readRecording(t, "hold.jsonl"), Username: "blf", Password: "secret"})
			srv := httptest.NewUnstartedServer(pbx)
			cfg := Config{Name: "pbx", Username: "blf", Password: "secret"}
			if scheme == "wss" {
				srv.StartTLS()
				roots := x509.NewCertPool()
				roots.AddCert(srv.Certificate())
				cfg.TLS = &tls.Config{RootCAs: roots}
				cfg.URL = strings.Replace(srv.URL, "https", "wss", 1) + "/ari/events"
			} else {
				srv.Start()
				cfg.URL = srv.URL
			}
			t.Cleanup(srv.Close)
			s := start(t, cfg)
			eventually(t, "a snapshot", s.isLive)

			pbx.Next() // 1001 INVITE 1002
			eventually(t, "1002 rings", func() bool { return s.state("PJSIP/1002") == device.Ringing })
			pbx.Next() // answered
			pbx.Next() // 1001 holds
			eventually(t, "1001 holds", func() bool { return s.call("PJSIP/1001").Phase == device.Held })
			if p := s.call("PJSIP/1002").Phase; p != device.Confirmed {
				t.Errorf("the party being held is %v", p)
			}
			if err := pbx.Play(t.Context(), 20); err != nil {
				t.Error(err)
			}
			eventually(t, "both idle", func() bool {
				return s.state("PJSIP/1001") == device.Idle && s.state("PJSIP/1002") == device.Idle
			})
		})
	}
}

func TestTLSErrors(t *testing.T) {
	pbx := replay.NewARI(replay.ARIConfig{Recording: readRecording(t, "reload.jsonl")})
	secure, plain := httptest.NewUnstartedServer(pbx), httptest.NewServer(pbx)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	for _, tc := range []struct {
		name, url string
		want      error
		says      string
	}{
		{"unknown authority", secure.URL, ErrTLS, "check tls"},
		{"https at a plain server", strings.Replace(plain.URL, "http", "https", 1), ErrTLS, "url"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, Config{Name: "pbx", URL: tc.url, Username: "blf", Password: "secret"})
			eventually(t, "a reason", func() bool { return s.lastDown() != nil })
			if err := s.lastDown(); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("down by %v, want %v that says %q", err, tc.want, tc.says)
			}
		})
	}
}

// A server that accepts and says nothing holds nobody up for longer than the deadline.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	began := time.Now()
	s := start(t, Config{
		Name: "pbx", URL: "http://" + l.Addr().String(), Username: "blf", Password: "secret",
		RESTTimeout: 100 * time.Millisecond, HandshakeTimeout: 100 * time.Millisecond,
	})
	eventually(t, "a reason", func() bool { return s.lastDown() != nil })
	if err := s.lastDown(); !errors.Is(err, ErrSlow) {
		t.Errorf("down by %v, want %v", err, ErrSlow)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("after %v", d)
	}
}
