package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// bench is a run.
type bench struct {
	o      Options
	server server
	own    *child // the server, if it is ours
	config childConfig
	farm   *farm
	report Report
	stood  bool   // the subscriptions stand
	beside *bench // of the server that is measured in turns; nil = none

	emptyFiles int64 // of report.EmptyBytes, pages of files
}

// Run measures the scenarios. What was measured before an error is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	b := &bench{o: o, report: Report{Conditions: conditions()}}
	err := b.run(ctx)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return &b.report, err
}

func (b *bench) run(ctx context.Context) (err error) {
	var undo []func() error
	defer func() {
		for i := len(undo) - 1; i >= 0; i-- {
			err = errors.Join(err, undo[i]())
		}
	}()
	if err := b.open(&undo); err != nil {
		return err
	}
	if b.o.Beside.IsValid() {
		b.beside = &bench{o: b.o.other()}
		if err := b.beside.open(&undo); err != nil {
			return err
		}
	}
	if b.beside != nil {
		for _, x := range [...]*bench{b, b.beside} { // neither is measured cold
			x.o.Progress("warming up")
			if _, err := x.subscribe(ctx); err != nil {
				return err
			}
		}
	}
	if b.o.Turns {
		for i := range b.o.Repeat {
			for _, name := range b.o.Scenarios {
				if err := b.turn(ctx, name, i); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, name := range b.o.Scenarios {
		repeat := b.o.Repeat
		if name == "soak" || name == "restart" || name == "limit" {
			repeat = 1
		}
		for i := range repeat {
			if err := b.turn(ctx, name, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// open makes the server and its phones stand; undo takes away what does, the last first.
func (b *bench) open(undo *[]func() error) (err error) {
	if b.o.SIP.IsValid() {
		if err := b.openForeign(); err != nil {
			return err
		}
	} else {
		remove, err := b.startOwn()
		*undo = append(*undo, remove)
		if err != nil {
			return err
		}
	}
	*undo = append(*undo, func() error { return b.server.close() })
	if b.farm, err = newFarm([]netip.AddrPort{b.server.addr()}, b.o.Sockets, b.o.Lines, b.o.Loss); err != nil {
		return err
	}
	*undo = append(*undo, func() error { b.farm.close(); return nil })
	b.farm.grow(b.o.Subscriptions)
	if b.own != nil {
		if _, err := b.own.ask("settle"); err != nil {
			return err
		}
	}
	b.report.EmptyBytes, b.emptyFiles = memoryOf(b.server.pids())
	return nil
}

// turn runs a scenario once, with a server beside once at each. What the one leaves to be done
// in the background, such as folding a journal, it does while the other is measured: that is
// counted as its own. Who comes first changes from turn to turn.
func (b *bench) turn(ctx context.Context, name string, i int) error {
	if b.beside == nil {
		return b.scenario(ctx, name, i)
	}
	both := [2]*bench{b, b.beside}
	var later [2]time.Duration
	for k := range both {
		k = (k + i) % 2
		was := cpuOf(both[1-k].server.pids())
		if err := both[k].scenario(ctx, name, i); err != nil {
			return err
		}
		later[1-k] = cpuOf(both[1-k].server.pids()) - was
	}
	for k, x := range both {
		r := &x.report.Results[len(x.report.Results)-1]
		r.CPU += perOperation(later[k], r.Operations)
	}
	other := b.beside.report.Results
	other[0].Server = b.beside.report.Server
	b.report.Results, b.beside.report.Results = append(b.report.Results, other...), nil
	return nil
}

func (b *bench) openForeign() error {
	f := &foreign{at: b.o.SIP, processes: b.o.PIDs}
	if b.o.Publish {
		var err error
		if f.publisher, err = newPublisher(b.o.SIP, b.o.Lines, "-"+strconv.FormatInt(time.Now().UnixNano(), 36)); err != nil {
			return err
		}
	}
	b.server, b.report.Server = f, b.o.SIP.String()
	return nil
}

// startOwn starts a bridge; remove takes its file away.
func (b *bench) startOwn() (remove func() error, err error) {
	remove = func() error { return nil }
	b.config = childConfig{Listen: "127.0.0.1:0", Lines: b.o.Lines, Store: b.o.Store}
	b.report.Server = "redis"
	if !strings.Contains(b.o.Store, "://") {
		dir, err := os.MkdirTemp(b.o.Store, "blfbridge-bench-")
		if err != nil {
			return remove, fmt.Errorf("bench: %w", err)
		}
		remove = func() error { return os.RemoveAll(dir) }
		b.config.Store = filepath.Join(dir, "bench.db")
		b.report.Server = "bolt"
	}
	if b.own, err = startChild(b.o.Server(), b.config); err != nil {
		return remove, err
	}
	b.server = b.own
	return remove, nil
}

// scenario runs one for the i-th time.
func (b *bench) scenario(ctx context.Context, name string, i int) (err error) {
	if name != "storm" && name != "limit" && !b.stood {
		b.o.Progress("subscribing")
		if _, err := b.subscribe(ctx); err != nil {
			return err
		}
	}
	switch name {
	case "storm":
		err = b.storm(ctx, i == b.o.Repeat-1)
	case "fanout":
		err = b.fanout(ctx)
	case "refresh":
		err = b.refresh(ctx)
	case "soak":
		err = b.soak(ctx)
	case "restart":
		err = b.restart(ctx)
	case "limit":
		err = b.limit(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func conditions() Conditions {
	c := Conditions{Cores: runtime.NumCPU(), Go: runtime.Version(), Date: time.Now().UTC().Format("2006-01-02 15:04")}
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			c.CPU = strings.TrimSpace(value)
			break
		}
	}
	text, _ = os.ReadFile("/proc/sys/kernel/osrelease")
	c.Kernel = strings.TrimSpace(string(text))
	text, _ = os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(text)); len(f) > 0 {
		c.Load, _ = strconv.ParseFloat(f[0], 64)
	}
	return c
}
