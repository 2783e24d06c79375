package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"blfbridge/bridge/bench"
)

// benchServer is the hidden command of the process under load.
const benchServer = "bench-server"

func newBench(c *cli) *cobra.Command {
	var o bench.Options
	var sip, beside string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench [SCENARIO ...]",
		Short: "Measure how many lamps this machine carries",
		Long: `Loads a bridge with phones that subscribe, refresh and answer, and tells latencies,
CPU time and memory. The bridge runs in a process of its own with the store of your
choice; its PBX is played without cost to it. The phones are real UDP sockets of this
process, which retransmit, and check every CSeq, version and lamp.

Scenarios; without any, the first three. The subscriptions stand from one to the next.

  storm    all subscriptions subscribe: with --outstanding of them open, or at --rate
  fanout   all lines change at once, --rounds times: change to NOTIFY
  refresh  all subscriptions are refreshed
  soak     for --duration, --changes a second while subscriptions are refreshed
  restart  the bridge is killed and started: until every phone is notified again
  limit    only the system calls of a NOTIFY and its 200, for --duration: what no
           server on this machine can be cheaper than

With --sip any other server is measured, such as one that you configured yourself; --pid
is needed for its CPU time and memory, and --publish to change its lines, which Kamailio
takes. Do not point it at a server that people use. With --beside it stands at the same
time as the bridge and both are measured in turns, so that what changes on the machine
meets both.

CPU times are microseconds of the server's processes per operation: per SUBSCRIBE with
its 200, NOTIFY and that one's 200; in fanout and soak per NOTIFY. Bytes per subscription
are those after unused memory was given back, as it is after some quiet minutes.

To size a machine, run it there with as many subscriptions and lines as you will have:

  lamps a second  a core sends 1,000,000 / (CPU µs/op of fanout) NOTIFYs a second; plan
                  half of that. A call moves each of its lines two or three times.
  standing load   subscriptions / 1800 refreshes a second if phones refresh after half of
                  an hour, times CPU µs/op of refresh
  power cut       subscriptions / (ops/s of storm) seconds until every lamp is lit; the
                  share of "refused" was told to come again, which is as it should be
  memory          subscriptions x B/subscr. and a third, and 100 MB; run it with --settle 40s
  disk or Redis   the mean of the durable rounds should stay below 10 ms: a SUBSCRIBE waits
                  for one or two of them, a NOTIFY for none
  restart         seconds of restart until phones behind it are right again

Progress goes to standard error: one line on a terminal, elsewhere a line every ten seconds.

The exit code is 1 if any phone saw a breach: a version left out or going back, a wrong
lamp in the end, a SUBSCRIBE without answer.`,
		Example: `  blfbridge bench
  blfbridge bench storm fanout refresh --subscriptions 100000 --lines 2000 --repeat 5
  blfbridge bench fanout --subscriptions 1000 --lines 1 --rounds 50 --pause 50ms
  blfbridge bench limit fanout --turns --repeat 7 --duration 500ms
  blfbridge bench soak --changes 500 --duration 5m --loss 5
  blfbridge bench restart --subscriptions 200000 --lines 4000 --store /var/tmp
  blfbridge bench storm refresh --store redis://127.0.0.1:6379 --store-pid 4711 --json
  blfbridge bench storm fanout --sip 127.0.0.1:15960 --pid 4712 --publish
  blfbridge bench storm refresh --beside 127.0.0.1:15960 --beside-pid 4712 --repeat 8`,
		ValidArgs: bench.Scenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Scenarios = args
			for _, a := range [...]struct {
				flag, text string
				to         *netip.AddrPort
			}{{"sip", sip, &o.SIP}, {"beside", beside, &o.Beside}} {
				if a.text == "" {
					continue
				}
				var err error
				if *a.to, err = netip.ParseAddrPort(a.text); err != nil {
					return &usageError{cmd, fmt.Errorf("--%s: %q is not address:port", a.flag, a.text)}
				}
			}
			o.Loss /= 100
			return c.bench(cmd, o, asJSON)
		},
	}
	f := cmd.Flags()
	f.IntVarP(&o.Subscriptions, "subscriptions", "n", 10000, "how many")
	f.IntVar(&o.Lines, "lines", 200, "how many lines they watch, each as many watchers")
	f.IntVar(&o.Outstanding, "outstanding", 200, "SUBSCRIBEs open at once")
	f.Float64Var(&o.Rate, "rate", 0, "SUBSCRIBEs a second; 0: as fast as --outstanding lets")
	f.IntVar(&o.Rounds, "rounds", 20, "changes of all lines in fanout")
	f.DurationVar(&o.Pause, "pause", 0, "between the rounds")
	f.Float64Var(&o.Changes, "changes", 100, "changes of lines a second in soak")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "of soak and limit")
	f.DurationVar(&o.Settle, "settle", 2*time.Second, "wait before memory is measured; answered requests are forgotten after 32s; 0: not when idle")
	f.IntVar(&o.Repeat, "repeat", 1, "measure storm, fanout and refresh so often")
	f.BoolVar(&o.Turns, "turns", false, "measure the scenarios in turns, --repeat times each")
	f.IntVar(&o.Sockets, "sockets", 4, "UDP sockets that the phones share")
	f.Float64Var(&o.Loss, "loss", 0, "per cent of the datagrams that are lost each way")
	f.StringVar(&o.Store, "store", "", "folder for the bolt store, or redis:// `URL` (its keys begin with bench); default: the temporary folder")
	f.StringVar(&o.Profiles, "profiles", "", "existing `FOLDER` for CPU profiles of the bridge")
	f.StringVar(&sip, "sip", "", "`ADDRESS:PORT` of another server")
	f.IntSliceVar(&o.PIDs, "pid", nil, "its process; children count too")
	f.IntSliceVar(&o.StorePIDs, "store-pid", nil, "process of the store, told apart")
	f.StringVar(&beside, "beside", "", "`ADDRESS:PORT` of another server that is measured in turns with the bridge, --repeat times each")
	f.IntSliceVar(&o.BesidePIDs, "beside-pid", nil, "its process; children count too")
	f.BoolVar(&o.Publish, "publish", false, "change the other server's lines by PUBLISH")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// bench runs the scenarios until they end or a signal comes, and prints what was found.
