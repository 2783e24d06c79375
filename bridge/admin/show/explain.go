package show

import (
	"fmt"
	"io"
	"strings"

	"blfbridge/bridge/admin/api"
)

// Paint colours text for a terminal.
type Paint bool

const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	faint  = "\x1b[2m"
	reset  = "\x1b[0m"
)

func (p Paint) in(colour, text string) string {
	if !p {
		return text
	}
	return colour + text + reset
}

// outcomes are the results of a step, with their colours and how a person says them.
var outcomes = map[string]struct{ colour, words string }{
	"pass":        {green, "goes on"},
	"allowed":     {green, "allowed"},
	"refused":     {red, "refused"},
	"not_found":   {red, "not found"},
	"challenged":  {yellow, "asked for credentials"},
	"unavailable": {yellow, "not possible now"},
}

// Explanation writes the steps of a decision, a line each, and what comes of it.
func Explanation(w io.Writer, e *api.Explanation, paint Paint) error {
	p := &printer{w: w}
	p.f("%s watches %s\n\n", paint.in(bold, clean(e.Watcher.Given)), paint.in(bold, clean(e.Target.Given)))
	p.f("  %-12s%s\n", "watcher is", clean(describeWatcher(&e.Watcher)))
	p.f("  %-12s%s\n\n", "target is", clean(describeTarget(&e.Target)))
	for i, s := range e.Steps {
		o, known := outcomes[s.Result]
		if !known {
			o.words = s.Result
		}
		p.f("  %d  %-12s%s  %s\n", i+1, strings.ReplaceAll(s.Step, "_", " "), paint.in(o.colour, fmt.Sprintf("%-21s", o.words)), clean(s.Rule))
	}
	o := outcomes[e.Outcome]
	p.f("\n%s: SUBSCRIBE gets %s", paint.in(o.colour, strings.ToUpper(o.words)), paint.in(bold, fmt.Sprint(e.Status)))
	if e.Outcome == "allowed" {
		p.f(", %s, %s", viewWords[e.View], pickupWords(e.Pickup))
		if e.PickupRule != "" && e.PickupRule != e.Rule {
			p.f(" (%s)", clean(e.PickupRule))
		}
	}
	p.f("\n")
	if e.WatcherGroup != "" {
		p.f("  presence groups: %s watches %s\n", clean(e.WatcherGroup), clean(e.PresentityGroup))
	}
	for _, n := range e.Notes {
		p.f("  %s\n", paint.in(faint, "note: "+clean(n)))
	}
	return p.err
}

var viewWords = map[string]string{
	"none":    "sees nothing: the lamp stays unknown",
	"state":   "sees idle or busy only",
	"ringing": "sees ringing, not who calls",
	"name":    "sees the names of who calls",
	"number":  "sees everything",
	"idle":    "sees an idle line, whatever it does",
}

func pickupWords(may bool) string {
	if may {
		return "may pick up"
	}
	return "may not pick up"
}

func describeWatcher(w *api.ExplainedWatcher) string {
	if w.Kind == "" {
		return "not looked at"
	}
	s := fmt.Sprintf("%s %s of tenant %s", strings.ReplaceAll(w.Kind, "_", " "), w.ID, w.Tenant)
	if w.Kind == "unknown" {
		s = fmt.Sprintf("%s, neither phone nor user of tenant %s", w.ID, w.Tenant)
	}
	if w.Trunk != "" {
		s += ", through trunk " + w.Trunk
	}
	switch {
	case w.User != "":
		s += fmt.Sprintf(", where %s is logged in with device profile %s", w.User, w.Profile)
	case w.Profile != "":
		s += ", where nobody is logged in: logout profile " + w.Profile
	}
	if w.Source != "" {
		s += ", from " + w.Source
		switch {
		case w.Trusted:
		case w.Kind == "trunk":
			s += " (which proves nothing)"
		default:
			s += " (not a trusted network)"
		}
	}
	return s
}

func describeTarget(t *api.ExplainedTarget) string {
	s := "number " + t.Number
	if t.Tenant != "" {
		s += " of tenant " + t.Tenant
	}
	if t.Partition != "" {
		s += ", partition " + t.Partition
	}
	if t.PickupCode {
		s += ", behind the pickup code"
	}
	return s
}
