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
	Tenants   map[string]*TenantChanges
	old, next *Snapshot
}

// TenantChanges is what changed within a tenant. Read only.
type TenantChanges struct {
	// All: the whole tenant may be affected; it came or went, or numbers compare otherwise.
	All bool
	// Pairs are the relations that changed, from the watcher's group to the presentity's.
	Pairs map[[2]string]bool
	// Numbers are those of the lines that changed, came or went.
	Numbers map[string]bool
	// Phones, EndUsers, Trunks and Applications are the watchers that changed, came or
	// went; somebody logged in on a phone, or out.
	Phones, EndUsers, Trunks, Applications map[string]bool
	// Routes: external presentities may be reached otherwise, or by trunks of other groups.
	Routes bool
	// Credentials: a digest user of a trunk, application or credential file is gone, or is
	// another's: TrunkWatcher may know a watcher otherwise.
	Credentials bool
}

// Affected compares two snapshots. It looks at every line and phone once, and at no
// subscription.
func Affected(old, next *Snapshot) *Changes {
	c := &Changes{All: old.global != next.global, Tenants: map[string]*TenantChanges{}, old: old, next: next}
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
	if wc != nil && (wc.All || wc.watcher(w)) || tc != nil && (tc.All || tc.Numbers[t.Number]) {
		return true
	}
	if wc == nil || len(wc.Pairs) == 0 && !wc.Routes || w.Tenant != t.Tenant {
		return false
	}
	// Neither watcher nor line changed: their groups are those of the new snapshot.
	nt, ot := c.next.tenants[w.Tenant], c.old.tenants[w.Tenant]
	e, _ := c.next.watcher(nt, w)
	o, _ := c.old.watcher(ot, w)
	if e.watcherEntry == nil || o.watcherEntry == nil {
		return e != o // refused before and after alike
	}
	from := nt.groupNames[e.group]
	if t.Host == "" {
		if l := nt.find(e.space, t.Number); l != nil {
			return wc.Pairs[[2]string{from, l.info.PresenceGroup}]
		}
	}
	r := nt.route(e.space, t)
	if !r.same(nt, ot.route(o.space, t), ot) {
		return true
	}
	if r != nil {
		for _, k := range r.trunks {
			if wc.Pairs[[2]string{from, nt.groupNames[k.group]}] {
				return true
			}
		}
	}
	return wc.Pairs[[2]string{from, StandardGroup}] // a learned number
}

// watcher reports whether a watcher changed.
func (c *TenantChanges) watcher(w Watcher) bool {
	switch w.Kind {
	case WatcherPhone:
		return c.Phones[w.ID]
	case WatcherEndUser:
		return c.EndUsers[w.ID]
	case WatcherTrunk:
		return c.Trunks[w.ID] || c.Trunks[w.Trunk]
	case WatcherApplication:
		return c.Applications[w.ID] || c.Trunks[w.Trunk]
	}
	return false
}

// route is where a target that is no line may be reached, nil if nowhere.
func (t *tenant) route(sp *space, target Target) *routeEntry {
	if target.Host != "" {
		return t.routing.foreign(sp, target.Host)
	}
	return t.routing.number(sp, target.Number, true)
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
		Phones:       changed(old.phones, next.phones, func(name string) bool { return old.phone(name).same(old, next.phone(name), next) }),
		EndUsers:     changed(old.users, next.users, func(name string) bool { return old.users[name].same(old, next.users[name], next) }),
		Trunks:       changed(old.trunks, next.trunks, func(name string) bool { return old.trunks[name].same(old, next.trunks[name], next) }),
		Applications: changed(old.apps, next.apps, func(name string) bool { return old.apps[name].same(old, next.apps[name], next) }),
		Routes:       !sameRoutes(old, next),
		Credentials:  lostCredentials(old, next),
	}
	changedPairs(c, old, next)
	changedLines(c, old, next)
	changedDevices(c, old, next)
	if len(c.Pairs)+len(c.Numbers)+len(c.Phones)+len(c.EndUsers)+len(c.Trunks)+len(c.Applications) == 0 && !c.Routes && !c.Credentials {
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
