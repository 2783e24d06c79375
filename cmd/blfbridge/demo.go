package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"blfbridge/bridge/config"
	"blfbridge/bridge/demo"
)

func newDemo(c *cli) *cobra.Command {
	o := demo.Options{Source: newSource, Out: c.out}
	var replay, plain bool
	var logFile string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the bridge at work in half a minute",
		Long: `Runs the bridge between an Asterisk and watching phones of several makes, and shows
their lamps while an office of six calls, holds, transfers, picks up and does not want
to be disturbed. What it shows went over ARI and over SIP.

Without --asterisk the Asterisk is a recorded one, served at the wire to the same
adapter; scripts/demo starts a real one and gives its address. An Asterisk of your own
needs the phones of scripts/pbx/asterisk: 1001 to 1006, with the passwords pw1001 and
so on. The ARI password may be in BLFBRIDGE_DEMO_PASSWORD.

Ends by itself with a summary. The exit code is 1 if a watching phone saw a breach of
the standards, a lamp is wrong in the end, or anything drifted.`,
		Example: `  scripts/demo
  blfbridge demo --replay
  blfbridge demo --asterisk http://127.0.0.1:8088/ari --sip 127.0.0.1:5060 --redis`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if replay {
				o.Asterisk = ""
			}
			if o.Password == "" {
				o.Password = c.getenv("BLFBRIDGE_DEMO_PASSWORD")
			}
			if o.Speed <= 0 {
				return &usageError{cmd, errors.New("--speed must be above 0")}
			}
			o.Plain = plain || !bool(c.paint(c.out))
			return c.demo(cmd.Context(), o, logFile)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Asterisk, "asterisk", "", "ARI `URL` of a running Asterisk")
	f.StringVar(&o.User, "user", "blfbridge", "ARI user")
	f.StringVar(&o.Password, "password", "", "ARI password")
	f.StringVar(&o.SIP, "sip", "", "its SIP `host:port`; default port 5060 of the same host")
	f.BoolVar(&replay, "replay", false, "the recorded Asterisk, also with --asterisk")
	f.BoolVar(&o.Redis, "redis", false, "start a redis-server and keep everything there")
	f.BoolVar(&o.KeepRunning, "keep-running", false, "leave everything up after the story, until Ctrl-C")
	f.Float64Var(&o.Speed, "speed", 1, "divide all pauses by this")
	f.BoolVar(&plain, "plain", false, "a line per change, no colours")
	f.StringVar(&logFile, "log", "", "write the bridge's log to `FILE`")
	return cmd
}

// demo runs the demo until it ends or a signal comes.
func (c *cli) demo(ctx context.Context, o demo.Options, logFile string) error {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if logFile != "" {
		f, err := os.Create(logFile)
		if err != nil {
			return err
		}
		defer f.Close()
		log, level, err := newLogger(f, config.Log{Level: "debug", Format: "text"})
		if err != nil {
			return err
		}
		level.Set(slog.LevelDebug)
		o.Logger = log
	}
	err := demo.Run(ctx, o)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}
