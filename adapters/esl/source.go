package esl

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/percipia/eslgo/command"

	"blfbridge/adapters/internal/reconnect"
	"blfbridge/bridge/compositor"
)

var _ compositor.Source = (*Source)(nil)

// Source is one FreeSWITCH. It implements compositor.Source.
type Source struct {
	cfg Config
	log *slog.Logger
	m   *metrics

	settle time.Duration // defaultSettle, but in tests
	// applied counts the events applied, so that a test knows when all it sent has arrived.
	applied atomic.Uint64
}

// defaultSettle is the wait before a look that must not be older than the events, and
// after one that may be newer: several times the 35–70 ms by which show channels lags.
const defaultSettle = 250 * time.Millisecond

// New validates cfg; the error wraps ErrConfig and names the key. It does not connect.
func New(cfg Config) (*Source, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Source{
		cfg: cfg,
		log: cfg.Logger.With("source", cfg.Name),
		m:   newMetrics(cfg.Registerer, cfg.Name),

		settle: defaultSettle,
	}, nil
}

// Name is Config.Name.
func (s *Source) Name() string { return s.cfg.Name }

// Run feeds sink until ctx ends and then returns nil. Every failure, a wrong password
// too, is retried with backoff, because all of them can be mended on the PBX. Down is
// called once for each time the PBX is lost or can not be reached from the start.
// Run must not be called twice at a time.
func (s *Source) Run(ctx context.Context, sink compositor.Sink) error {
	backoff := reconnect.Backoff{Min: s.cfg.MinBackoff, Max: s.cfg.MaxBackoff}
	m := newModel(s.cfg)
	down, core := false, ""
	var nag reconnect.Nag
	for {
		ses := session{s: s, sink: sink, m: m, core: core}
		err := ses.run(ctx)
		s.m.up.Set(0)
		if ctx.Err() != nil {
			return nil
		}
		if ses.wasUp {
			core, down = ses.core, false
			backoff.Reset()
			nag.Reset()
		}
		s.log.Log(ctx, nag.Level(err), "FreeSWITCH is lost", "address", s.cfg.Address, "error", err, "was_up", ses.wasUp)
		if !down {
			down = true
			sink.Down(err)
		}
		if backoff.Wait(ctx) != nil {
			return nil
		}
		s.m.reconnects.Inc()
	}
}

func apiDump(uuid string) command.Command {
	return command.API{Command: "uuid_dump", Arguments: uuid + " json"}
}
