package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"blfbridge/bridge/device"
)

// early is how much sooner than the phone itself the PBX may have told of a change.
const early = 250 * time.Millisecond

// shown is a lamp from some time on.
type shown struct {
	at    time.Time
	state device.State
}

// lag is how long after a change a lamp was still not known to be right: until the first NOTIFY since the change that showed what was
// so at its own time. A lamp that is right by chance, since the line went back to what it last showed, does not count as right.
type lag struct {
	at time.Time
	d  time.Duration
}

// lags measures one lamp against what the line did, up to end.
func lags(changes []change, lamp []shown, end time.Time) []lag {
	var out []lag
	for i, c := range changes {
		until := end
		for _, s := range lamp {
			// What was told a little before the phone itself knew belongs to the change after it.
			if s.at.Before(c.at.Add(-early)) || !right(changes[i:], s) {
				continue
			}
			until = s.at
			break
		}
		out = append(out, lag{c.at, max(0, until.Sub(c.at))})
	}
	return out
}

// right tells whether what was shown is what the line was then, or is about to be.
func right(changes []change, s shown) bool {
	ok := false
	for _, c := range changes {
		switch {
		case !c.at.After(s.at):
			ok = c.state == s.state
		case c.at.Before(s.at.Add(early)):
			ok = ok || c.state == s.state
		default:
			return ok
		}
	}
	return ok
}

// worst is the longest lag that overlaps a step.
func worst(all []lag, from, to time.Time) lag {
	var w lag
	for _, l := range all {
		if l.at.Before(to) && l.at.Add(l.d).After(from) && l.d > w.d {
			w = l
		}
	}
	return w
}

// around tells what the line did and what its lamp was told about a lag, a line each.
func around(l lag, changes []change, lamp []shown) string {
	type event struct {
		at   time.Time
		text string
	}
	var all []event
	for _, c := range changes {
		all = append(all, event{c.at, "the line is " + c.state.String()})
	}
	for _, s := range lamp {
		all = append(all, event{s.at, "    the lamp shows " + s.state.String()})
	}
	slices.SortStableFunc(all, func(a, b event) int { return a.at.Compare(b.at) })
	var out strings.Builder
	for _, e := range all {
		if margin := 2 * time.Second; e.at.After(l.at.Add(-margin)) && e.at.Before(l.at.Add(l.d+margin)) {
			fmt.Fprintf(&out, "\n  %s %s", e.at.Format("15:04:05.000"), e.text)
		}
	}
	return out.String()
}
