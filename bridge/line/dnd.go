package line

import (
	"slices"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// dnd is the CME rule (BLF Monitoring of Ephone-DNs with DnD): do-not-disturb belongs to
// a phone and goes for all its lines; a line shows it if it is the primary line of just
// one phone and that is in DND, or if all phones that share it are. Beyond CME, a flag
// of the line's own number is enough.
func (p *Plan) dnd(l policy.Line, members []Member) bool {
	ph := phones{states: map[*phone]*phoneState{}, loose: map[string]*phoneState{}}
	e := p.entry(l)
	if e != nil {
		for _, x := range e.phones {
			ph.states[x] = &phoneState{primary: x.primary == l}
		}
	}
	for _, m := range members {
		for _, r := range p.resolve(m.Source, m.Status) {
			if r.tenant != l.Tenant {
				continue
			}
			part := slices.Contains(r.lines, l)
			if m.Status.Kind == device.DNDFlag {
				if part && m.Status.DND {
					return true
				}
				ph.flag(r, m.Status.DND)
				continue
			}
			ph.device(r, m.Status.DND, part, p.isNumber(e, l, r.number))
		}
	}
	return ph.dnd()
}

// isNumber reports whether n is a number of the line.
func (p *Plan) isNumber(e *entry, l policy.Line, n string) bool {
	return n == l.Number || e != nil && slices.Contains(e.numbers, n)
}

// phones are those that share a line.
type phones struct {
	states map[*phone]*phoneState
	// loose are devices of no phone of the document, by number: each is a phone.
	loose map[string]*phoneState
	// flags are the numbers whose flag is on.
	flags []string
}

type phoneState struct{ primary, dnd bool }

func (ph *phones) flag(r resolved, on bool) {
	if !on {
		return
	}
	ph.flags = append(ph.flags, r.number)
	for _, x := range r.phones {
		if s := ph.states[x]; s != nil {
			s.dnd = true
		}
	}
}

func (ph *phones) device(r resolved, dnd, part, primary bool) {
	for _, x := range r.phones {
		if s := ph.states[x]; s != nil {
			s.dnd = s.dnd || dnd
		}
	}
	// Where the document says which phones share the line, no device is a phone of its own.
	if len(r.phones) == 0 && len(ph.states) == 0 && part {
		s := ph.loose[r.number]
		if s == nil {
			s = &phoneState{primary: primary}
			ph.loose[r.number] = s
		}
		s.dnd = s.dnd || dnd
	}
}

func (ph *phones) dnd() bool {
	all, count, primaries, primaryDND := true, 0, 0, false
	look := func(s *phoneState) {
		count++
		all = all && s.dnd
		if s.primary {
			primaries++
			primaryDND = s.dnd
		}
	}
	for _, s := range ph.states {
		look(s)
	}
	for n, s := range ph.loose {
		s.dnd = s.dnd || slices.Contains(ph.flags, n)
		look(s)
	}
	return primaries == 1 && primaryDND || count > 0 && all
}

// ComposeDevice makes the device-based lamp of a line (CME, Device-Based BLF Monitoring):
// the phone whose primary line it is, of several the first in the document. A shared
// line that is busy elsewhere leaves a phone that is on-hook idle. Without such a phone
// it is the line's own lamp.
func (p *Plan) ComposeDevice(l policy.Line, members []Member) Lamp {
	ph := p.phoneOf(l)
	if ph == nil {
		return p.Compose(l, members)
	}
	var own []Member
	states := phones{states: map[*phone]*phoneState{ph: {primary: true}}, loose: map[string]*phoneState{}}
	for _, m := range members {
		for _, r := range p.resolve(m.Source, m.Status) {
			if m.Status.Kind == device.DNDFlag {
				states.flag(r, m.Status.DND)
			} else if slices.Contains(r.phones, ph) {
				states.device(r, m.Status.DND, false, false)
				own = append(own, m)
			}
		}
	}
	lamp := Compose(p.OptionsOf(l), own)
	lamp.DND = states.dnd()
	return lamp
}

// phoneOf is the phone that device-based monitoring of a line shows, nil if none has it
// as its primary line.
func (p *Plan) phoneOf(l policy.Line) *phone {
	if e := p.entry(l); e != nil {
		for _, ph := range e.phones {
			if ph.primary == l {
				return ph
			}
		}
	}
	return nil
}

// partOfDevice reports whether a status counts for the device-based lamp of a line.
func (p *Plan) partOfDevice(l policy.Line, source string, st *device.Status) bool {
	ph := p.phoneOf(l)
	if ph == nil {
		return true
	}
	return slices.ContainsFunc(p.resolve(source, st), func(r resolved) bool { return slices.Contains(r.phones, ph) })
}
