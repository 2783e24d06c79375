package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"blfbridge/bridge"
	"blfbridge/bridge/admin"
	"blfbridge/bridge/config"
)

func newServe(c *cli) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Runs the server until SIGTERM or SIGINT, and then stops in order: outstanding NOTIFYs
are finished, all is written, and the subscriptions stand for the next process. A
second signal stops at once.

SIGHUP reads the configuration and the policy again. If anything is wrong with them
it is logged, and what was in force stays. PBXs that did not change are not touched.`,
		Example: `  blfbridge serve --config /etc/blfbridge/blfbridge.yaml
  ARI_PASSWORD=secret blfbridge serve --config blfbridge.yaml
  kill -HUP $(pidof blfbridge)`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				file = c.getenv(configEnv)
			}
			if file == "" {
				return &usageError{cmd, errors.New("--config FILE is missing; 'blfbridge config defaults > blfbridge.yaml' makes one")}
			}
			return c.serve(cmd.Context(), file)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration `FILE` (default $"+configEnv+")")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	return cmd
}

func (c *cli) serve(ctx context.Context, file string) error {
	cfg, err := config.Load(file)
	if err != nil {
		return err
	}
	log, level, err := newLogger(c.err, cfg.Log)
	if err != nil {
		return err
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	log.Info("blfbridge starts", "version", buildVersion(), "config", file, "store", describeStore(&cfg.Store))
	if err := c.sayWatchersRule(ctx, cfg, log); err != nil {
		return err
	}
	b, err := bridge.New(bridge.Options{
		Config: cfg, Source: newSource, Level: level, Version: buildVersion(), Logger: log,
		Reload: func() (*config.Config, error) { return config.Load(file) },
	})
	if err != nil {
		return err
	}
	for _, l := range b.Addrs() {
		log.Info("listening for SUBSCRIBEs", "transport", l.Transport.String(), "address", l.Addr.String())
	}
	for _, p := range cfg.PBX {
		log.Info("PBX", "source", p.Name, "type", p.Type, "at", p.URL+p.Address)
	}
	ended := make(chan struct{})
	defer close(ended)
	go c.obey(signals, ended, stop, func() {
		if err := b.Reload(ctx); err != nil {
			log.Error("not reloaded; what was in force stays", "error", err)
		}
	}, log)
	if err := b.Run(ctx); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// bounce is how soon after the first a signal to stop counts as the same: timeout(1) and
// some supervisors signal a process and then its group.
const bounce = 300 * time.Millisecond

// obey does what signals ask for until the server has ended.
func (c *cli) obey(signals <-chan os.Signal, ended <-chan struct{}, stop, reload func(), log *slog.Logger) {
	var stopping time.Time // zero until the first signal to stop
	for {
		select {
		case <-ended:
			return
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP && stopping.IsZero():
				reload()
			case s == syscall.SIGHUP:
			case !stopping.IsZero() && time.Since(stopping) < bounce:
			case !stopping.IsZero():
				log.Warn("stopped at once by a second signal", "signal", s.String())
				os.Exit(exitFailure)
			default:
				stopping = time.Now()
				log.Info("stopping; a second signal stops at once", "signal", s.String())
				stop()
			}
		}
	}
}

// sayWatchersRule tells who may watch without being listed. A Redis that is away does
// not hinder the start.
func (c *cli) sayWatchersRule(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	d, revision, from, err := c.storedPolicy(ctx, cfg)
	switch {
	case err != nil && cfg.Policy.File == "" && cfg.Store.Type == "redis":
		log.Warn("the policy says who may watch without being listed, and cannot be read yet", "error", err)
		return nil
	case err != nil:
		return err
	}
	log.Info(admin.WatchersRule(d, cfg), "policy", from, "revision", revision)
	return nil
}
