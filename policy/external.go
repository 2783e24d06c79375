package policy

// external decides steps 2 to 6 for an external presentity. DecideTrunk asks the groups
// again once a trunk is tried: here any of the route's trunks will do.
func (s *Snapshot) external(t *tenant, a asker, target Target, e *routeEntry, tr *tracer) Decision {
	d := Decision{Step: StepTarget, Line: Line{Tenant: t.name, Partition: e.partition, Number: target.Number}}
	switch {
	case a.kind == WatcherTrunk:
		// CUCM, How Presence Works with Phones and Trunks: what is not ours is rejected.
		d.Rule = ruleTransit
	case !s.allowSubscribe:
		d.Rule = ruleNoSubscribe
	case len(e.trunks) == 0:
		d.Rule = e.noSIPRule
	}
	if d.Rule != "" {
		return tr.end(d)
	}
	tr.pass(StepTarget, e.name)
	if a.provisioned {
		if b := a.buttonOf(target.Number); b != nil {
			if tr != nil {
				tr.pass(StepButton, b.rule+": external, the trunk's group applies")
			}
		} else {
			tr.pass(StepButton, "no button of the watcher")
			if !a.callLists {
				d.Step, d.Rule = StepCallList, a.callListRule
				return tr.end(s.refused(d))
			}
			tr.pass(StepCallList, a.callListRule)
		}
	}
	d.Step, d.WatcherGroup = StepGroup, t.groupNames[a.group]
	for i, k := range e.trunks {
		r := t.relation(s, a.group, k.group)
		if i == 0 || r.allow {
			d.Rule, d.PresentityGroup = r.rule, t.groupNames[k.group]
		}
		if r.allow {
			d.Outcome, d.View, d.Route = Allowed, r.view, e.name
			d.Pickup, d.PickupRule = r.pickup, r.pickupRule
			return tr.end(d)
		}
	}
	return tr.end(s.refused(d))
}

// DecideTrunk answers whether w may watch an external presentity that a trunk of its
// tenant reaches: the groups of the watcher and of the trunk (CUCM, Table 20-1). It is
// asked before the trunk is tried, and again for each further watcher of a presentity
// whose state is there already. It allocates nothing.
func DecideTrunk(s *Snapshot, w Watcher, trunk string) Decision {
	t := s.tenants[w.Tenant]
	if t == nil {
		return Decision{Outcome: NotFound, Step: StepWatcher, Rule: ruleNoTenant}
	}
	a, d := s.watcher(t, w)
	if a.watcherEntry == nil {
		return d
	}
	k := t.trunks[trunk]
	if k == nil {
		return Decision{Step: StepTarget, Rule: ruleNoTrunk}
	}
	r := t.relation(s, a.group, k.group)
	d = Decision{
		Step: StepGroup, Rule: r.rule, Pickup: r.pickup, PickupRule: r.pickupRule,
		WatcherGroup: t.groupNames[a.group], PresentityGroup: t.groupNames[k.group],
	}
	switch {
	case a.kind == WatcherTrunk:
		return Decision{Step: StepTarget, Rule: ruleTransit}
	case !s.allowSubscribe:
		return Decision{Step: StepTarget, Rule: ruleNoSubscribe}
	case !k.sip:
		return Decision{Step: StepTarget, Rule: ruleNotSIP}
	case r.allow:
		d.Outcome, d.View = Allowed, r.view
		return d
	}
	return s.refused(d)
}

// refused is how a refusal by groups or call lists is answered: 403, or a lamp that is
// idle for ever.
func (s *Snapshot) refused(d Decision) Decision {
	if s.pretendIdle {
		d.Outcome, d.View, d.Pickup = Allowed, ViewIdle, false
	}
	return d
}
