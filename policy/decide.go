package policy

import (
	"slices"
	"strings"
)

// Counts are the subscriptions that exist already, without the one asked for. A zero
// Counts never refuses; re-evaluation of a live subscription passes that.
type Counts struct {
	// Total are all of this server, Watcher those of this watcher.
	Total, Watcher int
}

// Rules that need no names.
const (
	ruleNoTenant      = "no such tenant"
	ruleOtherTenant   = "not found: tenants are apart, and no cross-tenant permission"
	ruleUntrusted     = "credentials needed: not from a trusted network"
	ruleOthersRefused = "unknown_watchers others: refuse"
	ruleUnlisted      = "credentials needed: watcher is not in the document"
	ruleNoTrunk       = "trunk is not in the document"
	ruleLearned       = `learned number, group "Standard"`
	ruleNoNumber      = "not found: no number"
	ruleDisabled      = "presence enable is off"
	ruleTransit       = "external presentity: what comes from a trunk may watch our own lines only"
	ruleNoSubscribe   = "external presentity: allow subscribe is off"
	ruleNotSIP        = "no SIP trunk"
)

// Decide answers whether w may watch t, in the steps of DESIGN §3; the first that
// refuses decides. It is pure, allocates nothing, and may be called by any goroutine.
//
// A watcher that is not Trusted is asked for credentials, whatever it claims to be.
func Decide(s *Snapshot, w Watcher, t Target, counts Counts) Decision {
	return decide(s, w, t, counts, nil)
}

func decide(s *Snapshot, w Watcher, t Target, counts Counts, tr *tracer) Decision {
	if !s.enabled {
		return tr.end(Decision{Step: StepWatcher, Rule: ruleDisabled})
	}
	if s.maxSubscriptions > 0 && counts.Total >= s.maxSubscriptions {
		return tr.end(Decision{Outcome: Unavailable, Step: StepWatcher, Rule: s.limitRule})
	}
	if s.maxPerWatcher > 0 && counts.Watcher >= s.maxPerWatcher {
		return tr.end(Decision{Outcome: Unavailable, Step: StepWatcher, Rule: s.watcherLimitRule})
	}
	// 1: who asks.
	wt := s.tenants[w.Tenant]
	if wt == nil {
		return tr.end(Decision{Outcome: NotFound, Step: StepWatcher, Rule: ruleNoTenant})
	}
	e, d := s.watcher(wt, w)
	if e.watcherEntry == nil {
		return tr.end(d)
	}
	tr.watcher(e, wt)

	// 2: what is asked for.
	if t.Bare {
		return tr.end(bareDecision(wt, e, w, t))
	}
	if t.Number == "" || isBare(t.Number) {
		return tr.end(Decision{Outcome: NotFound, Step: StepTarget, Rule: ruleNoNumber})
	}
	pt, sp := wt, e.space
	if t.Tenant != w.Tenant {
		pt = s.tenants[t.Tenant]
		if pt == nil || !s.crossTenants[[2]string{w.Tenant, t.Tenant}] {
			return tr.end(Decision{Outcome: NotFound, Step: StepTarget, Rule: ruleOtherTenant})
		}
		sp = pt.noSpace // a calling search space names partitions of its own tenant
	}
	if t.Host != "" {
		if pt == wt {
			if route := wt.routing.foreign(sp, t.Host); route != nil {
				return s.external(wt, e, t, route, tr)
			}
		}
		return tr.end(Decision{Outcome: NotFound, Step: StepTarget, Rule: sp.missing})
	}
	l := pt.find(sp, t.Number)
	if l == nil && pt == wt {
		// A route pattern is written down, a learned number is not: the pattern wins.
		if route := wt.routing.number(sp, t.Number, !learns(pt, t)); route != nil {
			return s.external(wt, e, t, route, tr)
		}
	}
	d = Decision{Line: Line{Tenant: pt.name, Number: t.Number}}
	switch {
	case l != nil:
		d.Line = l.info.Line
	case !learns(pt, t):
		return tr.end(Decision{Outcome: NotFound, Step: StepTarget, Rule: sp.missing})
	}
	var group uint32
	if l != nil {
		group = l.group
	}
	var r relation
	if pt == wt {
		r = wt.relation(s, e.group, group)
	} else {
		var ok bool
		if r, ok = s.cross[crossKey{wt.name, wt.groupNames[e.group], pt.name, pt.groupNames[group]}]; !ok {
			// Not 403: who may not watch another tenant must not learn its numbers.
			return tr.end(Decision{Outcome: NotFound, Step: StepTarget, Rule: ruleOtherTenant})
		}
	}
	if l != nil && l.pilotRule != "" {
		d.Step, d.Rule = StepTarget, l.pilotRule
		return tr.end(d)
	}
	tr.target(l, d.Line)

	// 3: allow watch.
	if l != nil && !l.allowWatch {
		d.Step, d.Rule = StepAllowWatch, l.offRule
		if !s.refuseUnwatched {
			d.Outcome = Allowed // CME: BLF indicator unknown, "this line is not allowed to be watched"
		}
		return tr.end(d)
	}
	tr.pass(StepAllowWatch, "allow watch on")

	if pt == wt {
		// 4: the administrator answers for a button.
		if b := e.button(t.Number, l); b != nil {
			if b.device {
				if dev := pt.devices[d.Line]; dev != nil {
					d.Device = true
					if dev.offRule != "" {
						d.Step, d.Rule = StepAllowWatch, dev.offRule
						if !s.refuseUnwatched {
							d.Outcome = Allowed
						}
						return tr.end(d)
					}
				}
			}
			d.Outcome, d.View, d.Step, d.Rule = Allowed, ViewNumber, StepButton, b.rule
			d.Pickup, d.PickupRule = l.mayPickUp(true, b.rule)
			return tr.end(d)
		}
		tr.pass(StepButton, "no button of the watcher")
		// 5: what is no button of a phone with buttons comes from a call list.
		if e.provisioned {
			if !e.callLists {
				d.Step, d.Rule = StepCallList, e.callListRule
				return tr.end(s.refused(d))
			}
			tr.pass(StepCallList, e.callListRule)
		}
	}

	// 6 and 7: groups.
	d.Step = StepGroup
	d.WatcherGroup, d.PresentityGroup = wt.groupNames[e.group], pt.groupNames[group]
	d.Rule = r.rule
	d.Pickup, d.PickupRule = l.mayPickUp(r.pickup, r.pickupRule)
	if r.allow {
		d.Outcome, d.View = Allowed, r.view
		return tr.end(d)
	}
	return tr.end(s.refused(d))
}

