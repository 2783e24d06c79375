package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"blfbridge/bridge/bench"
)

// figure is one line of the table: ours, what it is compared with, and the bars of the
// ratio (or of ours, if there is nothing to compare with).
type figure struct {
	name       string
	unit       string
	ours, peer float64
	ratio      float64 // if it is not that of ours and peer: a median of pairs
	peerName   string
	must, aim  float64
	firm       bool // does not depend on the machine: may be a reason to fail
}

// value is what the bars are for.
func (f *figure) value() float64 {
	switch {
	case f.ratio > 0:
		return f.ratio
	case f.peer > 0:
		return f.ours / f.peer
	}
	return f.ours
}

// figures are those that could be measured.
func figures(m *measured) (out []figure) {
	// turns compares with Kamailio in turns.
	turns := func(f figure, scenario string) {
		var ok bool
		if f.ours, f.peer, f.ratio, ok = m.turns(scenario, cpu); ok {
			f.peerName = "Kamailio, in turns"
			out = append(out, f)
		}
	}
	add := func(f figure, what, scenario string, value func(*bench.Result) float64, peer, peerScenario string) {
		var ok bool
		if f.ours, ok = m.of(what, scenario, value); !ok {
			return
		}
		if peer != "" {
			f.peerName = "Kamailio"
			if f.peer, ok = m.of(peer, peerScenario, value); !ok {
				return
			}
		}
		out = append(out, f)
	}
	const us, ms = "CPU µs", "ms"
	if bare, whole, ratio, ok := m.pairs("limit", "limit", "fanout", cpu); ok {
		out = append(out, figure{name: "NOTIFY with its 200, in pairs", unit: us, ours: whole, peer: bare, ratio: ratio, peerName: "system calls alone", must: 2.2, aim: 1.5})
	}
	add(figure{name: "change → NOTIFY, 200 lines × 50 watchers at once", unit: us, must: 0.4, aim: 0.28}, "bolt", "fanout", cpu, "kamailio", "fanout")
	turns(figure{name: "SUBSCRIBE and first NOTIFY; ours on disk, theirs in memory", unit: us, must: 1, aim: 0.6}, "storm")
	turns(figure{name: "refresh; ours on disk, theirs in memory", unit: us, must: 1, aim: 0.6}, "refresh")
	add(figure{name: "SUBSCRIBE and first NOTIFY, both on Redis with its CPU", unit: us, must: 0.25, aim: 0.125}, "redis", "storm", cpuAll, "kamailio-redis", "storm")
	add(figure{name: "change → last of 1000 watchers", unit: ms}, "last", "fanout", last, "kamailio-last", "fanout")
	add(figure{name: "change → last of 1000 watchers", unit: ms, must: 12, aim: 6}, "last", "fanout", last, "", "")
	add(figure{name: "4000 SUBSCRIBEs outstanding: p99 to the NOTIFY", unit: ms}, "open", "storm", p99, "kamailio-open", "storm")
	add(figure{name: "4000 SUBSCRIBEs outstanding: p99 to the NOTIFY", unit: ms, must: 300, aim: 100}, "open", "storm", p99, "", "")
	wall := func(r *bench.Result) float64 { return 1e6 / max(r.PerSecond, 1) }
	few, ok1 := m.of("few", "storm", wall)
	if many, ok2 := m.of("open", "storm", wall); ok1 && ok2 {
		out = append(out, figure{name: "a SUBSCRIBE served, 4000 outstanding instead of 200", unit: "µs", ours: many, peer: few, peerName: "with 200", must: 1.1, aim: 1})
	}
	for _, n := range []string{"200k", "1m"} {
		add(figure{name: "idle memory per subscription, " + n, unit: "B", must: 600, aim: 350, firm: true}, "size-"+n, "storm", idleMem, "", "")
		add(figure{name: "the same without pages of the store's file, " + n, unit: "B"}, "size-"+n, "storm", ownMem, "", "")
		add(figure{name: "memory per subscription right after the storm, " + n, unit: "B"}, "size-"+n, "storm", firstMem, "", "")
		add(figure{name: "full garbage collection, " + n, unit: ms, must: 100, aim: 10}, "size-"+n, "storm", gc, "", "")
	}
	if v, ok := m.further("memory-20k", "memory-100k", idleMem); ok {
		out = append(out, figure{name: "idle memory per further subscription, 20k to 100k", unit: "B", ours: v, must: 600, aim: 350, firm: true})
	}
	add(figure{name: "memory per subscription, Kamailio", unit: "B"}, "kamailio", "storm", firstMem, "", "")
	many, _ := m.of("restart", "restart", func(r *bench.Result) float64 { return float64(r.Subscriptions) })
	add(figure{name: fmt.Sprintf("kill -9 with %.0f on disk → all notified again", many), unit: ms, must: 30000, aim: 8000}, "restart", "restart", last, "", "")
	for _, s := range []string{"fanout", "storm", "refresh"} {
		for _, n := range []string{"200k", "1m"} {
			small, ok1 := m.mean("size-1k", s, cpu)
			large, ok2 := m.mean("size-"+n, s, cpu)
			if ok1 && ok2 {
				out = append(out, figure{name: s + " with " + n + " subscriptions", unit: us, ours: large, peer: small, peerName: "with 1,000", must: 1.25, aim: 1.1})
			}
		}
	}
	if v, ok := median(m.micro["EventToNotify/watchers=1000 allocs/op"]); ok {
		out = append(out, figure{name: "allocations per NOTIFY", ours: v, must: 2, aim: 0, firm: true})
	}
	return out
}

