package ari

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"time"

	"blfbridge/adapters/internal/reconnect"
	"blfbridge/bridge/compositor"
)

const (
	provenAfter  = 10 * time.Second // a connection that lived so long was good: the backoff starts over
	replacedWait = time.Minute      // before an application is taken back from another client
	wedgedWait   = time.Minute      // before a locked up ARI is tried again
	wedgedPoll   = 2 * time.Second  // between looks whether Asterisk was restarted meanwhile
)

// Source is one Asterisk; it implements compositor.Source.
type Source struct {
	cfg     Config
	base    *url.URL
	log     *slog.Logger
	metrics *metrics
	client  *client
	model   *model        // owned by Run
	nag     reconnect.Nag // owned by Run

	lookNow chan chan struct{} // asks the session for a comparison now; for tests
}

var _ compositor.Source = (*Source)(nil)

// New makes a source of a valid configuration; the error is ErrConfig and lists every
// bad key. Nothing is connected before Run.
func New(cfg Config) (*Source, error) {
	return newSource(cfg, nil)
}

func newSource(cfg Config, dial dialer) (*Source, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	base, err := baseURL(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: url: %w", ErrConfig, err)
	}
	m, err := newMetrics(cfg.Registerer, cfg.Name)
	if err != nil {
		return nil, fmt.Errorf("ari: metrics of source %q: %w", cfg.Name, err)
	}
	if dial == nil {
		dial = (&net.Dialer{Timeout: cfg.DialTimeout}).DialContext
	}
	return &Source{
		cfg:     cfg,
		base:    base,
		log:     cfg.Logger.With("source", cfg.Name),
		metrics: m,
		client:  newClient(&cfg, base, dial, m),
		model:   newModel(cfg.DNDPrefix, cfg.Devices),
		lookNow: make(chan chan struct{}),
	}, nil
}

// Name is the source's name.
func (s *Source) Name() string { return s.cfg.Name }

// Run connects, feeds sink and connects again until ctx ends; then it returns nil. There
// is no error that no retry can mend: a refused password may be accepted after a change
// in ari.conf. It must not be called twice at a time.
func (s *Source) Run(ctx context.Context, sink compositor.Sink) error {
	defer s.client.http.CloseIdleConnections()
	defer s.metrics.up.Set(0)
	backoff := reconnect.Backoff{Min: s.cfg.BackoffMin, Max: s.cfg.BackoffMax}
	var told error // the last reason given to sink.Down
	down := func(up bool, err error) {
		s.metrics.up.Set(0)
		if ctx.Err() == nil && (up || !sameReason(err, told)) {
			sink.Down(err)
			told = err
		}
	}
	for {
		began := time.Now()
		up, err := s.session(ctx, sink, down)
		if ctx.Err() != nil {
			return nil
		}
		if up && time.Since(began) >= provenAfter {
			backoff.Reset()
			s.nag.Reset()
		}
		if s.pause(ctx, err, &backoff) != nil {
			return nil
		}
		s.metrics.reconnects.Inc()
	}
}

// pause logs why the connection ended and waits before the next.
func (s *Source) pause(ctx context.Context, err error, backoff *reconnect.Backoff) error {
	var wedged *wedgedError
	switch {
	case errors.As(err, &wedged):
		s.metrics.wedged.Set(1)
		s.log.Error("Asterisk's ARI is locked up: no lamp of this source is known until Asterisk is restarted", "error", err)
		return s.awaitRestart(ctx, wedged.startup)
	case errors.Is(err, ErrReplaced):
		s.metrics.replaced.Inc()
		s.log.Error("another client took our application and gets the events now: give each client an app of its own", "app", s.cfg.App, "error", err)
		return reconnect.Sleep(ctx, replacedWait/2+rand.N(replacedWait))
	}
	d := backoff.Next()
	s.log.Log(ctx, s.nag.Level(err), "not connected to Asterisk", "error", err, "retry_in", d)
	return reconnect.Sleep(ctx, d)
}

// awaitRestart waits until Asterisk says that it started at another time, and tries again
// after a while in any case. It does not dial meanwhile: each handshake that hangs takes
// one of Asterisk's HTTP sessions for good.
func (s *Source) awaitRestart(ctx context.Context, startup string) error {
	end := time.Now().Add(wedgedWait/2 + rand.N(wedgedWait))
	for time.Now().Before(end) {
		if err := reconnect.Sleep(ctx, wedgedPoll); err != nil {
			return err
		}
		if i, err := s.client.asteriskInfo(ctx); err == nil && i.Status.StartupTime != startup {
			return nil
		}
	}
	return ctx.Err()
}
