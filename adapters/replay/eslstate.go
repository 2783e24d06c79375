package replay

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// eslState is what FreeSWITCH would know after the events so far.
type eslState struct {
	core, domain string
	channels     map[string]*eslChannel
	created      int
	peers        map[string]string // A leg → B leg
	regs         map[ESLRegistration]bool
	slots        map[[2]string]string // lot, slot → channel
	conferences  map[string]eslConference
}

type eslChannel struct {
	order   int
	headers map[string]string // the newest value of each
}

type eslConference struct {
	uuid string
	size int
}

// ESLRegistration is one contact of one user.
type ESLRegistration struct {
	Profile, User, Host, CallID, Contact string
}

func newESLState() *eslState {
	return &eslState{
		channels: map[string]*eslChannel{}, peers: map[string]string{}, regs: map[ESLRegistration]bool{},
		slots: map[[2]string]string{}, conferences: map[string]eslConference{},
	}
}

func (s *eslState) apply(e *ESLEvent) {
	if c := e.Get("Core-UUID"); c != "" {
		s.core = c
	}
	switch e.Name {
	case "sofia::register":
		s.regs[registrationOf(e)] = true
	case "sofia::unregister", "sofia::expire":
		delete(s.regs, registrationOf(e))
	case "valet_parking::info":
		slot := [2]string{e.Get("Valet-Lot-Name"), e.Get("Valet-Extension")}
		if e.Get("Action") == "hold" {
			s.slots[slot] = e.Get("Unique-ID")
		} else {
			delete(s.slots, slot)
		}
	case "conference::maintenance":
		s.conference(e)
	default:
		if strings.HasPrefix(e.Name, "CHANNEL_") || e.Name == "CALL_UPDATE" {
			s.channel(e)
		}
	}
}

func (s *eslState) conference(e *ESLEvent) {
	name := e.Get("Conference-Name")
	size, _ := strconv.Atoi(e.Get("Conference-Size"))
	if size == 0 || e.Get("Action") == "conference-destroy" {
		delete(s.conferences, name)
		return
	}
	s.conferences[name] = eslConference{e.Get("Conference-Unique-ID"), size}
}

// channel applies a channel's event. The channel is gone with its HANGUP_COMPLETE,
// because recordings of all events leave CHANNEL_DESTROY out.
func (s *eslState) channel(e *ESLEvent) {
	id := e.Get("Unique-ID")
	if id == "" {
		return
	}
	if e.Name == "CHANNEL_HANGUP_COMPLETE" || e.Name == "CHANNEL_DESTROY" || e.Get("Channel-State") == "CS_DESTROY" {
		delete(s.channels, id)
		delete(s.peers, id)
		maps.DeleteFunc(s.peers, func(_, b string) bool { return b == id })
		return
	}
	c := s.channels[id]
	if c == nil {
		if e.Name == "CHANNEL_STATE" || e.Get("Channel-Call-State") == "HANGUP" {
			return // show channels has it from CHANNEL_CREATE on; or it ended before the recording
		}
		s.created++
		c = &eslChannel{order: s.created, headers: map[string]string{}}
		s.channels[id] = c
	}
	for _, h := range e.headers {
		c.headers[h.name] = h.value
	}
	switch a, b := e.Get("Bridge-A-Unique-ID"), e.Get("Bridge-B-Unique-ID"); e.Name {
	case "CHANNEL_BRIDGE":
		maps.DeleteFunc(s.peers, func(x, y string) bool { return x == b || y == a || y == b })
		s.peers[a] = b
	case "CHANNEL_UNBRIDGE":
		if s.peers[a] == b {
			delete(s.peers, a)
		}
	}
}

func registrationOf(e *ESLEvent) ESLRegistration {
	r := ESLRegistration{
		Profile: e.Get("profile-name"), User: e.Get("from-user"), Host: e.Get("from-host"),
		CallID: e.Get("call-id"), Contact: e.Get("contact"),
	}
	if e.Name == "sofia::expire" {
		r.User, r.Host = e.Get("user"), e.Get("host")
	}
	return r
}

func (s *eslState) ids() []string {
	ids := slices.Collect(maps.Keys(s.channels))
	slices.SortFunc(ids, func(a, b string) int { return s.channels[a].order - s.channels[b].order })
	return ids
}

// before finds the registrations that must have been there when the recording began:
// those that it first refreshes or ends, and, for want of better, one for every user
// who has a call without having registered in it.
func before(frames []eslFrame) []ESLRegistration {
	seen, users := map[ESLRegistration]bool{}, map[string]bool{}
	var regs []ESLRegistration
	for _, f := range frames {
		e := f.event
		if e == nil {
			continue
		}
		switch e.Name {
		case "sofia::register", "sofia::unregister", "sofia::expire":
			r := registrationOf(e)
			if !seen[r] && (e.Name != "sofia::register" || e.Get("update-reg") == "true") {
				regs = append(regs, r)
			}
			seen[r] = true
			users[r.User+"@"+r.Host] = true
		case "CHANNEL_CREATE", "CHANNEL_CALLSTATE":
			p := e.Get("Channel-Presence-ID")
			u, d, ok := strings.Cut(p, "@")
			if !ok || users[p] {
				continue
			}
			users[p] = true
			regs = append(regs, ESLRegistration{
				Profile: "phones", User: u, Host: d, CallID: "before-" + p, Contact: `"" <sip:` + p + `>`,
			})
		}
	}
	return regs
}
