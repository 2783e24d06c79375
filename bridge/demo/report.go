package demo

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge/siptest"
)

// settleIn is how long the lamps may take to be right in the end.
const settleIn = 2 * time.Second

// report is the summary.
type report struct {
	took       []time.Duration // from event to lamp, sorted
	ran        time.Duration
	events     int // changes the adapter reported
	notifies   int
	lamps      int // lamp changes at watchers
	refused    []string
	violations []siptest.Violation
	wrong      []string // lamps that are wrong in the end
	drift      float64
	failed     []string // NOTIFYs that were not answered with 200, as "timeout ×2"
}

func (p *report) ok() bool {
	return len(p.violations) == 0 && len(p.wrong) == 0 && p.drift == 0 && len(p.failed) == 0
}

// report adds all up; it waits for the last lamps.
func (r *rig) report() (*report, error) {
	ran := r.board.running()
	wrong := r.board.wrong()
	for end := time.Now().Add(settleIn); len(wrong) > 0 && time.Now().Before(end); wrong = r.board.wrong() {
		time.Sleep(10 * time.Millisecond)
	}
	r.board.flush(true)
	p := r.board.sums()
	p.ran, p.wrong, p.violations = ran, wrong, r.watch.violations()
	return p, p.metrics(r.bridge.Gatherer())
}

// wrong lists the lamps that do not show what the PBX said last.
func (b *board) wrong() (out []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, p := range office {
		now := &b.logs[p.number].last
		for j := range watchers {
			w, c := &watchers[j], &b.cells[i][j]
			if want := w.face(now).lamp; c.on && c.lamp != want {
				out = append(out, fmt.Sprintf("%s at %s: %s, should be %s", p.number, w.title, c.lamp, want))
			}
		}
	}
	return out
}

func (b *board) sums() *report {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &report{took: slices.Sorted(slices.Values(b.took)), notifies: b.notifies, lamps: b.changed}
	for _, l := range b.logs {
		p.events += max(0, len(l.changes)-l.base)
	}
	p.refused = append(p.refused, b.refusals...)
	return p
}

// metrics reads what only the bridge knows.
func (p *report) metrics(g prometheus.Gatherer) error {
	families, err := g.Gather()
	if err != nil {
		return errors.Join(errors.New("demo: metrics"), err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "blfbridge_drift_total":
				p.drift += m.GetCounter().GetValue()
			case "blfbridge_notifies_total":
				for _, l := range m.GetLabel() {
					if l.GetName() == "outcome" && l.GetValue() != "200" {
						p.failed = append(p.failed, fmt.Sprintf("%s ×%.0f", l.GetValue(), m.GetCounter().GetValue()))
					}
				}
			}
		}
	}
	return nil
}

// bounds of the histogram's bars.
var bounds = []time.Duration{
	250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, time.Second, time.Hour,
}

// barWidth is the length of the longest bar.
const barWidth = 40

// print writes the summary.
func (p *report) print(out io.Writer, paint palette) {
	fmt.Fprintf(out, "\n%s  %s from the PBX, %s to phones, %s in %.0f s\n", paint.bold("Summary"),
		plural(p.events, "event"), plural(p.notifies, "NOTIFY"), plural(p.lamps, "lamp change"), p.ran.Seconds())
	for _, r := range p.refused {
		fmt.Fprintf(out, "  refused, as the policy says: %s\n", r)
	}
	if n := len(p.took); n > 0 {
		at := func(percent int) string { return millis(p.took[min(n-1, n*percent/100)]) }
		fmt.Fprintf(out, "\n  PBX event → lamp   median %s   90 %% %s   worst %s\n", paint.bold(at(50)), paint.bold(at(90)), paint.bold(at(100)))
		p.bars(out, paint)
	}
	fmt.Fprintln(out)
	p.verdict(out, paint, "breaches of RFC 3261, 6665, 4235, 3863", len(p.violations), brief(p.violations))
	p.verdict(out, paint, "lamps wrong in the end", len(p.wrong), p.wrong)
	p.verdict(out, paint, "NOTIFYs not answered with 200", len(p.failed), p.failed)
	p.verdict(out, paint, "drift found by the reconciler", int(p.drift), nil)
}

func (p *report) bars(out io.Writer, paint palette) {
	counts := make([]int, len(bounds))
	for _, d := range p.took {
		i := 0
		for d > bounds[i] {
			i++
		}
		counts[i]++
	}
	first, last := len(bounds), 0
	for i, n := range counts {
		if n > 0 {
			first, last = min(first, i), i
		}
	}
	most := slices.Max(counts)
	for i := first; i <= last; i++ {
		label := "≤ " + bound(bounds[i])
		if i == len(bounds)-1 {
			label = "> " + bound(bounds[i-1])
		}
		fmt.Fprintf(out, "    %9s  %s %d\n", label, paint.colour(green, bar(counts[i], most)), counts[i])
	}
}

func bound(d time.Duration) string {
	if d < time.Millisecond {
		return fmt.Sprintf("%.2g ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.0f ms", d.Seconds()*1000)
}

// bar is n of most in eighths of a character.
func bar(n, most int) string {
	eighths := n * barWidth * 8 / most
	if n > 0 {
		eighths = max(eighths, 1)
	}
	s := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return s
}

func (p *report) verdict(out io.Writer, paint palette, what string, n int, list []string) {
	mark := paint.colour(green, "✓")
	if n > 0 {
		mark = paint.colour(red, "✗")
	}
	fmt.Fprintf(out, "  %s %d %s\n", mark, n, what)
	for _, l := range list {
		fmt.Fprintf(out, "      %s\n", paint.colour(red, l))
	}
}

// brief words violations, the whole message of the first one below.
func brief(list []siptest.Violation) (out []string) {
	for _, v := range list[:min(10, len(list))] {
		out = append(out, v.String())
	}
	if len(list) > 0 {
		out = append(out, strings.Split(list[0].Text, "\r\n")...)
	}
	return out
}
