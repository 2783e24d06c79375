package bridge_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/adapters/ari"
	"blfbridge/bridge"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

func TestSmoke(t *testing.T) {
	cfg := config.Defaults()
	cfg.SIP.Listen = []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}
	cfg.Store.Path = t.TempDir() + "/b.db"
	p := config.DefaultPBX()
	p.Name, p.Type, p.URL, p.Username, p.Password = "ast", "asterisk", "http://127.0.0.1:18088", "blf", "blf-secret"
	p.App = "smoke"
	cfg.PBX = []config.PBX{p}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b, err := bridge.New(bridge.Options{Config: cfg, Logger: log, Source: func(p config.PBX, l *slog.Logger, r prometheus.Registerer) (compositor.Source, error) {
		return ari.New(ari.Config{Name: p.Name, URL: p.URL, Username: p.Username, Password: string(p.Password), App: p.App, Logger: l, Registerer: r})
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	defer func() { cancel(); t.Log(<-done) }()
	addr := b.Addrs()[0].Addr.String()
	phone := func(u, proxy string) *siptest.Phone {
		ph, err := siptest.NewPhone(siptest.Config{User: u, Password: "pw" + u, Proxy: proxy, Domain: "127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(ph.Close)
		return ph
	}
	a, c := phone("1001", "127.0.0.1:15060"), phone("1002", "127.0.0.1:15060")
	for _, x := range []*siptest.Phone{a, c} {
		if err := x.Register(ctx, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	w := phone("1006", addr)
	time.Sleep(500 * time.Millisecond)
	s, err := w.Subscribe(ctx, siptest.SubscribeConfig{Target: "1002"})
	if err != nil {
		t.Fatal(err)
	}
	wait := func(st device.State) {
		t.Helper()
		seen, err := s.WaitLamp(st, 3*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s\n%s", st, seen.Body)
	}
	wait(device.Idle)
	call, err := a.Dial(ctx, "1002")
	if err != nil {
		t.Fatal(err)
	}
	wait(device.Ringing)
	in, err := c.Incoming(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = in.Answer()
	wait(device.Busy)
	_ = call.Bye(ctx)
	wait(device.Idle)
	for _, v := range s.Violations() {
		t.Error(v)
	}
}
