package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
)

const (
	readyIn      = 15 * time.Second // how long the bridge may take to know the PBX
	watcherPause = 150 * time.Millisecond
	firstPause   = 700 * time.Millisecond
	refreshEvery = 20 * time.Minute
)

// rig is all that runs.
type rig struct {
	o     Options
	board *board
	http  *http.Client

	pbx    pbxPlace
	replay *replayPBX // nil with a real Asterisk
	phones *phoneSet  // nil with a recording
	watch  *watchSet

	bridge       *bridge.Bridge
	sip          string // where the bridge takes SIP
	admin, token string

	undo []func() error // last in, first out
}

func (r *rig) later(undo func() error) { r.undo = append(r.undo, undo) }

// close ends all that was started.
func (r *rig) close() (err error) {
	for i := len(r.undo) - 1; i >= 0; i-- {
		err = errors.Join(err, r.undo[i]())
	}
	r.undo = nil
	return err
}

// open starts everything but the watching.
func (r *rig) open(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "blfbridge-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	r.later(func() error { return os.RemoveAll(dir) })
	r.http = &http.Client{Transport: &http.Transport{}}
	r.later(func() error { r.http.CloseIdleConnections(); return nil })
	cfg := config.Defaults()
	store, err := r.openStore(ctx, cfg, dir)
	if err != nil {
		return err
	}
	if err := r.openPBX(ctx); err != nil {
		return err
	}
	cfg.PBX = []config.PBX{r.pbx.config()}
	if err := importPolicy(ctx, cfg); err != nil {
		return fmt.Errorf("demo: the policy: %w", err)
	}
	if r.sip, err = freeAddress("udp"); err != nil {
		return err
	}
	if err := r.startBridge(ctx, cfg); err != nil {
		return err
	}
	if r.watch, err = openWatchers(r.board, r.sip); err != nil {
		return err
	}
	r.later(func() error { r.watch.close(); return nil })
	source := "Asterisk " + r.pbx.version
	if r.replay != nil {
		source += ", recorded"
	}
	r.board.begin(fmt.Sprintf("%s ─ARI→ bridge + %s ─SIP→ phones", source, store), r.watch.violations)
	r.board.tell(sourceSIP, "the bridge takes SUBSCRIBEs at "+r.sip+", UDP and TCP")
	return nil
}

// openStore chooses the store, and starts a Redis if that is wanted.
func (r *rig) openStore(ctx context.Context, cfg *config.Config, dir string) (name string, err error) {
	if !r.o.Redis {
		cfg.Store.Path = filepath.Join(dir, "demo.db")
		return "bbolt", nil
	}
	redis, err := startRedis(ctx, dir)
	if err != nil {
		return "", err
	}
	r.later(redis.stop)
	cfg.Store.Type, cfg.Store.URL, cfg.Store.Prefix = "redis", []config.Secret{config.Secret("redis://" + redis.addr)}, "demo"
	return "Redis", nil
}

// openPBX finds the Asterisk and registers the office there, or serves the recording.
func (r *rig) openPBX(ctx context.Context) (err error) {
	if r.o.Asterisk == "" {
		if r.replay, err = startReplay(); err != nil {
			return err
		}
		r.later(r.replay.stop)
		r.pbx = r.replay.place()
		return nil
	}
	if r.pbx, err = findAsterisk(ctx, &r.o, r.http); err != nil {
		return err
	}
	if r.phones, err = openPhones(r.board, r.pbx.sip); err != nil {
		return err
	}
	r.later(func() error { r.phones.goodbye(); r.phones.close(); return nil })
	return r.phones.register(ctx)
}

// startBridge starts the bridge and waits until it knows the PBX.
func (r *rig) startBridge(ctx context.Context, cfg *config.Config) (err error) {
	if r.admin, err = freeAddress("tcp"); err != nil {
		return err
	}
	r.token = rand.Text()
	cfg.Admin.Listen, cfg.Admin.Token = r.admin, config.Secret(r.token)
	cfg.SIP.Listen = []string{"udp://" + r.sip, "tcp://" + r.sip}
	r.bridge, err = bridge.New(bridge.Options{
		Config: cfg, Logger: r.o.Logger, Version: "demo",
		Source: func(p config.PBX, l *slog.Logger, reg prometheus.Registerer) (compositor.Source, error) {
			s, err := r.o.Source(p, l, reg)
			if err != nil {
				return nil, err
			}
			return tap{s, r.board}, nil
		},
	})
	if err != nil {
		return fmt.Errorf("demo: the bridge does not start: %w", err)
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it ends after the phones' side
	done := make(chan error, 1)
	go func() { done <- r.bridge.Run(run) }()
	r.later(func() error { cancel(); return <-done })
	return r.ready(ctx, done)
}

// ready waits for /readyz.
func (r *rig) ready(ctx context.Context, ended chan error) error {
	ctx, cancel := context.WithTimeout(ctx, readyIn)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.admin+"/readyz", nil)
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		if resp, err := r.http.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-ended:
			ended <- nil
			return fmt.Errorf("demo: the bridge ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("demo: the bridge is not ready: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stay keeps all running until ctx ends, for phones of your own.
func (r *rig) stay(ctx context.Context) error {
	r.board.now("Stays until Ctrl-C")
	if r.phones != nil {
		r.phones.autoAnswer()
		r.board.tell(sourceSIP, "phones of yours register at "+r.pbx.sip+": 1001 to 1006, passwords pw1001 and so on")
	}
	r.board.tell(sourceSIP, "and watch sip:1001@"+r.sip)
	r.board.tell(sourceSIP, "metrics: http://"+r.admin+"/metrics, REST: http://"+r.admin+"/api/v1/lines")
	for {
		if !sleep(ctx, refreshEvery) {
			return ctx.Err()
		}
		r.watch.refresh(ctx)
		if r.phones != nil {
			if err := r.phones.register(ctx); err != nil {
				r.board.tell(sourceSIP, err.Error())
			}
		}
	}
}
