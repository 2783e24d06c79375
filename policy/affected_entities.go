package policy

import (
	"maps"
	"slices"
)

// presentities are the lines and hunt pilots of a tenant.
func (t *tenant) presentities() []*lineEntry {
	if len(t.pilots) == 0 {
		return t.lines
	}
	return slices.Concat(t.lines, t.pilots)
}

func changedLines(c *TenantChanges, old, next *tenant) {
	if old.base == next || next.base == old || old.base != nil && old.base == next.base {
		return // somebody logged in or out
	}
	before := map[Line]*lineEntry{}
	for _, e := range old.presentities() {
		before[e.info.Line] = e
	}
	note := func(e *lineEntry) {
		for _, n := range e.names() {
			c.Numbers[n] = true
		}
	}
	for _, e := range next.presentities() {
		b := before[e.info.Line]
		delete(before, e.info.Line)
		switch {
		case b == nil:
			note(e)
		case b.allowWatch != e.allowWatch || b.pilotRule != e.pilotRule || b.pickupRule != e.pickupRule || b.info.PresenceGroup != e.info.PresenceGroup ||
			!slices.Equal(b.names(), e.names()):
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

// changedDevices notes the numbers of lines that show another phone, or none any more.
func changedDevices(c *TenantChanges, old, next *tenant) {
	note := func(t *tenant, l Line) {
		c.Numbers[l.Number] = true
		for _, e := range t.numbers[l.Number] {
			if e.info.Line == l {
				for _, n := range e.names() {
					c.Numbers[n] = true
				}
			}
		}
	}
	for l, d := range next.devices {
		if o := old.devices[l]; o == nil || *o != *d {
			note(next, l)
		}
	}
	for l := range old.devices {
		if next.devices[l] == nil {
			note(old, l)
		}
	}
}

// changed names those that are new, gone, or not the same.
func changed[T any](before, after map[string]T, same func(name string) bool) map[string]bool {
	names := map[string]bool{}
	for name := range after {
		if _, ok := before[name]; !ok || !same(name) {
			names[name] = true
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			names[name] = true
		}
	}
	return names
}

// lostCredentials reports whether a digest user behind a trunk is gone or somebody else.
func lostCredentials(old, next *tenant) bool {
	for _, creds := range []map[string]Credential{old.creds, old.fileCreds} {
		for user, c := range creds {
			if c.Watcher.Kind != WatcherTrunk && c.Watcher.Kind != WatcherApplication {
				continue
			}
			if n, ok := next.credential(user); !ok || n.Watcher != c.Watcher {
				return true
			}
		}
	}
	return false
}

// same reports whether a watcher of one snapshot is decided as one of another.
func (e *watcherEntry) same(t *tenant, o *watcherEntry, ot *tenant) bool {
	if e == o && (t == ot || t.base == ot || ot.base == t || t.base != nil && t.base == ot.base) {
		return true
	}
	return t.groupNames[e.group] == ot.groupNames[o.group] && e.outcome == o.outcome && e.rule == o.rule &&
		e.provisioned == o.provisioned && e.callLists == o.callLists && slices.Equal(e.buttons, o.buttons) &&
		e.space.text == o.space.text
}

func (e *trunkEntry) same(t *tenant, o *trunkEntry, ot *tenant) bool {
	return e.watcherEntry.same(t, &o.watcherEntry, ot) && e.sip == o.sip && e.accept == o.accept && e.digest == o.digest &&
		e.appAuth == o.appAuth && e.acceptRule == o.acceptRule &&
		slices.Equal(e.subjects, o.subjects) && slices.Equal(e.sources, o.sources)
}

func (e *appEntry) same(t *tenant, o *appEntry, ot *tenant) bool {
	return e.accept == o.accept && e.grouped == o.grouped && t.groupNames[e.group] == ot.groupNames[o.group]
}

// same reports whether two routes, each perhaps nil, lead to the same place.
func (e *routeEntry) same(t *tenant, o *routeEntry, ot *tenant) bool {
	if e == nil || o == nil {
		return e == o
	}
	return e.name == o.name && e.text == o.text && e.discard == o.discard && e.prefix == o.prefix &&
		slices.EqualFunc(e.trunks, o.trunks, func(a, b *trunkEntry) bool {
			return a.name == b.name && t.groupNames[a.group] == ot.groupNames[b.group]
		})
}

func sameRoutes(old, next *tenant) bool {
	return maps.EqualFunc(old.routing.names, next.routing.names, func(a, b *routeEntry) bool { return a.same(old, b, next) })
}
