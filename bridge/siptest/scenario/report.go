package scenario

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"blfbridge/bridge/siptest"
)

// Report is the outcome of a run.
type Report struct {
	PBX     string
	Results []Result
	// Notifies counts what the watchers took, Bodies the different bodies among them.
	Notifies, Bodies int
	// Validated is true if the bodies were checked by schema.
	Validated  bool
	Violations []siptest.Violation
}

// Result is one scenario's outcome.
type Result struct {
	Scenario Scenario
	Steps    []StepResult
	// Skipped says why the scenario could not run on this PBX.
	Skipped string
}

// StepResult is one step's outcome.
type StepResult struct {
	Step Step
	// At is when the phone acted.
	At time.Time
	// Err is what kept the phone from acting.
	Err   error
	Lamps []LampResult
}

// LampResult is one line at one watcher after a step.
type LampResult struct {
	Line, Watcher string
	Want, Seen    Lamp
	// Changed: the step changes the line's state.
	Changed bool
	// Latency is from the action to the NOTIFY that lit the lamp; 0 if none did.
	Latency time.Duration
	// Notifies counts those of the step.
	Notifies int
}

// OK reports whether the lamp is as wanted.
func (l LampResult) OK() bool { return l.Want == l.Seen }

// OK reports whether the step went well and every lamp is as wanted.
func (s StepResult) OK() bool {
	return s.Err == nil && !slices.ContainsFunc(s.Lamps, func(l LampResult) bool { return !l.OK() })
}

// OK reports whether every step is.
func (r Result) OK() bool {
	return !slices.ContainsFunc(r.Steps, func(s StepResult) bool { return !s.OK() })
}

// OK reports whether all scenarios went well and no watcher complained.
func (r *Report) OK() bool {
	return len(r.Violations) == 0 && !slices.ContainsFunc(r.Results, func(x Result) bool { return !x.OK() })
}

// Latencies are those of all lamps that a phone's action changed at once, sorted.
func (r *Report) Latencies() []time.Duration {
	var out []time.Duration
	for _, x := range r.Results {
		for _, s := range x.Steps[min(1, len(x.Steps)):] {
			for _, l := range s.Lamps {
				if l.Changed && l.OK() && l.Latency > 0 && s.Step.prompt() {
					out = append(out, l.Latency)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// Printer writes results as they come.
type Printer struct {
	W      io.Writer
	Colour bool
}

const (
	red, green, grey, bold = "31", "32", "90", "1"
)

func (p Printer) paint(code, s string) string {
	if !p.Colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

var lampColour = map[string]string{"idle": green, "ringing": "5;31", "busy": red, "held": "33", "dnd": "35", "unknown": grey}

// Scenario prints a heading.
func (p Printer) Scenario(s Scenario) {
	fmt.Fprintf(p.W, "\n%s  %s\n", p.paint(bold, s.Name), p.paint(grey, s.Title))
}

// Step prints one line: verdict, action, the lamps that should change, latency; wrong
// lamps below.
func (p Printer) Step(s StepResult) {
	mark := p.paint(green, "ok  ")
	if !s.OK() {
		mark = p.paint(red, "FAIL")
	}
	fmt.Fprintf(p.W, "  %s %-18s", mark, s.Step)
	for _, name := range phones {
		if l, ok := s.Step.Want[name]; ok {
			word := fmt.Sprintf("%-8s", l)
			fmt.Fprintf(p.W, " %s %s", name, p.paint(lampColour[l.String()], word))
		} else {
			fmt.Fprintf(p.W, " %-10s", "")
		}
	}
	var least, most time.Duration
	for _, l := range s.Lamps {
		if l.Changed && l.Latency > 0 && s.Step.prompt() {
			least, most = min(cmp.Or(least, l.Latency), l.Latency), max(most, l.Latency)
		}
	}
	if most > 0 {
		fmt.Fprint(p.W, p.paint(grey, fmt.Sprintf(" %s – %s", short(least), short(most))))
	}
	fmt.Fprintln(p.W)
	if s.Err != nil {
		fmt.Fprintf(p.W, "       %s\n", p.paint(red, s.Err.Error()))
	}
	for _, l := range s.Lamps {
		if !l.OK() {
			fmt.Fprintf(p.W, "       %s\n", p.paint(red, fmt.Sprintf("%s at the %s watcher: want %s, seen %s (%d NOTIFYs in this step)",
				l.Line, l.Watcher, l.Want, l.Seen, l.Notifies)))
		}
	}
}

// Report prints the sums.
func (p Printer) Report(r *Report) {
	passed, failed, skipped := 0, 0, 0
	for _, x := range r.Results {
		switch {
		case x.Skipped != "":
			skipped++
			fmt.Fprintf(p.W, "\n%s left out: %s\n", x.Scenario.Name, x.Skipped)
		case x.OK():
			passed++
		default:
			failed++
		}
	}
	fmt.Fprintf(p.W, "\n%s: %d scenarios passed, %d failed, %d left out; %d NOTIFYs, %d different bodies", r.PBX, passed, failed, skipped, r.Notifies, r.Bodies)
	if r.Validated {
		fmt.Fprint(p.W, " checked by schema")
	}
	if lat := r.Latencies(); len(lat) > 0 {
		fmt.Fprintf(p.W, "\naction → lamp: median %s, 90 %% %s, worst %s (%d lamps)", short(lat[len(lat)/2]), short(lat[len(lat)*9/10]), short(lat[len(lat)-1]), len(lat))
	}
	fmt.Fprintln(p.W)
	if len(r.Violations) > 0 {
		fmt.Fprintf(p.W, "%s\n%s", p.paint(red, fmt.Sprintf("%d breaches of the standards:", len(r.Violations))), brief(r.Violations))
	}
	verdict := p.paint(green, "PASS")
	if !r.OK() {
		verdict = p.paint(red, "FAIL")
	}
	fmt.Fprintln(p.W, verdict)
}

// longNumber is a CSeq or a port, which would keep equal violations apart.
var longNumber = regexp.MustCompile(`[0-9]{4,}`)

// brief lists violations, equal ones once with their number.
func brief(vs []siptest.Violation) string {
	count := map[string]int{}
	var b strings.Builder
	for _, v := range vs {
		_, detail, ok := strings.Cut(v.Detail, ": ") // without the watch
		if !ok {
			detail = v.Detail
		}
		count[v.Rule+": "+longNumber.ReplaceAllString(detail, "N")]++
	}
	for _, key := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(&b, "%4d × %s\n", count[key], key)
	}
	fmt.Fprintf(&b, "the first one in:\n%s\n", vs[0].Text)
	return b.String()
}

func short(d time.Duration) string {
	return strings.TrimSuffix(d.Round(100*time.Microsecond).String(), "0s")
}
