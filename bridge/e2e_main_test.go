package bridge_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"blfbridge/adapters/ari"
	"blfbridge/adapters/esl"
	"blfbridge/bridge"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
)

// childEnv names the configuration file of a bridge that runs as a process of its own,
// to be stopped and killed: the test binary, run again.
const childEnv = "BLFBRIDGE_TEST_SERVE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		if err := serve(path); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		stopAsterisks()
		os.Exit(code)
	}))
}

// serve runs a bridge with the real adapters until SIGTERM; SIGHUP reloads.
func serve(path string) error {
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b, err := bridge.New(bridge.Options{
		Config: cfg, Source: source, Logger: log,
		Reload: func() (*config.Config, error) { return config.Load(path) },
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	go func() {
		for range hup {
			if err := b.Reload(ctx); err != nil {
				log.Error("not reloaded", "error", err)
			}
		}
	}()
	return b.Run(ctx)
}

// source makes the source of one PBX, as the program does.
func source(p config.PBX, log *slog.Logger, r prometheus.Registerer) (compositor.Source, error) {
	tls, err := p.TLS.Config()
	if err != nil {
		return nil, err
	}
	if p.Type == "freeswitch" {
		return esl.New(esl.Config{
			Name: p.Name, Address: p.Address, Password: string(p.Password), User: p.Username, Profiles: p.Profiles,
			Domains: p.Domains, Devices: p.Devices, Reconcile: p.Reconcile, Logger: log, Registerer: r,
		})
	}
	return ari.New(ari.Config{
		Name: p.Name, URL: p.URL, Username: p.Username, Password: string(p.Password), App: p.App, TLS: tls,
		Devices: p.Devices, DNDPrefix: p.DNDPrefix, NoDialogs: !p.Dialogs, Reconcile: p.Reconcile, Logger: log, Registerer: r,
	})
}
