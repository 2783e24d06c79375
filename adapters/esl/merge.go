package esl

import (
	"maps"
	"slices"
	"time"
)

// merge takes a look as the truth for all that no event touched after generation since;
// what an event touched stays as the event said.
func (m *model) merge(l *look, since uint64, now time.Time) {
	m.now = now
	m.absorb(l)
	for _, d := range m.diff(l, since) {
		m.adopt(l, d)
	}
	for _, id := range slices.Sorted(maps.Keys(l.rows)) {
		if c := m.channels[id]; c != nil { // touched ones too: events do not tell everything
			if e := l.dumps[id]; e != nil && c.touched <= since {
				m.refresh(c, e)
			}
			m.pairUnlessKnown(id, l.peers[id])
		}
	}
}

// pairUnlessKnown takes a pair of the database only where the events told of none.
func (m *model) pairUnlessKnown(a, b string) {
	ca, cb := m.channels[a], m.channels[b]
	if ca != nil && cb != nil && ca.peer == "" && cb.peer == "" {
		m.pair(a, b)
	}
}

// absorb takes what is no state of a line: names, the directory, the default domain.
func (m *model) absorb(l *look) {
	m.lotHost = l.lotHost
	if !l.haveUsers {
		return
	}
	listed := make(map[string]bool, len(l.users))
	for _, lu := range l.users {
		listed[lu.presence] = true
		u := m.user(lu.presence)
		if !u.listed || u.name != lu.name {
			u.listed, u.name = true, lu.name
			m.touch(lu.presence)
		}
		m.knowDomain(domainOf(lu.presence))
	}
	for name, u := range m.users {
		if u.listed && !listed[name] {
			u.listed, u.name = false, ""
			u.registered = len(u.regs) > 0
			m.touch(name)
		}
	}
}

// difference is one thing that a look shows otherwise than the events said.
type difference struct {
	kind byte // 'c' channel, 'r' registration, 's' special
	name string
	reg  regKey
}

// diff lists the differences, except of what an event touched after since.
func (m *model) diff(l *look, since uint64) []difference {
	var ds []difference
	ds = append(ds, m.diffChannels(l, since)...)
	ds = append(ds, m.diffRegs(l, since)...)
	return append(ds, m.diffSpecials(l, since)...)
}

func (m *model) diffChannels(l *look, since uint64) (ds []difference) {
	if l.rows == nil {
		return nil
	}
	for id, c := range m.channels {
		r, ok := l.rows[id]
		peer, paired := l.peers[id]
		if c.touched <= since && (!ok || state(r.CallState) != state(c.callState) || paired && peer != c.peer) {
			ds = append(ds, difference{kind: 'c', name: id})
		}
	}
	for id := range l.rows {
		if _, have := m.channels[id]; have {
			continue
		}
		if _, dead := m.gone.dead(id, m.now); !dead { // an ended channel's row is only late
			ds = append(ds, difference{kind: 'c', name: id})
		}
	}
	return ds
}

// state: UNHELD is on its way to ACTIVE.
func state(s string) string {
	if s == "UNHELD" {
		return "ACTIVE"
	}
	return s
}

func (m *model) diffRegs(l *look, since uint64) (ds []difference) {
	if l.regs == nil {
		return nil
	}
	for name, u := range m.users {
		for k, gen := range u.regs {
			if _, ok := l.regs[name][k]; !ok && gen <= since {
				ds = append(ds, difference{'r', name, k})
			}
		}
	}
	for name, regs := range l.regs {
		for k := range regs {
			if u := m.users[name]; u != nil {
				if _, have := u.regs[k]; have {
					continue
				}
			}
			if gen, dead := m.gone.dead(regTomb(name, k), m.now); dead && gen > since {
				continue
			}
			ds = append(ds, difference{'r', name, k})
		}
	}
	return ds
}

func (m *model) diffSpecials(l *look, since uint64) (ds []difference) {
	for name, s := range m.specials {
		switch {
		case s.touched > since:
		case l.parked != nil && s.occupant != "" && l.parked[name] != s.occupant,
			l.conferences != nil && s.members > 0 && l.conferences[name].Members != s.members:
			ds = append(ds, difference{kind: 's', name: name})
		}
	}
	for name := range l.parked {
		if s := m.specials[name]; s == nil || s.occupant == "" && s.touched <= since {
			ds = append(ds, difference{kind: 's', name: name})
		}
	}
	for name, r := range l.conferences {
		if s := m.specials[name]; r.Members > 0 && (s == nil || s.members == 0 && s.touched <= since) {
			ds = append(ds, difference{kind: 's', name: name})
		}
	}
	return ds
}

// adopt makes the model show what the look says of one difference.
func (m *model) adopt(l *look, d difference) {
	switch d.kind {
	case 'c':
		m.adoptChannel(l, d.name)
	case 'r':
		if _, ok := l.regs[d.name][d.reg]; ok {
			m.gone.raise(regTomb(d.name, d.reg))
			m.addReg(d.name, d.reg, 0)
		} else {
			m.dropReg(d.name, d.reg)
		}
	case 's':
		m.adoptSpecial(l, d.name)
	}
}

func (m *model) adoptChannel(l *look, id string) {
	r, ok := l.rows[id]
	e, dumped := l.dumps[id]
	switch {
	case dumped && e == nil, dumped && e.ended(), !ok && !dumped:
		m.end(id)
		return
	case !dumped || e == nil:
		e = r.event()
	}
	c := m.channel(id)
	m.refresh(c, e)
	if peer := l.peers[id]; peer != "" {
		m.pair(id, peer)
	}
}

// refresh updates a channel from an answer; no event touched it.
func (m *model) refresh(c *channel, e *event) {
	c.update(e)
	m.own(c)
	m.touchChannel(c)
}

func (m *model) adoptSpecial(l *look, name string) {
	s := m.special(name)
	if s == nil {
		return
	}
	if id := l.parked[name]; id != "" {
		p := s.party
		if c := m.channels[id]; c != nil {
			p = m.identity(c)
		}
		m.occupy(s, id, p)
	} else if l.parked != nil {
		m.vacate(s.occupant)
	}
	if l.conferences != nil {
		m.people(s, l.conferences[name].Members, l.conferences[name].UUID)
	}
}
