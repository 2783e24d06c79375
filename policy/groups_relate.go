package policy

import (
	"slices"
	"strings"
)

// Relation is what RelateGroups sets from each of some groups to each of others.
type Relation struct {
	// From are groups of watchers, To groups of presentities.
	From, To []string
	// Subscribe is allow, disallow or system_default; empty leaves it as it is.
	Subscribe Permission
	// SetView puts View in the place of what was there, and SetPickup Pickup; nil is the
	// default again.
	SetView, SetPickup bool
	View               *View
	Pickup             *bool
}

// RelateGroups sets relations from several groups to several others. A group's relation
// to itself is left out, since that is always allowed; but where it is the only one
// named, its view and pickup are set. A relation of system_default that says nothing
// else is not kept: it is what is there without.
func RelateGroups(d *Document, tenant string, r Relation) (*Document, error) {
	n, t, err := tenantCopy(d, tenant)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Concat(r.From, r.To) {
		if err := hasGroup(t, name); err != nil {
			return nil, err
		}
	}
	v := &validator{}
	if v.oneOf("subscribe", string(r.Subscribe), string(Allow), string(Disallow), string(SystemDefault)); len(v.problems) > 0 {
		return nil, v.problems
	}
	t.Permissions = slices.Clone(t.Permissions)
	at := map[[2]string]int{}
	for i, x := range t.Permissions {
		at[[2]string{x.From, x.To}] = i
	}
	only := len(r.From) == 1 && len(r.To) == 1
	for _, f := range r.From {
		for _, g := range r.To {
			k := [2]string{f, g}
			if f == g && !(only && (r.SetView || r.SetPickup)) {
				continue
			}
			i, ok := at[k]
			if !ok {
				i = len(t.Permissions)
				t.Permissions = append(t.Permissions, GroupPermission{From: f, To: g})
				at[k] = i
			}
			r.set(&t.Permissions[i])
		}
	}
	t.Permissions = slices.DeleteFunc(t.Permissions, func(x GroupPermission) bool { return !x.shown() })
	return checked(n)
}

func (r *Relation) set(p *GroupPermission) {
	if r.Subscribe != "" && p.From != p.To {
		p.Subscribe = r.Subscribe
	}
	if r.SetView {
		p.View = r.View
	}
	if r.SetPickup {
		p.Pickup = r.Pickup
	}
}

// SetPermission puts one relation in, view and pickup and all, in the place of what was
// there from that group to the other.
func SetPermission(d *Document, tenant string, p GroupPermission) (*Document, error) {
	n, t, err := tenantCopy(d, tenant)
	if err != nil {
		return nil, err
	}
	v := &validator{}
	if v.oneOf("subscribe", string(p.Subscribe), string(Allow), string(Disallow), string(SystemDefault)); len(v.problems) > 0 {
		return nil, v.problems
	}
	t.Permissions = slices.DeleteFunc(slices.Clone(t.Permissions), func(x GroupPermission) bool { return x.From == p.From && x.To == p.To })
	if p.shown() {
		t.Permissions = append(t.Permissions, p)
	}
	return checked(n)
}

// GroupRelations are the relations of a group to others that its Presence Group
// Relationship pane shows: those of "system default" are not there.
func GroupRelations(d *Document, tenant, name string) ([]GroupPermission, error) {
	list, _, err := GroupPermissions(d, tenant, name)
	return slices.DeleteFunc(list, func(p GroupPermission) bool { return !p.listed() }), err
}

// GroupPermissions are the relations of a group and those of other groups to it, but
// those that say nothing but "system default".
func GroupPermissions(d *Document, tenant, name string) (from, to []GroupPermission, err error) {
	_, t, err := tenantCopy(d, tenant)
	if err != nil {
		return nil, nil, err
	}
	if err := hasGroup(t, name); err != nil {
		return nil, nil, err
	}
	for _, p := range t.Permissions {
		switch {
		case !p.shown():
		case p.From == name:
			from = append(from, p)
		case p.To == name:
			to = append(to, p)
		}
	}
	return from, to, nil
}

// listed reports whether a relation is another one than the system default.
func (p *GroupPermission) listed() bool { return p.Subscribe == Allow || p.Subscribe == Disallow }

// shown reports whether a relation says anything.
func (p *GroupPermission) shown() bool { return p.listed() || p.View != nil || p.Pickup != nil }

// GroupQuery is one search of the Find and List window.
type GroupQuery struct {
	// Field is "name" (also if empty) or "description".
	Field string
	// Match is "begins", "contains" (also if empty), "ends" or "exact"; "not" before it
	// ("not contains") turns it round. Case does not matter.
	Match string
	// Text is what is looked for; empty finds all.
	Text string
	// Within are names found before: search within results. nil = all groups.
	Within []string
}

// FindGroups lists the presence groups that match, by name. Standard is always there.
func FindGroups(d *Document, tenant string, q GroupQuery) ([]GroupInfo, error) {
	n, t, err := tenantCopy(d, tenant)
	if err != nil {
		return nil, err
	}
	match, err := q.matcher()
	if err != nil {
		return nil, err
	}
	groups := slices.Clone(t.PresenceGroups)
	if !slices.ContainsFunc(groups, func(g PresenceGroup) bool { return g.Name == StandardGroup }) {
		groups = append(groups, PresenceGroup{Name: StandardGroup})
	}
	uses := map[string]int{}
	eachDependent(n, t, func(dep Dependent) { uses[dep.PresenceGroup]++ })
	var out []GroupInfo
	for _, g := range groups {
		if match(g) && (q.Within == nil || slices.Contains(q.Within, g.Name)) {
			out = append(out, GroupInfo{PresenceGroup: g, Dependents: uses[g.Name], Undeletable: g.Name == StandardGroup})
		}
	}
	slices.SortFunc(out, func(a, b GroupInfo) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (q *GroupQuery) matcher() (func(PresenceGroup) bool, error) {
	v := &validator{}
	v.oneOf("field", q.Field, "name", "description")
	word, not := strings.CutPrefix(q.Match, "not ")
	v.oneOf("match", word, "begins", "contains", "ends", "exact")
	if len(v.problems) > 0 {
		return nil, v.problems
	}
	text := strings.ToLower(q.Text)
	return func(g PresenceGroup) bool {
		have := strings.ToLower(g.Name)
		if q.Field == "description" {
			have = strings.ToLower(g.Description)
		}
		if text == "" {
			return true
		}
		found := false
		switch word {
		case "begins":
			found = strings.HasPrefix(have, text)
		case "ends":
			found = strings.HasSuffix(have, text)
		case "exact":
			found = have == text
		default:
			found = strings.Contains(have, text)
		}
		return found != not
	}, nil
}
