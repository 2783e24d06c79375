// Replicabench measures what several replicas on one Redis cost: commands, CPU time, memory and
// bandwidth of Redis, the latency that Redis adds to a lamp, and how long a killed replica is
// missed. It is what scripts/bench-replicas runs.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"blfbridge/bridge/bench"
)

// The bars, with three replicas.
const (
	maxCommands = 3                    // of Redis for a change
	maxAdded    = 2 * time.Millisecond // to the median of change → NOTIFY
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench-replicas:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	o := bench.ReplicaOptions{Counts: []int{2, 3, 4}, Lines: 199, Lease: 3 * time.Second, Progress: func(s string) { fmt.Fprintln(os.Stderr, s) }}
	out := flag.String("out", "", "`FILE` for the record")
	quick := flag.Bool("quick", false, "3 replicas only, for a short time")
	flag.IntVar(&o.Watchers, "watchers", 1, "of every line at every replica")
	flag.Float64Var(&o.Changes, "changes", 1000, "a second")
	flag.DurationVar(&o.Duration, "duration", 10*time.Second, "of the changes")
	flag.DurationVar(&o.Idle, "idle", 5*time.Second, "without a change")
	flag.StringVar(&o.Redis, "redis", "redis-server", "`PROGRAM` of the server; Valkey's works too")
	flag.Parse()
	if *quick {
		o.Counts, o.Duration, o.Idle = []int{3}, 3*time.Second, 2*time.Second
	}
	dir, err := os.MkdirTemp("", "blfbridge-replicas-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "blfbridge")
	if text, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/blfbridge").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	o.Server = func() *exec.Cmd {
		c := exec.Command(program, "bench-server")
		c.Stderr = os.Stderr
		bench.Detach(c)
		return c
	}
	all, err := bench.Replicas(ctx, o)
	var text bytes.Buffer
	w := io.MultiWriter(os.Stdout, &text)
	err = errors.Join(err, write(w, &o, all))
	if *out != "" && len(all) > 0 {
		err = errors.Join(err, os.WriteFile(*out, text.Bytes(), 0o644)) //nolint:gosec // a record to read
	}
	return err
}

// write prints what was found, and fails where a bar is missed.
func write(w io.Writer, o *bench.ReplicaOptions, all []bench.ReplicaResult) error {
	version, _ := exec.Command(o.Redis, "--version").Output()
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Fprintf(w, "# scripts/bench-replicas: processes of their own and one %s with an append-only file, on loopback\n", o.Redis)
	fmt.Fprintf(w, "# %d cores, %s, %s, load %s at the end; %s", runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		strings.Fields(string(load) + " ?")[0], version)
	fmt.Fprintf(w, "# %d lines, %d watchers of each at every replica, %.0f changes a second for %v, replicas.lease %v\n", o.Lines, o.Watchers, o.Changes, o.Duration, o.Lease)
	fmt.Fprintf(w, "# commands: INFO commandstats, which counts a script and every command in it, of writers and readers; idle polling is part of them\n")
	var errs []error
	for i := range all {
		r := &all[i]
		each := func(v float64) float64 { return v / r.Changes }
		fmt.Fprintf(w, "\n%d replicas, %d subscriptions, %.0f changes, %d NOTIFYs in %.1f s\n", r.Replicas, r.Subscriptions, r.Changes, r.Notifies, r.Seconds)
		commands := each(r.Loaded.Total())
		fmt.Fprintf(w, "  Redis commands a change      %8.2f   (%s)\n", commands, names(r.Loaded, r.Changes))
		fmt.Fprintf(w, "  of them without any change   %8.1f a second (%s)\n", r.Idle.Total()/r.IdleSeconds, names(r.Idle, r.IdleSeconds))
		fmt.Fprintf(w, "  Redis CPU a change           %8.1f us; traffic in %.0f, out %.0f bytes\n", each(float64(r.Loaded.CPU)/1e3), each(r.Loaded.In), each(r.Loaded.Out))
		fmt.Fprintf(w, "  Redis memory a subscription  %8.0f bytes; commands to subscribe %.2f\n",
			r.Memory/float64(r.Subscriptions), r.Subscribing.Total()/float64(r.Subscriptions))
		fmt.Fprintf(w, "  CPU a change                 %8.1f us of who is connected to the PBX, %.1f of each other\n", r.HolderCPU, r.FollowerCPU)
		fmt.Fprintf(w, "  change -> NOTIFY, median ms  %8.3f embedded, alone; %.3f where the PBX is connected; %.3f at the others (99%%: %.2f, %.2f, %.2f)\n",
			r.Embedded.P50, r.Holder.P50, r.Followers.P50, r.Embedded.P99, r.Holder.P99, r.Followers.P99)
		added := time.Duration((r.Followers.P50 - r.Embedded.P50) * 1e6)
		fmt.Fprintf(w, "  added by Redis, median       %8.3f ms, ratio %.2f to the embedded store\n", float64(added)/1e6, r.Followers.P50/r.Embedded.P50)
		fmt.Fprintf(w, "  killed: another one is connected after %.2f s, its %d subscriptions are adopted after %.2f s\n", r.Failover, r.Adopted, r.Adoption)
		if r.Replicas != 3 {
			continue
		}
		if commands > maxCommands {
			errs = append(errs, fmt.Errorf("%.2f Redis commands a change; the bar is %d", commands, maxCommands))
		}
		if added > maxAdded {
			errs = append(errs, fmt.Errorf("Redis adds %v at the median; the bar is %v", added, maxAdded))
		}
	}
	if len(all) > 1 {
		m := fit(&all[0], &all[1], o.Lease)
		check(w, all, m)
		plan(w, m, site{subscriptions: 10_000_000, replicas: 20, lines: 500_000, pbxs: 200, calls: 6, steps: 4, refresh: 30 * time.Minute})
	}
	return errors.Join(errs...)
}

// names lists the commands, the most frequent first.
func names(u bench.RedisUse, per float64) string {
	all := slices.SortedFunc(maps.Keys(u.Commands), func(a, b string) int { return int(u.Commands[b] - u.Commands[a]) })
	var out []string
	for _, name := range all {
		if v := u.Commands[name] / per; v >= 0.005 {
			out = append(out, fmt.Sprintf("%s %.2f", name, v))
		}
	}
	return strings.Join(out, ", ")
}
