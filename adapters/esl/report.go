package esl

import (
	"slices"
	"strings"

	"blfbridge/bridge/device"
)

// flush hands every device that looks different to change, and every one that is no
// more to remove.
func (m *model) flush(change func(device.Status), remove func(string)) {
	for _, name := range m.dirty {
		s, ok := m.look(name)
		old, had := m.reported[name]
		switch {
		case ok && (!had || !old.Equal(s)):
			m.reported[name] = s
			s.Calls = slices.Clone(s.Calls) // the sink owns what it gets
			change(s)
		case !ok && had:
			delete(m.reported, name)
			remove(name)
		}
	}
	m.clean()
}

// look is the present status of a device; ok is false if there is none of that name.
func (m *model) look(name string) (s device.Status, ok bool) {
	if sp := m.specials[name]; sp != nil {
		return m.specialStatus(sp), m.domains == nil || sp.configured || m.domains[sp.domain]
	}
	if base, isDND := strings.CutPrefix(name, "dnd+"); isDND {
		if u := m.users[base]; u != nil && m.dndReportable(base, u) {
			return m.dndStatus(base, u), true
		}
	}
	u := m.users[name]
	if u == nil {
		return s, false
	}
	if !m.reportable(name, u) {
		if len(u.channels) == 0 && !u.dndKnown {
			delete(m.users, name)
		}
		return s, false
	}
	return m.status(name, u), true
}

// snapshot is every device there is, in the order of their names; it counts as reported.
func (m *model) snapshot() []device.Status {
	m.clean()
	clear(m.reported)
	names := make([]string, 0, len(m.users)+len(m.specials))
	for name, u := range m.users {
		names = append(names, name)
		if u.dndKnown {
			names = append(names, dndName(name))
		}
	}
	for name := range m.specials {
		names = append(names, name)
	}
	slices.Sort(names)
	all := make([]device.Status, 0, len(names))
	for _, name := range slices.Compact(names) {
		if s, ok := m.look(name); ok {
			m.reported[name] = s
			s.Calls = slices.Clone(s.Calls)
			all = append(all, s)
		}
	}
	return all
}
