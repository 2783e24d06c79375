package esl

import (
	"slices"
	"strings"
	"time"

	"blfbridge/bridge/device"
)

// model is what is known of the PBX. It is pure: events and answers in, devices out; no
// clock but the events', no I/O. Only the applier uses it.
type model struct {
	profiles, domains map[string]bool // the configured limits; nil: all
	gen               uint64          // counts events: the stamp of what they touch
	now               time.Time       // when the event being applied was read

	channels map[string]*channel
	users    map[string]*user
	specials map[string]*special
	parked   map[string]string   // channel → special it occupies
	known    map[string]struct{} // domains of the directory and of registrations
	gone     *tombstones
	lotHost  string // the domain of a valet lot that names none

	dirty    []string // names of devices to look at again, each once
	isDirty  map[string]struct{}
	reported map[string]device.Status
}

// user is one presentity.
type user struct {
	regs     map[regKey]uint64 // generation of the last event of each
	channels map[string]*channel
	// listed: in the directory. registered: a phone has been seen to register. Either
	// makes a line; others exist only while they have a call.
	listed, registered bool
	name               string // display name of the directory
	dnd                dndFlags
	dndKnown           bool // a flag has been heard of, so that its device is reported
}

func newModel(cfg Config) *model {
	m := &model{
		profiles: setOf(cfg.Profiles), domains: setOf(cfg.Domains),
		gone:  newTombstones(16384, 2*time.Minute),
		users: map[string]*user{}, reported: map[string]device.Status{}, known: map[string]struct{}{},
		isDirty: map[string]struct{}{},
	}
	m.specials = map[string]*special{}
	for _, name := range cfg.Devices {
		m.specials[name] = newSpecial(name, true)
	}
	m.reset()
	return m
}

// reset forgets what a new connection must learn again; not the do-not-disturb flags,
// which can not be asked for, nor what has ended.
func (m *model) reset() {
	m.channels = map[string]*channel{}
	m.parked = map[string]string{}
	for name, u := range m.users {
		if u.dndKnown || u.listed || u.registered {
			u.regs, u.channels = map[regKey]uint64{}, map[string]*channel{}
		} else {
			delete(m.users, name)
		}
	}
	for name, s := range m.specials {
		if s.configured {
			m.specials[name] = newSpecial(name, true)
		} else {
			delete(m.specials, name)
		}
	}
	m.clean()
}

// apply takes one event. What it changed is in dirty until the next flush.
func (m *model) apply(e *event) {
	m.gen++
	m.now = e.at
	switch e.name {
	case "PRESENCE_IN":
		m.presenceIn(e)
	case "PHONE_FEATURE", "PHONE_FEATURE_SUBSCRIBE":
		m.phoneFeature(e)
	case "CUSTOM":
		switch e.subclass {
		case "sofia::register", "sofia::unregister", "sofia::expire":
			m.registration(e)
		case "valet_parking::info":
			m.valet(e)
		case "conference::maintenance":
			m.conference(e)
		}
	default:
		if _, ok := subscribed[e.name]; ok {
			m.channelEvent(e)
		}
	}
}

func (m *model) channelEvent(e *event) {
	id := e.get("Unique-ID")
	if id == "" {
		return
	}
	if _, dead := m.gone.dead(id, m.now); dead {
		m.gone.bury(id, m.gen, m.now)
		return
	}
	if e.ended() {
		m.end(id)
		return
	}
	c := m.channel(id)
	c.update(e)
	c.touched = m.gen
	m.own(c)
	switch e.name {
	case "CHANNEL_BRIDGE":
		m.pair(e.get("Bridge-A-Unique-ID"), e.get("Bridge-B-Unique-ID"))
	case "CHANNEL_UNBRIDGE":
		m.unpair(e.get("Bridge-A-Unique-ID"), e.get("Bridge-B-Unique-ID"))
	case "CALL_UPDATE":
		m.pair(id, e.get("Bridged-To"))
	}
	m.touchChannel(c)
}

// channel returns the channel, new if need be.
func (m *model) channel(id string) *channel {
	c := m.channels[id]
	if c == nil {
		m.gen++ // so that order is unique
		c = &channel{id: id, order: m.gen}
		m.channels[id] = c
	}
	return c
}

// own puts the channel under its presentity.
func (m *model) own(c *channel) {
	if c.presence == "" {
		return
	}
	if c.owner != c.presence {
		if o := m.users[c.owner]; o != nil {
			delete(o.channels, c.id)
			m.touch(c.owner)
		}
		c.owner = c.presence
	}
	m.user(c.presence).channels[c.id] = c
}

func (m *model) user(name string) *user {
	u := m.users[name]
	if u == nil {
		u = &user{regs: map[regKey]uint64{}, channels: map[string]*channel{}}
		m.users[name] = u
	}
	return u
}

