package esl

import (
	"strconv"
	"strings"
	"time"

	"blfbridge/bridge/device"
)

// special is a park slot or a conference.
type special struct {
	name, number, domain string
	configured           bool
	occupant             string // of a park slot: the parked channel
	party                device.Party
	members              int // of a conference
	uuid                 string
	since                time.Time
	touched              uint64
}

// maxSpecials bounds those that nobody configured; conference names are free text.
const maxSpecials = 4096

const (
	parkPrefix       = "park:"
	conferencePrefix = "conference:"
)

func newSpecial(name string, configured bool) *special {
	s := &special{name: name, configured: configured}
	_, s.number, _ = strings.Cut(name, ":")
	if strings.Contains(s.number, "@") {
		s.number, s.domain = userOf(s.number), domainOf(s.number)
	} else if i := strings.LastIndexByte(s.number, '-'); i > 0 && strings.Contains(s.number[i:], ".") {
		// "3001-pbx.test": dialplans append the domain to keep tenants apart
		s.number, s.domain = s.number[:i], s.number[i+1:]
	}
	return s
}

func (s *special) busy() bool { return s.occupant != "" || s.members > 0 }

// special returns the device of that name, or nil when there are too many.
func (m *model) special(name string) *special {
	s := m.specials[name]
	if s == nil {
		if len(m.specials) >= maxSpecials && !m.evictSpecial() {
			return nil
		}
		s = newSpecial(name, false)
		m.specials[name] = s
	}
	return s
}

// evictSpecial forgets one that is empty and not configured.
func (m *model) evictSpecial() bool {
	for name, s := range m.specials {
		if !s.configured && !s.busy() {
			delete(m.specials, name)
			m.touch(name)
			return true
		}
	}
	return false
}

// valet applies valet_parking::info. A hold by a caller that hangs up at that moment
// (auto mode, abandoned during the announcement) occupies nothing. The PRESENCE_IN of
// proto park say the same with less.
func (m *model) valet(e *event) {
	name := m.parkName(e.get("Valet-Lot-Name"), e.get("Valet-Extension"))
	id := e.get("Unique-ID")
	if name == "" || id == "" {
		return
	}
	switch e.get("Action") {
	case "hold":
		_, dead := m.gone.dead(id, m.now)
		if dead || e.ended() {
			return
		}
		if s := m.special(name); s != nil {
			var c channel
			c.update(e)
			m.occupy(s, id, m.identity(&c))
			s.touched = m.gen
		}
	case "bridge", "exit":
		if s := m.specials[name]; s != nil {
			s.touched = m.gen
			if s.occupant == id {
				m.vacate(id)
			}
		}
	}
}

// parkName is "park:slot@domain" of a lot "name@domain".
func (m *model) parkName(lot, slot string) string {
	if slot == "" {
		return ""
	}
	d := domainOf(lot)
	if d == "" {
		d = m.lotHost
	}
	return parkPrefix + slot + "@" + d
}

func (m *model) occupy(s *special, id string, p device.Party) {
	if s.occupant != id {
		m.vacate(s.occupant)
		m.vacate(id)
		s.occupant, s.since = id, m.now
		m.parked[id] = s.name
	}
	s.party = p
	m.touch(s.name)
}

// vacate frees the slot that the channel occupies, if any.
func (m *model) vacate(id string) {
	name, ok := m.parked[id]
	if !ok {
		return
	}
	delete(m.parked, id)
	if s := m.specials[name]; s != nil && s.occupant == id {
		s.occupant, s.party, s.since = "", device.Party{}, time.Time{}
		m.touch(name)
	}
}

// identity is who is at the phone end of a leg.
func (m *model) identity(c *channel) device.Party {
	p := c.caller
	if c.direction == device.Recipient {
		p = device.Party{Number: c.callee.Number}
	}
	if u := m.users[c.presence]; u != nil && (u.listed || u.registered) {
		if n := userOf(c.presence); p.Number != n {
			p = device.Party{Number: n}
		}
		if u.name != "" {
			p.Name = u.name
		}
	}
	if p.Name == noName {
		p.Name = ""
	}
	return p
}

// conference applies conference::maintenance; every one carries the size.
func (m *model) conference(e *event) {
	name := e.get("Conference-Name")
	size, err := strconv.Atoi(e.get("Conference-Size"))
	if name == "" || err != nil {
		return
	}
	if e.get("Action") == "conference-destroy" {
		size = 0
	}
	s := m.special(conferencePrefix + name)
	if s == nil {
		return
	}
	m.people(s, size, e.get("Conference-Unique-ID"))
	s.touched = m.gen
}

func (m *model) people(s *special, n int, uuid string) {
	if s.members == 0 && n > 0 {
		s.since = m.now
	}
	if n <= 0 {
		n, uuid, s.since = 0, "", time.Time{}
	}
	if s.members != n || s.uuid != uuid {
		s.members, s.uuid = n, uuid
		m.touch(s.name)
	}
}

func (m *model) specialStatus(s *special) device.Status {
	st := device.Status{Name: s.name, Kind: device.Special, Number: s.number, Domain: s.domain, State: device.Idle, At: m.now}
	if s.busy() {
		st.State = device.Busy
		id := s.occupant
		if id == "" {
			id = s.uuid
		}
		st.Calls = []device.Call{{ID: id, Direction: device.Recipient, Phase: device.Confirmed, Remote: s.party, Since: s.since}}
	}
	return st
}
