package policy

import (
	"fmt"
	"strings"
)

// barePrefix begins the number of a line that stands for a bare pickup code. No request
// reaches it by number.
const barePrefix = "pickup\x1f"

// BareLine is the line that stands for "the one ringing call that w may pick up": what a
// subscription to the bare pickup code watches. Each watcher has its own.
func BareLine(w Watcher) Line {
	return Line{Tenant: w.Tenant, Number: barePrefix + w.Kind.String() + "\x1f" + w.ID}
}

// BareWatcher is the watcher of a BareLine, Trusted set; ok is false for any other line.
func BareWatcher(l Line) (w Watcher, ok bool) {
	rest, ok := strings.CutPrefix(l.Number, barePrefix)
	if !ok {
		return w, false
	}
	kind, id, ok := strings.Cut(rest, "\x1f")
	if !ok {
		return w, false
	}
	for k := range watcherNames {
		if watcherNames[k] == kind {
			return Watcher{Tenant: l.Tenant, Kind: WatcherKind(k), ID: id, Trusted: true}, true
		}
	}
	return w, false
}

func isBare(number string) bool { return strings.HasPrefix(number, barePrefix) }

// bareDecision lets every phone and user watch what it may pick up itself; which calls
// these are is decided call by call.
func bareDecision(wt *tenant, e asker, w Watcher, t Target) Decision {
	d := Decision{Step: StepTarget, Outcome: NotFound}
	switch {
	case e.kind == WatcherTrunk || w.Kind == WatcherApplication:
		d.Rule = "pickup code without a number: not from a trunk"
	case t.Tenant != w.Tenant:
		d.Rule = ruleOtherTenant
	default:
		d.Rule = fmt.Sprintf("pickup code %s without a number: whatever the watcher may pick up", wt.pickup)
		d.Outcome, d.View, d.Line = Allowed, ViewNumber, BareLine(w)
		d.Pickup, d.PickupRule = true, d.Rule
	}
	return d
}
