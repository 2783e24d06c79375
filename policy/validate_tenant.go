package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

func standardIfEmpty(group string) string { return cmp.Or(group, StandardGroup) }

// groupNames are a tenant's groups; Standard is there without being listed.
func groupNames(t *Tenant) *nameSet {
	names := newNameSet(StandardGroup)
	for _, g := range t.PresenceGroups {
		names.add(g.Name)
	}
	return names
}

// group checks a reference to a presence group; empty is Standard.
func (v *validator) group(path, name string, names *nameSet) {
	if name != "" {
		v.reference(path, "presence group", name, names)
	}
}

func (v *validator) tenant(path string, t *Tenant) {
	v.dialling(path, t)
	r := refs{
		groups: groupNames(t), partitions: newNameSet(NonePartition), spaces: newNameSet(), classes: newNameSet(), users: newNameSet(),
		profiles: newNameSet(), trunks: newNameSet(), devices: newNameSet(),
		dial: newDialPlan(t),
	}

	groups := newNameSet()
	for i, g := range t.PresenceGroups {
		if v.unique(fmt.Sprintf("%s.presence_groups[%d].name", path, i), "presence group", g.Name, groups) {
			if g.Name != StandardGroup && strings.EqualFold(g.Name, StandardGroup) || g.Name == Challenge || g.Name == Refuse {
				v.add(fmt.Sprintf("%s.presence_groups[%d].name", path, i), "%q is a reserved name", g.Name)
			}
		}
	}
	v.permissions(path, t, r.groups)
	for i, p := range t.Partitions {
		at := fmt.Sprintf("%s.partitions[%d].name", path, i)
		if strings.Contains(p.Name, "@") {
			v.add(at, "a partition name cannot contain @: %q", p.Name)
		}
		v.unique(at, "partition", p.Name, r.partitions)
	}
	for i, c := range t.CallingSearchSpaces {
		at := fmt.Sprintf("%s.calling_search_spaces[%d]", path, i)
		v.unique(at+".name", "calling search space", c.Name, r.spaces)
		for j, p := range c.Partitions {
			v.reference(fmt.Sprintf("%s.partitions[%d]", at, j), "partition", p, r.partitions)
			if slices.Contains(c.Partitions[:j], p) {
				v.add(fmt.Sprintf("%s.partitions[%d]", at, j), "partition %q is listed twice", p)
			}
		}
	}
	for i := range t.LineClasses {
		c := &t.LineClasses[i]
		at := fmt.Sprintf("%s.line_classes[%d]", path, i)
		v.unique(at+".name", "line class", c.Name, r.classes)
		v.options(at, &c.LineOptions)
	}
	v.lines(path, t, &r)
	for _, u := range t.EndUsers {
		r.users.add(u.UserID)
	}
	v.phones(path, t, &r)
	v.endUsers(path, t, &r)
	v.deviceProfiles(path, t, &r)
	v.mobility(path, t, &r)
	v.securityProfiles(path, t, &r)
	v.trunks(path, t, &r)
	v.applicationUsers(path, t, &r)
	v.routes(path, t, &r)
	v.huntPilots(path, t, &r)
	v.credentialFiles(path, t)
}

// refs are the names that the things of a tenant may refer to.
type refs struct {
	groups, partitions, spaces, classes, users *nameSet
	profiles, trunks, devices                  *nameSet        // trunk security profiles, trunks, device profiles
	lines                                      map[Line]string // number and partition → path
	digests                                    map[string]string
	dial                                       dialPlan
}

func (v *validator) dialling(path string, t *Tenant) {
	if c := strings.TrimPrefix(t.CountryCode, "+"); t.CountryCode != "" && (!allDigits(c) || len(c) > 3 || c[0] == '0') {
		v.add(path+".country_code", "%q is no country code: one to three digits such as 1 or 64", t.CountryCode)
	}
	if t.InternationalPrefix != "" && !allDigits(t.InternationalPrefix) {
		v.add(path+".international_prefix", "%q is no prefix: digits such as 00 or 011", t.InternationalPrefix)
	}
	if t.NationalPrefix != "" && t.NationalPrefix != "none" && !allDigits(t.NationalPrefix) {
		v.add(path+".national_prefix", "%q is no prefix: digits such as 0, or none", t.NationalPrefix)
	}
	if t.NationalDigits != 0 && (t.NationalDigits < minInternational || t.NationalDigits > 14) {
		v.add(path+".national_digits", "%d is not possible: 7 to 14, or 0 for no fixed length", t.NationalDigits)
	}
	v.codes(path, t)
}

func (v *validator) permissions(path string, t *Tenant, groups *nameSet) {
	seen := map[[2]string]bool{}
	for i, p := range t.Permissions {
		at := fmt.Sprintf("%s.permissions[%d]", path, i)
		v.reference(at+".from", "presence group", p.From, groups)
		v.reference(at+".to", "presence group", p.To, groups)
		v.oneOf(at+".subscribe", string(p.Subscribe), string(Allow), string(Disallow), string(SystemDefault))
		v.view(at, p.View)
		if p.From == p.To && p.Subscribe == Disallow {
			v.add(at+".subscribe", "members of one group may always watch each other (%q): split the group", p.From)
		}
		if k := [2]string{p.From, p.To}; seen[k] {
			v.add(at, "there is a permission from %q to %q already", p.From, p.To)
		} else {
			seen[k] = true
		}
	}
}

func (v *validator) view(path string, view *View) {
	if view != nil && int(*view) >= len(Views) {
		v.add(path+".view", "no such view: %d", uint8(*view))
	}
}

func (v *validator) options(path string, o *LineOptions) {
	v.oneOf(path+".ring_in_use", string(o.RingInUse), string(StateBusy), string(StateRinging))
	v.oneOf(path+".ring_in_as", string(o.RingInAs), string(StateRinging), string(StateIdle), string(StateBusy))
	v.oneOf(path+".unregistered_as", string(o.UnregisteredAs), string(StateUnknown), string(StateIdle))
	v.oneOf(path+".offhook_as", string(o.OffhookAs), string(StateBusy), string(StateIdle))
}
