package policy

import (
	"slices"
	"strings"
)

// RelateGroups sets the Subscription Permission from each of the groups from to each of
// the groups to; a group's relation to itself is left out, since that is always allowed.
// View and pickup of a relation stay. A relation of system_default that says nothing
// else is not kept: it is what is there without.
func RelateGroups(d *Document, tenant string, from, to []string, p Permission) (*Document, error) {
	n, t, err := tenantCopy(d, tenant)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Concat(from, to) {
		if err := hasGroup(t, name); err != nil {
			return nil, err
		}
	}
	v := &validator{}
	if v.oneOf("subscribe", string(p), string(Allow), string(Disallow), string(SystemDefault)); len(v.problems) > 0 {
		return nil, v.problems
	}
	t.Permissions = slices.Clone(t.Permissions)
	at := map[[2]string]int{}
	for i, x := range t.Permissions {
		at[[2]string{x.From, x.To}] = i
	}
	for _, f := range from {
		for _, g := range to {
			k := [2]string{f, g}
			if f == g {
				continue
			}
			i, ok := at[k]
			if !ok {
				i = len(t.Permissions)
				t.Permissions = append(t.Permissions, GroupPermission{From: f, To: g})
				at[k] = i
			}
			t.Permissions[i].Subscribe = p
		}
	}
	t.Permissions = slices.DeleteFunc(t.Permissions, func(x GroupPermission) bool { return !x.listed() && x.View == nil && x.Pickup == nil })
	return checked(n)
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
	if p.listed() || p.View != nil || p.Pickup != nil {
		t.Permissions = append(t.Permissions, p)
	}
	return checked(n)
}

// GroupRelations are the relations of a group to others that its Presence Group
// Relationship pane shows: those of "system default" are not there.
func GroupRelations(d *Document, tenant, name string) ([]GroupPermission, error) {
	_, t, err := tenantCopy(d, tenant)
	if err != nil {
		return nil, err
	}
	if err := hasGroup(t, name); err != nil {
		return nil, err
	}
	var out []GroupPermission
	for _, p := range t.Permissions {
		if p.From == name && p.listed() {
			out = append(out, p)
		}
	}
	return out, nil
}

// listed reports whether a relation is another one than the system default.
func (p *GroupPermission) listed() bool { return p.Subscribe == Allow || p.Subscribe == Disallow }

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
