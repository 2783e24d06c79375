package line

import (
	"slices"

	"blfbridge/policy"
)

// Config is what Compile needs besides the snapshot.
type Config struct {
	// SourceTenant is the tenant of a source's devices without a domain, by the source's
	// name; the snapshot's default tenant for sources that are not in it.
	SourceTenant map[string]string
}

// Compile makes a Plan of a snapshot. The maps of c are not kept.
func Compile(s *policy.Snapshot, c Config) *Plan {
	p := &Plan{snapshot: s, sources: map[string]string{}, tenants: map[string]*tenantPlan{}}
	for source, tenant := range c.SourceTenant {
		p.sources[source] = tenant
	}
	for _, name := range s.Tenants() {
		p.tenants[name] = compileTenant(s, name)
	}
	return p
}

func compileTenant(s *policy.Snapshot, name string) *tenantPlan {
	t := &tenantPlan{
		entries: map[policy.Line]*entry{}, numbers: map[string][]*entry{},
		listed: map[string][]*entry{}, flags: map[string][]*entry{},
		phones: map[string][]*phone{}, primaries: map[string][]*phone{}, loose: map[string][]*entry{},
	}
	lines := s.Lines(name)
	for _, l := range lines {
		e := t.add(&entry{
			line: l.Line, name: l.DisplayName, options: optionsOf(l.Options),
			numbers: l.Numbers, open: len(l.Devices) == 0,
		})
		for _, d := range l.Devices {
			add(t.listed, d, e)
			for _, n := range policy.SpecialNumbers(d) {
				add(t.listed, n, e)
			}
		}
		for _, d := range l.DNDDevices {
			add(t.flags, d, e)
		}
	}
	for _, info := range s.Phones(name) {
		t.addPhone(&info)
	}
	for _, l := range lines {
		for _, d := range l.Devices {
			if e := t.entries[l.Line]; len(t.phones[d]) == 0 && len(e.phones) == 0 {
				add(t.loose, s.Normalise(name, policy.DeviceNumber(d)), e)
			}
		}
	}
	return t
}

// add keeps an entry; every number finds it.
func (t *tenantPlan) add(e *entry) *entry {
	t.entries[e.line] = e
	for _, n := range e.numbers {
		add(t.numbers, n, e)
	}
	return e
}

func (t *tenantPlan) addPhone(info *policy.PhoneInfo) {
	if len(info.Lines) == 0 {
		return
	}
	ph := &phone{name: info.Name, primary: info.Lines[0], bare: len(info.Devices) == 0}
	for i, l := range info.Lines {
		e := t.entries[l]
		if e == nil {
			// A number that only the phone has: a line with nothing but defaults.
			e = t.add(&entry{
				line: l, options: optionsOf(policy.DefaultLineOptions()),
				numbers: []string{l.Number}, open: true,
			})
		}
		ph.entries = append(ph.entries, e)
		e.phones = append(e.phones, ph)
		if i > 0 {
			continue
		}
		for _, n := range e.numbers {
			add(t.primaries, n, ph)
		}
		if e.open {
			for _, d := range info.Devices {
				add(t.listed, d, e)
			}
		}
	}
	for _, d := range info.Devices {
		add(t.phones, d, ph)
	}
}

// add appends v to the list of key, once.
func add[T comparable](m map[string][]T, key string, v T) {
	if !slices.Contains(m[key], v) {
		m[key] = append(m[key], v)
	}
}
