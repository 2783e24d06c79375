// Command live plays a small office's calls on a real PBX and checks every lamp that
// the bridge shows of them. scripts/test-live runs it; needs.go says what the PBX must have.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"blfbridge/bridge/siptest/scenario"
)

// options are the command line.
type options struct {
	asterisk, ariUser, ariPassword string
	freeswitch, eslPassword        string
	sip, domain, users, codes      string
	bridge, watcher, only          string
	program                        string
	schemas                        string
	tcp, lab, edge, plain, verbose bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "test-live:", err)
		os.Exit(1)
	case !ok:
		os.Exit(1)
	}
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("test-live", flag.ContinueOnError)
	f.StringVar(&o.asterisk, "asterisk", "", "ARI `URL` of an Asterisk, such as http://127.0.0.1:8088/ari")
	f.StringVar(&o.ariUser, "ari-user", "blfbridge", "ARI user")
	f.StringVar(&o.ariPassword, "ari-password", "", "ARI password, or in BLFBRIDGE_LIVE_PASSWORD")
	f.StringVar(&o.freeswitch, "freeswitch", "", "event socket `host:port` of a FreeSWITCH, such as 127.0.0.1:8021")
	f.StringVar(&o.eslPassword, "esl-password", "", "event socket password, or in BLFBRIDGE_LIVE_PASSWORD")
	f.BoolVar(&o.lab, "lab", false, "start the Asterisk of scripts/pbx and use that")
	f.StringVar(&o.sip, "sip", "", "the PBX's SIP `host:port`; default port 5060 of the same host")
	f.StringVar(&o.domain, "domain", "", "the phones' SIP domain; default the host of --sip")
	f.StringVar(&o.users, "users", "", "five `number:password`, comma-separated: phones A, B, C, D and, through the edge, E")
	f.StringVar(&o.codes, "codes", "pickup=*89,dnd-on=*78,dnd-off=*79", "the PBX's feature codes; an empty one leaves its scenarios out")
	f.BoolVar(&o.edge, "edge", true, "play what goes through the edge, too; not with --bridge or --scenarios")
	f.BoolVar(&o.tcp, "tcp", false, "the calling phones use TCP")
	f.StringVar(&o.program, "program", "", "a FreeSWITCH's `file`, such as /usr/bin/freeswitch: it is started with files that know nothing of blfbridge,\nand what pbx-config prints is pasted into them; only with --freeswitch")
	f.StringVar(&o.bridge, "bridge", "", "SIP `host:port` of a bridge that runs already; default: build and start one")
	f.StringVar(&o.watcher, "watcher", "", "`number:password` the watchers log in with; default phone D without password")
	f.StringVar(&o.only, "scenarios", "", "only these, comma-separated; \"list\" lists them")
	f.StringVar(&o.schemas, "schemas", "bridge/eventpkg/testdata/schema", "`folder` of the XML schemas; empty: no validation")
	f.BoolVar(&o.plain, "plain", false, "no colours")
	f.BoolVar(&o.verbose, "v", false, "log what the phones and the bridge say")
	f.Usage = func() {
		fmt.Fprint(f.Output(), "usage: scripts/test-live --asterisk URL | --freeswitch HOST:PORT | --lab  [options]\n\n", needs, "\nOptions:\n")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	n := 0
	for _, given := range []bool{o.asterisk != "", o.freeswitch != "", o.lab} {
		if given {
			n++
		}
	}
	if o.only != "list" && n != 1 {
		f.Usage()
		return o, flag.ErrHelp
	}
	if o.program != "" {
		if o.program, err = filepath.Abs(o.program); err != nil || o.freeswitch == "" {
			return o, errors.Join(err, errors.New("--program goes with --freeswitch"))
		}
	}
	secret := os.Getenv("BLFBRIDGE_LIVE_PASSWORD")
	if o.ariPassword == "" {
		o.ariPassword = secret
	}
	if o.eslPassword == "" {
		o.eslPassword = secret
	}
	return o, nil
}

func run(ctx context.Context, args []string) (ok bool, err error) {
	o, err := parse(args)
	if err != nil {
		return false, err
	}
	list, err := choose(o.only)
	if list == nil || err != nil {
		return err == nil, err
	}
	log := slog.New(slog.DiscardHandler)
	if o.verbose {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if o.lab {
		stop, err := o.startLab(ctx)
		if err != nil {
			return false, err
		}
		defer stop()
	}
	cfg, err := o.scenarioConfig()
	if err != nil {
		return false, err
	}
	cfg.Log = log
	if o.throughEdge() {
		defer func() {
			if err == nil {
				ok, err = o.playEdge(ctx, cfg, ok)
			}
		}()
	}
	if cfg.Bridge == "" {
		addr, stop, err := o.startBridge(ctx)
		if err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, stop()) }()
		cfg.Bridge = addr
	}
	p := scenario.Printer{W: os.Stdout, Colour: !o.plain && terminal()}
	cfg.OnScenario, cfg.OnStep = p.Scenario, p.Step
	rep, err := scenario.Run(ctx, cfg, list)
	if rep != nil {
		p.Report(rep)
	}
	return err == nil && rep.OK(), err
}

// terminal reports whether colours are wanted: on a terminal, unless NO_COLOR is set.
func terminal() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == ""
}

// choose returns the scenarios to play; nil if they were only to be listed.
func choose(only string) ([]scenario.Scenario, error) {
	all := scenario.Office()
	if only == "" {
		return all, nil
	}
	if only == "list" {
		for _, s := range all {
			fmt.Printf("%-20s %s\n", s.Name, s.Title)
		}
		return nil, nil
	}
	var out []scenario.Scenario
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(s scenario.Scenario) bool { return s.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no scenario %q; --scenarios list names them", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}
