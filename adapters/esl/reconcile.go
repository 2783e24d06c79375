package esl

import (
	"reflect"
	"time"
)

// round is one run of the reconciler. It takes three steps, because a look is partly
// older than the events (the database lags) and partly newer (uuid_dump is immediate,
// the event may still be on its way): a difference counts only if a second look shows it
// too, and if no event has touched the thing until a while after that.
type round struct {
	since uint64 // generation at the start: what is touched later is out
	first map[difference]struct{}
	last  *look // the second look, once it is there
	ds    []difference
}

// begin takes the first look; false means that nothing differs.
func (r *round) begin(m *model, l *look) bool {
	r.first = map[difference]struct{}{}
	for _, d := range m.diff(l, r.since) {
		r.first[d] = struct{}{}
	}
	return len(r.first) > 0
}

// doubtful lists the channels to ask for one by one in the second look.
func (r *round) doubtful() (ids []string) {
	for d := range r.first {
		if d.kind == 'c' {
			ids = append(ids, d.name)
		}
	}
	return ids
}

// confirm takes the second look; false means that nothing differs any more.
func (r *round) confirm(m *model, l *look) bool {
	r.last, r.ds = l, nil
	for _, d := range m.diff(l, r.since) {
		if _, twice := r.first[d]; twice {
			r.ds = append(r.ds, d)
		}
	}
	return len(r.ds) > 0
}

// repair adopts what is still untouched and says how many things really changed. That
// an auto-parked call holds a slot while it hears the announcement is told by no event:
// it is adopted and not counted.
func (r *round) repair(m *model, now time.Time) (drift int) {
	m.now = now
	still := map[difference]struct{}{}
	for _, d := range m.diff(r.last, r.since) {
		still[d] = struct{}{}
	}
	for _, d := range r.ds {
		if _, ok := still[d]; !ok {
			continue
		}
		before := m.visible(d)
		m.adopt(r.last, d)
		newlyParked := d.kind == 's' && before == nil && m.specials[d.name] != nil && m.specials[d.name].occupant != ""
		if !reflect.DeepEqual(before, m.visible(d)) && !newlyParked {
			drift++
		}
	}
	return drift
}

// visible is what a device shows of one thing; nil if it does not exist.
func (m *model) visible(d difference) any {
	switch d.kind {
	case 'c':
		if c := m.channels[d.name]; c != nil {
			return [...]any{c.presence, c.direction, c.phase(), m.remote(c)}
		}
	case 'r':
		if u := m.users[d.name]; u != nil {
			if _, ok := u.regs[d.reg]; ok {
				return true
			}
		}
	case 's':
		if s := m.specials[d.name]; s != nil && s.busy() {
			return [...]any{s.occupant, s.members}
		}
	}
	return nil
}
