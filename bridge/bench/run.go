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
	stood  bool // the subscriptions stand

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
	if b.o.SIP.IsValid() {
		if err := b.openForeign(); err != nil {
			return err
		}
	} else {
		remove, err := b.startOwn()
		undo = append(undo, remove)
		if err != nil {
			return err
		}
	}
	undo = append(undo, func() error { return b.server.close() })
	if b.farm, err = newFarm([]netip.AddrPort{b.server.addr()}, b.o.Sockets, b.o.Lines, b.o.Loss); err != nil {
		return err
	}
	undo = append(undo, func() error { b.farm.close(); return nil })
	b.farm.grow(b.o.Subscriptions)
	if b.own != nil {
		if _, err := b.own.ask("settle"); err != nil {
			return err
		}
	}
	b.report.EmptyBytes, b.emptyFiles = memoryOf(b.server.pids())
	if b.o.Turns {
		for i := range b.o.Repeat {
			for _, name := range b.o.Scenarios {
				if err := b.scenario(ctx, name, i, i+1); err != nil {
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
		if err := b.scenario(ctx, name, 0, repeat); err != nil {
			return err
		}
	}
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

// scenario runs one from a repeat to another.
func (b *bench) scenario(ctx context.Context, name string, from, to int) error {
	if name != "storm" && name != "limit" && !b.stood {
		b.o.Progress("subscribing")
		if _, err := b.subscribe(ctx); err != nil {
			return err
		}
	}
	for i := from; i < to; i++ {
		var err error
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
