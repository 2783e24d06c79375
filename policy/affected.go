package policy

import (
	"slices"
)

// Changes is what differs between two snapshots as far as decisions go: which live
// subscriptions have to be decided again.
type Changes struct {
	// All: a setting of the whole document changed, everything may be affected.
	All bool
	// Tenants holds an entry for each tenant that changed.
	Tenants map[string]*TenantChanges
	next    *Snapshot
}

// TenantChanges is what changed within a tenant. Read only.
type TenantChanges struct {
	// All: the whole tenant may be affected; it came or went, or numbers compare otherwise.
	All bool
	// Pairs are the relations that changed, from the watcher's group to the presentity's.
	Pairs map[[2]string]bool
	// Numbers are those of the lines that changed, came or went.
	Numbers map[string]bool
	// Phones and EndUsers are the watchers that changed, came or went.
	Phones, EndUsers map[string]bool
}

// Affected compares two snapshots. It looks at every line and phone once, and at no
// subscription.
func Affected(old, next *Snapshot) *Changes {
	c := &Changes{All: old.global != next.global, Tenants: map[string]*TenantChanges{}, next: next}
	for name, t := range next.tenants {
		if d := changesOf(old.tenants[name], t); d != nil {
			c.Tenants[name] = d
		}
	}
	for name := range old.tenants {
		if next.tenants[name] == nil {
			c.Tenants[name] = &TenantChanges{All: true}
		}
	}
	return c
}

// Empty reports that no decision can have changed.
func (c *Changes) Empty() bool { return !c.All && len(c.Tenants) == 0 }

// Touches reports whether the decision about a subscription may have changed.
func (c *Changes) Touches(w Watcher, t Target) bool {
	if c.All {
		return true
	}
	wc, tc := c.Tenants[w.Tenant], c.Tenants[t.Tenant]
	if wc == nil && tc == nil {
		return false
	}
	if wc != nil && (wc.All || w.Kind == WatcherPhone && wc.Phones[w.ID] || w.Kind == WatcherEndUser && wc.EndUsers[w.ID]) {
		return true
	}
	if tc != nil && (tc.All || tc.Numbers[t.Number]) {
		return true
	}
	if wc == nil || len(wc.Pairs) == 0 || w.Tenant != t.Tenant {
		return false
	}
	// Neither watcher nor line changed: their groups are those of the new snapshot.
	pt := c.next.tenants[w.Tenant]
	e, _ := c.next.watcher(pt, w)
	if e == nil {
		return true
	}
	group := StandardGroup
	if l := pt.find(e.space, t.Number); l != nil {
		group = l.info.PresenceGroup
	}
	return wc.Pairs[[2]string{pt.groupNames[e.group], group}]
}

// changesOf compares the states of a tenant; nil if they are alike.
func changesOf(old, next *tenant) *TenantChanges {
	if old == next {
		return nil // learned, and compiled once
	}
	if old == nil || old.pickup != next.pickup || old.learn != next.learn || !sameDialling(old, next) ||
		!old.unknown.same(old, next.unknown, next) {
		return &TenantChanges{All: true}
	}
	c := &TenantChanges{
		Pairs: map[[2]string]bool{}, Numbers: map[string]bool{},
		Phones:   changedWatchers(old, next, old.phones, next.phones),
		EndUsers: changedWatchers(old, next, old.users, next.users),
	}
	changedPairs(c, old, next)
	changedLines(c, old, next)
	if len(c.Pairs)+len(c.Numbers)+len(c.Phones)+len(c.EndUsers) == 0 {
		return nil
	}
	return c
}

func sameDialling(a, b *tenant) bool {
	return a.dial.countryCode == b.dial.countryCode && a.dial.nationalPrefix == b.dial.nationalPrefix &&
		a.dial.nationalDigits == b.dial.nationalDigits && slices.Equal(a.dial.international, b.dial.international)
}

func changedPairs(c *TenantChanges, old, next *tenant) {
	before, after := old.relations(), next.relations()
	for k, r := range after {
		if b, ok := before[k]; !ok || b != r {
			c.Pairs[k] = true
		}
	}
	for k := range before {
		if _, ok := after[k]; !ok {
			c.Pairs[k] = true
		}
	}
}

// relations are those that the document says something about, by name.
func (t *tenant) relations() map[[2]string]relation {
	m := map[[2]string]relation{}
	for k, r := range t.pairs {
		m[[2]string{t.groupNames[k>>32], t.groupNames[uint32(k)]}] = r
	}
	for i, r := range t.same {
		if r.view != ViewNumber || !r.pickup {
			m[[2]string{t.groupNames[i], t.groupNames[i]}] = r
		}
	}
	return m
}

func changedLines(c *TenantChanges, old, next *tenant) {
	before := map[Line]*lineEntry{}
	for _, e := range old.lines {
		before[e.info.Line] = e
	}
	note := func(e *lineEntry) {
		for _, n := range e.names() {
			c.Numbers[n] = true
		}
	}
	for _, e := range next.lines {
		b := before[e.info.Line]
		delete(before, e.info.Line)
		switch {
		case b == nil:
			note(e)
		case b.allowWatch != e.allowWatch || b.info.PresenceGroup != e.info.PresenceGroup || !slices.Equal(b.names(), e.names()):
			note(b)
			note(e)
		}
	}
	for _, b := range before {
		note(b)
	}
}

// names are all by which the line is found: numbers, and special devices.
func (e *lineEntry) names() []string {
	names := slices.Clone(e.info.Numbers)
	for _, d := range e.info.Devices {
		names = append(names, SpecialNumbers(d)...)
	}
	return names
}

func changedWatchers(old, next *tenant, before, after map[string]*watcherEntry) map[string]bool {
	changed := map[string]bool{}
	for name, e := range after {
		if b := before[name]; b == nil || !b.same(old, e, next) {
			changed[name] = true
		}
	}
	for name := range before {
		if after[name] == nil {
			changed[name] = true
		}
	}
	return changed
}

// same reports whether a watcher of one snapshot is decided as one of another.
func (e *watcherEntry) same(t *tenant, o *watcherEntry, ot *tenant) bool {
	return t.groupNames[e.group] == ot.groupNames[o.group] && e.outcome == o.outcome && e.rule == o.rule &&
		e.provisioned == o.provisioned && e.callLists == o.callLists && slices.Equal(e.buttons, o.buttons) &&
		e.space.text == o.space.text
}
