package policy

import "fmt"

// Trace is one step of a decision, for people.
type Trace struct {
	Step Step
	// Rule is what was looked at, Result what came of it: "pass", or the outcome.
	Rule, Result string
}

// String writes the step on one line.
func (t Trace) String() string { return fmt.Sprintf("%-11s %-9s %s", t.Step, t.Result, t.Rule) }

// Explain runs Decide and tells every step that it took. The last one is the decision,
// followed by the view where it allows.
func Explain(s *Snapshot, w Watcher, t Target, counts Counts) []Trace {
	var tr tracer
	decide(s, w, t, counts, &tr)
	return tr.steps
}

// tracer collects steps; a nil one collects nothing and costs nothing.
type tracer struct{ steps []Trace }

func (tr *tracer) pass(step Step, rule string) {
	if tr != nil {
		tr.steps = append(tr.steps, Trace{step, rule, "pass"})
	}
}

func (tr *tracer) watcher(e asker, t *tenant) {
	if tr == nil {
		return
	}
	space := "no calling search space"
	if e.space.name != "" {
		space = fmt.Sprintf("calling search space %q", e.space.name)
	}
	tr.pass(StepWatcher, fmt.Sprintf("%s: group %q, %s", e.rule, t.groupNames[e.group], space))
}

func (tr *tracer) target(l *lineEntry, line Line) {
	if tr == nil {
		return
	}
	if l == nil {
		tr.pass(StepTarget, fmt.Sprintf("%s: %s", line.Number, ruleLearned))
		return
	}
	partition := line.Partition
	if partition == "" {
		partition = NonePartition
	}
	tr.pass(StepTarget, fmt.Sprintf("line %s in partition %q, group %q", line.Number, partition, l.info.PresenceGroup))
}

func (tr *tracer) end(d Decision) Decision {
	if tr != nil {
		tr.steps = append(tr.steps, Trace{d.Step, d.Rule, d.Outcome.String()})
		if d.Allow() {
			pickup := "no pickup"
			if d.Pickup {
				pickup = "pickup allowed"
			}
			if d.PickupRule != "" && d.PickupRule != d.Rule {
				pickup += " by " + d.PickupRule
			}
			tr.steps = append(tr.steps, Trace{StepView, fmt.Sprintf("view %s, %s", d.View, pickup), d.Outcome.String()})
		}
	}
	return d
}