// verdict compares with the bars.
func (f *figure) verdict() string {
	v := f.value()
	switch {
	case f.must == 0 && f.aim == 0 && !f.firm:
		return ""
	case v <= f.aim:
		return "aim met"
	case v <= f.must:
		return "met"
	}
	return "NOT met"
}

// write prints everything for people.
func (m *measured) write(w io.Writer, rows []figure) {
	c := m.first
	fmt.Fprintf(w, "# scripts/bench: medians of up to %d repeats (what the store's folding falls into: of means); all servers ran in turns on the same machine.\n", m.counts)
	fmt.Fprintln(w, "# Kamailio, in turns: both stood at the same time, and each storm, fanout and refresh was played to the one and then to the other.")
	fmt.Fprintf(w, "# %s, %d cores, Linux %s, %s, %s UTC, load %.2f at the start\n", c.CPU, c.Cores, c.Kernel, c.Go, c.Date, c.Load)
	fmt.Fprintln(w, "# CPU: user and system time of the server's processes, phones in another process over UDP on loopback.")
	fmt.Fprintln(w, "# Kamailio: Debian's, scripts/peers/kamailio/kamailio.cfg (tlsf, one child, no database).")
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "\nfigure\tunit\tblfbridge\tcompared with\t\tratio\tmust\taim\t")
	for i := range rows {
		f := &rows[i]
		ratio, peer, must, aim := "", "", "", ""
		if f.peer > 0 {
			ratio, peer = fmt.Sprintf("%.2f", f.value()), short(f.peer)
		}
		if v := f.verdict(); v != "" {
			must, aim = "≤ "+short(f.must), "≤ "+short(f.aim)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.name, f.unit, short(f.ours), f.peerName, peer, ratio, must, aim, f.verdict())
	}
	_ = t.Flush()
	m.detail(w)
	fmt.Fprintln(w, "\nGo benchmarks:")
	keys := slices.Sorted(func(yield func(string) bool) {
		for k := range m.micro {
			if !yield(k) {
				return
			}
		}
	})
	t = tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, k := range keys {
		v, _ := median(m.micro[k])
		fmt.Fprintf(t, "%s\t%s\n", strings.Replace(k, " ", "\t", 1), short(v))
	}
	_ = t.Flush()
	if len(m.bad) > 0 {
		fmt.Fprintln(w, "\nBreaches that phones saw:")
		for _, b := range m.bad {
			fmt.Fprintln(w, b)
		}
	}
}

// detail prints the medians of every measurement.
func (m *measured) detail(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "\nmeasurement\tscenario\truns\tsubscriptions\tops/s\tCPU µs/op\tleast\tmost\tstore µs/op\tp50 ms\tp90\tp99\tmax\tsent again\tdropped\tsyncs\tcommit ms")
	for _, what := range slices.Sorted(func(yield func(string) bool) {
		for k := range m.runs {
			if !yield(k) {
				return
			}
		}
	}) {
		for _, scenario := range bench.Scenarios {
			var all []bench.Result
			for _, r := range m.runs[what] {
				for _, x := range r.Results {
					if x.Scenario == scenario {
						all = append(all, x)
					}
				}
			}
			if len(all) == 0 {
				continue
			}
			med := func(value func(*bench.Result) float64) float64 {
				var v []float64
				for i := range all {
					v = append(v, value(&all[i]))
				}
				x, _ := median(v)
				return x
			}
			lat := func(value func(*bench.Latency) float64) float64 {
				return med(func(r *bench.Result) float64 {
					for _, l := range []*bench.Latency{r.Change, r.Notify} {
						if l != nil {
							return value(l)
						}
					}
					return 0
				})
			}
			least := slices.MinFunc(all, func(a, b bench.Result) int { return int((a.CPU - b.CPU) * 1e3) })
			most := slices.MaxFunc(all, func(a, b bench.Result) int { return int((a.CPU - b.CPU) * 1e3) })
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%.0f\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%s\n", what, scenario, len(all), all[0].Subscriptions,
				med(func(r *bench.Result) float64 { return r.PerSecond }), short(med(cpu)), short(least.CPU), short(most.CPU),
				short(med(func(r *bench.Result) float64 { return r.StoreCPU })),
				short(lat(func(l *bench.Latency) float64 { return l.P50 })), short(lat(func(l *bench.Latency) float64 { return l.P90 })),
				short(lat(func(l *bench.Latency) float64 { return l.P99 })), short(lat(func(l *bench.Latency) float64 { return l.Max })),
				med(func(r *bench.Result) float64 { return float64(r.Retransmissions + r.Duplicates) }),
				med(func(r *bench.Result) float64 { return float64(r.Drops) }),
				med(func(r *bench.Result) float64 { return r.Syncs }), short(med(func(r *bench.Result) float64 { return r.Commit })))
		}
	}
	_ = t.Flush()
}

// short prints a number with three digits that matter.
func short(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 10:
		return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// held says which firm figures are above their bars.
func held(rows []figure) (err error) {
	for i := range rows {
		if f := &rows[i]; f.firm && f.value() > f.must {
			err = errors.Join(err, fmt.Errorf("%s: %s %s, must be at most %s", f.name, short(f.ours), f.unit, short(f.must)))
		}
	}
	return err
}
