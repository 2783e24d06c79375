package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"blfbridge/bridge/doctor"
)

func newWatch(c *cli) *cobra.Command {
	w := &watchRun{connection: connection{cli: c}}
	cmd := &cobra.Command{
		Use:   "watch [NUMBER]",
		Short: "Watch a line by SIP, as a phone does",
		Long: `Sends a SUBSCRIBE for NUMBER to a server, from this host as a phone on it would, and prints
the lamp of every NOTIFY until it is interrupted. With --once it ends with the first one:
a test of everything between a phone and its lamps. Without NUMBER it is the first line whose lamp
is known, which the admin API is asked for. The line watches itself, unless --as names another watcher.` + connectHelp,
		Example: `  blfbridge watch 1001
  blfbridge watch 1002 --server tcp://blf.example.com --as 1001 --password-file secret.txt
  blfbridge watch --once --server udp://192.0.2.10:5060 --url http://192.0.2.10:8080`,
		Args: between(0, "NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				w.lamp.Line = args[0]
			}
			return w.run(cmd.Context())
		},
	}
	w.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&w.lamp.Server, "server", "udp://127.0.0.1:5060", "`SERVER` as transport://host:port: udp, tcp, tls, ws or wss")
	f.StringVar(&w.lamp.User, "as", "", "`WATCHER` that watches it: digest user or number (default: the line itself)")
	f.StringVar(&w.passwordFile, "password-file", "", "`FILE` with the watcher's digest password")
	f.StringVar(&w.lamp.Event, "event", "dialog", "event `PACKAGE`: dialog or presence")
	f.BoolVar(&w.lamp.Insecure, "insecure", false, "take any certificate")
	f.BoolVar(&w.lamp.Once, "once", false, "end with the first lamp")
	f.DurationVar(&w.lamp.Timeout, "timeout", 10*time.Second, "`TIME` to wait for a line, an answer and the first lamp, each")
	_ = cmd.MarkFlagFilename("password-file")
	return cmd
}

type watchRun struct {
	connection
	lamp         doctor.Lamp
	passwordFile string
}

func (w *watchRun) run(ctx context.Context) error {
	if w.passwordFile != "" {
		text, err := os.ReadFile(w.passwordFile)
		if err != nil {
			return fmt.Errorf("--password-file: %w", err)
		}
		w.lamp.Password = strings.TrimRight(string(text), "\r\n")
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if w.lamp.Line == "" {
		if err := w.find(ctx); err != nil {
			return hint(err)
		}
	}
	w.lamp.Show = func(at time.Time, lamp string) {
		fmt.Fprintf(w.cli.out, "%s %s %s\n", at.Format("15:04:05.000"), w.lamp.Line, lamp)
	}
	return w.lamp.Run(ctx)
}

// find waits for a line: a server that has just started learns them from its PBXs.
func (w *watchRun) find(ctx context.Context) error {
	cl, err := w.reach()
	if err != nil {
		return err
	}
	defer cl.Close()
	for end := time.Now().Add(w.lamp.Timeout); ; {
		w.lamp.Line, err = doctor.AnyLine(ctx, cl)
		if !errors.Is(err, doctor.ErrNoLine) || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}