// end removes a channel for good.
func (m *model) end(id string) {
	m.gone.bury(id, m.gen, m.now)
	m.vacate(id)
	c := m.channels[id]
	if c == nil {
		return
	}
	delete(m.channels, id)
	if u := m.users[c.owner]; u != nil {
		delete(u.channels, id)
	}
	if p := m.channels[c.peer]; p != nil && p.peer == id {
		p.peer = ""
		m.touchChannel(p)
	}
	m.touchChannel(c)
}

// pair notes that two legs hear each other; both leave whom they heard before.
func (m *model) pair(a, b string) {
	ca, cb := m.channels[a], m.channels[b]
	if ca == nil || cb == nil || a == b || ca.peer == b && cb.peer == a {
		return
	}
	for _, c := range []*channel{ca, cb} {
		if old := m.channels[c.peer]; old != nil && old.peer == c.id {
			old.peer = ""
			m.touchChannel(old)
		}
	}
	ca.peer, cb.peer, ca.wasBridged, cb.wasBridged = b, a, true, true
	m.touchChannel(ca)
	m.touchChannel(cb)
}

func (m *model) unpair(a, b string) {
	ca, cb := m.channels[a], m.channels[b]
	if ca != nil && ca.peer == b {
		ca.peer = ""
		m.touchChannel(ca)
	}
	if cb != nil && cb.peer == a {
		cb.peer = ""
		m.touchChannel(cb)
	}
}

// touchChannel marks the presentity of c, and of the leg that shows c as its remote.
func (m *model) touchChannel(c *channel) {
	m.touch(c.presence)
	if p := m.channels[c.peer]; p != nil {
		m.touch(p.presence)
	}
	if slot, ok := m.parked[c.id]; ok {
		m.touch(slot)
	}
}

func (m *model) touch(name string) {
	if _, ok := m.isDirty[name]; !ok && name != "" {
		m.isDirty[name] = struct{}{}
		m.dirty = append(m.dirty, name)
	}
}

func (m *model) clean() {
	m.dirty = m.dirty[:0]
	clear(m.isDirty)
}

// remote is the other end of c: the presentity it talks to where that is known, with its
// name in the directory, else what FreeSWITCH presents. A call that only rings keeps the
// name presented, which a dialplan may have made for the one who is called.
func (m *model) remote(c *channel) device.Party {
	p := c.presented()
	if c.direction == device.Recipient && c.hideNumber {
		return p
	}
	o := m.channels[c.peer]
	if o == nil && !c.wasBridged {
		o = m.channels[c.originator]
	}
	if o == nil || o.presence == "" {
		return p
	}
	u := m.users[o.presence]
	if u == nil || !u.listed && !u.registered {
		return p // a trunk's or a stranger's: what is presented is better
	}
	if n := userOf(o.presence); p.Number != n {
		p = device.Party{Number: n}
	}
	if (p.Name == "" || o.id == c.peer && u.name != "") && !(c.direction == device.Recipient && c.hideName) {
		p.Name = u.name
	}
	return p
}

// reportable: a line exists for what the directory or a registration knows; a bare
// presence id only during a call and only in a domain of this PBX, because callers from
// outside choose theirs freely.
func (m *model) reportable(name string, u *user) bool {
	d := domainOf(name)
	if m.domains != nil {
		if !m.domains[d] {
			return false
		}
	} else if _, ok := m.known[d]; !ok {
		return false
	}
	return u.listed || u.registered || len(u.channels) > 0
}

func (m *model) status(name string, u *user) device.Status {
	s := device.Status{Name: name, Kind: device.Phone, Number: userOf(name), Domain: domainOf(name), At: m.now}
	s.Calls = m.calls(u)
	if st, ok := device.StateOfCalls(s.Calls); ok {
		s.State = st
	} else if len(u.regs) > 0 {
		s.State = device.Idle
	}
	return s
}

// calls lists the legs, oldest first. A leg that has been dialled and does not ring yet
// is no call of the phone: an engaged phone refuses it unheard.
func (m *model) calls(u *user) []device.Call {
	if len(u.channels) == 0 {
		return nil
	}
	cs := make([]*channel, 0, len(u.channels))
	for _, c := range u.channels {
		if c.direction == device.Initiator || c.phase() >= device.Early {
			cs = append(cs, c)
		}
	}
	slices.SortFunc(cs, func(a, b *channel) int {
		if d := a.since.Compare(b.since); d != 0 {
			return d
		}
		if a.order != b.order {
			if a.order < b.order {
				return -1
			}
			return 1
		}
		return strings.Compare(a.id, b.id)
	})
	calls := make([]device.Call, 0, len(cs))
	for _, c := range cs {
		calls = append(calls, device.Call{
			ID: c.id, Direction: c.direction, Phase: c.phase(), Remote: m.remote(c), Dialog: c.dialog, CallID: c.callID, Since: c.since,
		})
	}
	return calls
}

func setOf(list []string) map[string]bool {
	if len(list) == 0 {
		return nil
	}
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}