// mayPickUp lets the line's own setting win over what groups or a button say; l may be nil.
func (l *lineEntry) mayPickUp(may bool, rule string) (bool, string) {
	if l != nil && l.pickupRule != "" {
		return l.pickup, l.pickupRule
	}
	return may, rule
}

// learns reports whether a number that is in no partition searched is a line all the
// same, since a PBX reported it. A listed number never is: its partition would be void.
func learns(t *tenant, target Target) bool {
	return target.Learned && t.learn && len(t.numbers[target.Number]) == 0
}

// watcher finds what w is; nil and the refusal if that ends the matter.
func (s *Snapshot) watcher(t *tenant, w Watcher) (asker, Decision) {
	d := Decision{Step: StepWatcher}
	var e *watcherEntry
	switch w.Kind {
	case WatcherPhone:
		e = t.phone(w.ID)
	case WatcherEndUser:
		e = t.users[w.ID]
	case WatcherUnknown:
		e = t.unknown
	default:
		return t.trunkAsker(w)
	}
	switch {
	case e == nil:
		d.Outcome, d.Rule = Challenged, ruleUnlisted
	case !w.Trusted && w.Kind == WatcherUnknown && s.othersRefuse:
		d.Rule = ruleOthersRefused
	case !w.Trusted:
		d.Outcome, d.Rule = Challenged, ruleUntrusted
	case e.outcome != Allowed:
		d.Outcome, d.Rule = e.outcome, e.rule
	default:
		return asker{e, e.group, e.rule}, d
	}
	return asker{}, d
}

// button returns the button that watches the number or another one of the line, nil if
// there is none.
func (e *watcherEntry) button(number string, l *lineEntry) *button {
	if len(e.buttons) == 0 {
		return nil
	}
	if b := e.buttonOf(number); b != nil || l == nil {
		return b
	}
	for _, n := range l.info.Numbers {
		if b := e.buttonOf(n); b != nil {
			return b
		}
	}
	return nil
}

func (e *watcherEntry) buttonOf(number string) *button {
	i, ok := slices.BinarySearchFunc(e.buttons, number, func(b button, n string) int { return strings.Compare(b.number, n) })
	if !ok {
		return nil
	}
	return &e.buttons[i]
}
