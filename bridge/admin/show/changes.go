package show

import (
	"fmt"
	"io"
	"strings"
	"time"

	"blfbridge/bridge/admin/api"
	"blfbridge/policy"
)

var actions = map[string]struct{ colour, sign string }{
	"added": {green, "+"}, "removed": {red, "-"}, "changed": {yellow, "~"}, "moved": {yellow, "~"},
}

// Changes writes what is another in a policy, a line each.
func Changes(w io.Writer, d *api.PolicyDiff, paint Paint) error {
	p := &printer{w: w}
	for _, c := range d.Changes {
		a := actions[c.Action]
		p.f("%s\n", paint.in(a.colour, clean(a.sign+" "+policy.Change(c).String())))
	}
	switch more := d.Total - len(d.Changes); {
	case more > 0:
		p.f("and %d more\n", more)
	case d.Total == 0:
		p.f("nothing is another\n")
	}
	return p.err
}

// Audit writes an audit trail, the newest change first.
func Audit(w io.Writer, t *api.AuditTrail, paint Paint) error {
	p := &printer{w: w}
	if len(t.Entries) == 0 {
		p.f("nobody has changed the policy yet\n")
	}
	for _, e := range t.Entries {
		who := e.Who
		if who == "" {
			who = "unknown"
		}
		p.f("%s  %s  %s\n", paint.in(bold, "revision "+fmt.Sprint(e.Revision)), e.When.UTC().Format(time.RFC3339), clean(who))
		for _, what := range e.What {
			p.f("    %s\n", clean(what))
		}
		if len(e.What) == 0 {
			p.f("    the same document again\n")
		}
	}
	return p.err
}

// Groups writes presence groups as the Find and List window does.
func Groups(w io.Writer, list *api.PresenceGroupList) error {
	p := &printer{w: w}
	rows := [][]string{{"Presence Group", "Description", "Dependents"}}
	for _, g := range list.Groups {
		rows = append(rows, []string{g.Name, g.Description, fmt.Sprint(g.Dependents)})
	}
	p.f("%d presence group%s of tenant %s, revision %d\n", list.Total, plural(list.Total), clean(list.Tenant), list.Revision)
	p.table(rows, []int{14, 11, 10})
	return p.err
}

// Group writes a presence group with its relations.
func Group(w io.Writer, g *api.PresenceGroupDetails, paint Paint) error {
	p := &printer{w: w}
	const width = 11
	p.field(width, "Name", g.Name)
	p.field(width, "Description", g.Description)
	p.field(width, "Tenant", g.Tenant)
	p.field(width, "Dependents", g.Dependents)
	if g.Undeletable {
		p.field(width, "Deletable", "no")
	}
	for _, side := range []struct {
		title string
		list  []api.Relation
		other func(api.Relation) string
	}{
		{"May watch", g.Relations, func(r api.Relation) string { return r.To }},
		{"Watched by", g.WatchedBy, func(r api.Relation) string { return r.From }},
	} {
		p.f("%s\n", paint.in(bold, side.title))
		if len(side.list) == 0 {
			p.f("  all as the system default\n")
		}
		for _, r := range side.list {
			p.f("  %s: %s\n", clean(side.other(r)), relation(r))
		}
	}
	return p.err
}

func relation(r api.Relation) string {
	words := []string{strings.ReplaceAll(r.Subscribe, "_", " ")}
	if r.View != "" {
		words = append(words, "view "+r.View)
	}
	if r.Pickup != nil {
		words = append(words, pickupWords(*r.Pickup))
	}
	return strings.Join(words, ", ")
}

// Dependents writes dependency records.
func Dependents(w io.Writer, list *api.DependencyRecords) error {
	p := &printer{w: w}
	p.f("%d dependency record%s, tenant %s, revision %d\n", list.Total, plural(list.Total), clean(list.Tenant), list.Revision)
	rows := [][]string{{"Kind", "Name", "Presence Group"}}
	for _, r := range list.Records {
		rows = append(rows, []string{kindWords(r.Kind), r.Name, r.PresenceGroup})
	}
	p.table(rows, []int{16, 10, 14})
	return p.err
}

// Assignments writes what presence groups are applied to.
func Assignments(w io.Writer, list *api.Assignments) error {
	p := &printer{w: w}
	p.f("%d of tenant %s, revision %d\n", list.Total, clean(list.Tenant), list.Revision)
	rows := [][]string{{"Kind", "Name", "Presence Group", "SUBSCRIBE Calling Search Space"}}
	for _, a := range list.Assignments {
		group, space := a.PresenceGroup, a.SubscribeCallingSearchSpace
		if group == "" {
			group = policy.StandardGroup
			if a.Kind == policy.KindApplicationUser {
				group = "<None>"
			}
		}
		if space == "" {
			space = "<None>"
		}
		rows = append(rows, []string{kindWords(a.Kind), a.Name, group, space})
	}
	p.table(rows, []int{16, 10, 14, 30})
	return p.err
}

func kindWords(kind string) string { return strings.ReplaceAll(kind, "_", " ") }
