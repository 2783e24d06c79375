package policy

import (
	"cmp"
	"fmt"
	"strings"
)

// compileTenant makes a tenant of a valid part of a document.
func (s *Snapshot) compileTenant(d *Tenant) *tenant {
	t := &tenant{
		name:       d.Name,
		dial:       newDialPlan(d),
		pickup:     cmp.Or(d.PickupCode, DefaultPickupCode),
		login:      d.LoginCode,
		logout:     d.LogoutCode,
		learn:      d.Learn == nil || *d.Learn,
		groups:     map[string]uint32{},
		pairs:      map[uint64]relation{},
		partitions: map[string]uint32{"": 0, NonePartition: 0},
		spaces:     map[string]*space{},
		numbers:    map[string][]*lineEntry{},
		phones:     map[string]*watcherEntry{},
		phoneIndex: make(map[string]int, len(d.Phones)),
		users:      map[string]*watcherEntry{},
		identities: map[string]*watcherEntry{},
		creds:      map[string]Credential{},
		claims:     map[string]bool{},
		trunks:     map[string]*trunkEntry{},
		apps:       map[string]*appEntry{},
		profiles:   map[string]*profileEntry{},
	}
	for _, h := range d.Domains {
		t.domains = append(t.domains, normaliseHost(h))
	}
	t.compileGroups(d)
	t.compilePermissions(s, d)
	t.compileSpaces(d)
	t.compileLines(d)
	t.compilePilots(d)
	t.compileRouting(d)
	t.compileProfiles(d)
	t.compileWatchers(s, d)
	t.compileTrunks(s, d)
	t.routing.resolve(t)
	t.devices = t.compileDevices(t.phoneInfos)
	return t
}

func (t *tenant) compileGroups(d *Tenant) {
	t.addGroup(StandardGroup)
	for _, g := range d.PresenceGroups {
		t.addGroup(g.Name)
	}
}

func (t *tenant) addGroup(name string) {
	if _, ok := t.groups[name]; ok {
		return // Standard may be listed, to describe it
	}
	t.groups[name] = uint32(len(t.groupNames))
	t.groupNames = append(t.groupNames, name)
	t.same = append(t.same, relation{
		allow: true, pickup: true, view: ViewNumber,
		rule: fmt.Sprintf("same group %q", name), pickupRule: fmt.Sprintf("same group %q", name),
	})
}

// group of a valid reference; empty is Standard.
func (t *tenant) group(name string) uint32 { return t.groups[cmp.Or(name, StandardGroup)] }

func (t *tenant) compilePermissions(s *Snapshot, d *Tenant) {
	for _, p := range d.Permissions {
		from, to := t.group(p.From), t.group(p.To)
		var r relation
		switch {
		case from == to:
			r = t.same[from]
		case p.Subscribe == Allow || p.Subscribe == Disallow:
			r = relation{
				allow: p.Subscribe == Allow, pickup: p.Subscribe == Allow, view: ViewNumber,
				rule: fmt.Sprintf("permission %q→%q: %s", p.From, p.To, p.Subscribe),
			}
			r.pickupRule = r.rule
		default:
			r = s.systemDefault
		}
		if p.View != nil {
			r.view = *p.View
		}
		if p.Pickup != nil && *p.Pickup != r.pickup {
			r.pickup = *p.Pickup
			r.pickupRule = fmt.Sprintf("permission %q→%q: pickup: %t", p.From, p.To, *p.Pickup)
		}
		if from == to {
			t.same[from] = r
		} else {
			t.pairs[pairKey(from, to)] = r
		}
	}
}

func (t *tenant) compileSpaces(d *Tenant) {
	for _, p := range d.Partitions {
		if _, ok := t.partitions[p.Name]; !ok {
			t.partitions[p.Name] = uint32(len(t.partitions) - 1) // both names of <None> are 0
		}
	}
	t.noSpace = &space{partitions: []uint32{0}, missing: "not found: not in partition <None>, and no calling search space"}
	for _, c := range d.CallingSearchSpaces {
		sp := &space{name: c.Name, missing: fmt.Sprintf("not found: in no partition of calling search space %q", c.Name)}
		none := false
		for _, p := range c.Partitions {
			i := t.partitions[p]
			none = none || i == 0
			sp.partitions = append(sp.partitions, i)
		}
		if !none {
			sp.partitions = append(sp.partitions, 0)
		}
		sp.text = c.Name + "\n" + strings.Join(c.Partitions, "\n")
		t.spaces[c.Name] = sp
	}
}

// space of a valid reference; empty is none.
func (t *tenant) space(name string) *space {
	if sp := t.spaces[name]; sp != nil {
		return sp
	}
	return t.noSpace
}
