package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"text/tabwriter"
	"time"

	"blfbridge/bridge/siptest"
)

// run plays the steps while all phones are at work, and prints the table.
func run(ctx context.Context, s settings, in io.Reader) (bool, error) {
	steps, err := readSteps(in)
	if err != nil {
		return false, err
	}
	o, err := newOffice(ctx, s.pbx)
	if err != nil {
		return false, err
	}
	defer o.close()
	var watchers []*watcher
	defer func() {
		for _, w := range watchers {
			w.phone.Close()
		}
	}()
	for i := range s.udp + s.tcp {
		c := watcherConfig{number: fmt.Sprint(2001 + i), bridge: s.bridge, from: s.from[i%len(s.from)], transport: "UDP"}
		if i >= s.udp {
			c.transport = "TCP"
		}
		w, err := newWatcher(ctx, c)
		if err != nil {
			return false, err
		}
		watchers = append(watchers, w)
	}
	working, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	var calls int
	var broken error
	all.Go(func() {
		for working.Err() == nil {
			if err := o.call(working); err != nil && working.Err() == nil {
				broken = fmt.Errorf("calls at the PBX: %w", err)
				return
			}
			calls++
		}
	})
	for i, w := range watchers {
		all.Go(func() { w.keep(working, refreshEvery*time.Duration(i+1)/time.Duration(len(watchers))) })
	}
	pause(ctx, 2*phase)
	for _, st := range steps {
		st.do(working, s.settle)
	}
	stop()
	all.Wait()
	end := time.Now()
	if broken != nil {
		return false, broken
	}
	fmt.Printf("%d phones over UDP and %d over TCP watched %s, which had %d calls\n\n", s.udp, s.tcp, watched, calls)
	return report(os.Stdout, steps, watchers, o.history(), end), nil
}

// report prints a line a step and what was wrong, and tells whether nothing was.
func report(out io.Writer, steps []*step, watchers []*watcher, changes []change, end time.Time) bool {
	ok := true
	measured := make([][]lag, len(watchers))
	for i, w := range watchers {
		measured[i] = lags(changes, lamps(w.seen()), end)
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "seconds\tchanges\tNOTIFYs\treconnects\tlongest wrong lamp\tbar\t  step\n")
	var notes []string
	for _, st := range steps {
		var longest lag
		var who *watcher
		notified, reconnects, changed := 0, 0, 0
		for i, w := range watchers {
			if l := worst(measured[i], st.from, st.to); l.d > longest.d {
				longest, who = l, w
			}
			for _, s := range w.seen() {
				notified += within(s.At, st)
			}
			for _, at := range w.reconnects {
				reconnects += within(at, st)
			}
		}
		for _, c := range changes {
			changed += within(c.at, st)
		}
		bar := "-"
		if st.bar > 0 {
			bar = fmt.Sprintf("%.1f s", st.bar.Seconds())
		}
		fmt.Fprintf(t, "%.1f\t%d\t%d\t%d\t%.2f s\t%s\t  %s\n", st.to.Sub(st.from).Seconds(), changed, notified, reconnects, longest.d.Seconds(), bar, st.name)
		if st.err != nil {
			notes = append(notes, fmt.Sprintf("%s: the command failed: %v", st.name, st.err))
		}
		if st.bar > 0 && longest.d > st.bar {
			notes = append(notes, fmt.Sprintf("%s: the lamp of phone %s was wrong for %.2f s%s", st.name, who.name, longest.d.Seconds(),
				around(longest, changes, lamps(who.seen()))))
		}
	}
	t.Flush()
	failed, standing, anew := 0, 0, 0
	for _, w := range watchers {
		failed += w.failed
		anew += len(w.subs) - 1
		if s, _ := w.sub().Last(); s.Substate == "active" && len(w.lost) == 0 {
			standing++
		}
		for _, l := range w.lost {
			notes = append(notes, fmt.Sprintf("phone %s lost its subscription: %s", w.name, l))
		}
		if s, _ := w.sub().Last(); s.Substate != "active" {
			notes = append(notes, fmt.Sprintf("phone %s lost its subscription: %s %s", w.name, s.Substate, s.Reason))
		}
		v := w.phone.Strays()
		for _, s := range w.subs {
			v = append(v, s.Violations()...)
		}
		if len(v) > 0 {
			notes = append(notes, fmt.Sprintf("phone %s saw breaches:\n%s", w.name, siptest.Describe(v)))
		}
	}
	fmt.Fprintf(out, "\n%d of %d subscriptions stood to the end; %d times a phone was told to subscribe anew at once (deactivated), and did; %d refreshes had to be sent again\n", standing, len(watchers), anew, failed)
	for _, n := range notes {
		fmt.Fprintln(out, "FAILED", n)
		ok = false
	}
	return ok
}

func within(at time.Time, s *step) int {
	if at.Before(s.from) || !at.Before(s.to) {
		return 0
	}
	return 1
}

// lamps is what a phone showed.
func lamps(seen []siptest.Seen) []shown {
	var out []shown
	for _, x := range seen {
		if x.Substate == "active" {
			out = append(out, shown{x.At, x.Lamp.State})
		}
	}
	return out
}