func (c *cli) bench(cmd *cobra.Command, o bench.Options, asJSON bool) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	o.Server = func() *exec.Cmd {
		child := exec.Command(exe, benchServer)
		child.Stderr = c.err
		bench.Detach(child)
		return child
	}
	progress := func() {}
	if c.paint(c.err) {
		o.Progress = func(text string) { fmt.Fprintf(c.err, "\r\x1b[K%s", text) }
		progress = func() { fmt.Fprint(c.err, "\r\x1b[K") }
	} else {
		o.Progress = seldom(progressPause, func(text string) { fmt.Fprintln(c.err, "bench:", text) })
	}
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := bench.Run(ctx, o)
	progress()
	if errors.Is(err, bench.ErrOptions) {
		return &usageError{cmd, errors.New(strings.TrimPrefix(err.Error(), bench.ErrOptions.Error()+": "))}
	}
	if report != nil && len(report.Results) > 0 {
		print := report.Write
		if asJSON {
			print = func(w io.Writer) error { return json.NewEncoder(w).Encode(report) }
		}
		if err := print(c.out); err != nil {
			return err
		}
		for i := range report.Results {
			err = errors.Join(err, report.Results[i].Err())
		}
	}
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

func newBenchServer(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:    benchServer,
		Short:  "The process that bench measures",
		Hidden: true,
		Args:   exactly(),
		RunE: func(*cobra.Command, []string) error {
			log := slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelError}))
			return bench.ServeChild(context.Background(), c.in, c.out, log)
		},
	}
}

// progressPause is between two lines of progress that nobody overwrites.
const progressPause = 10 * time.Second

// seldom passes a text on if the last one is that long ago; so a short run says nothing. It
// is safe for concurrent use.
func seldom(pause time.Duration, say func(string)) func(string) {
	var mu sync.Mutex // guards last
	last := time.Now()
	return func(text string) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.Sub(last) >= pause {
			last = now
			say(text)
		}
	}
}
