package esl

import (
	"strings"

	"blfbridge/bridge/device"
)

// dndFlags are the ways do not disturb is known; any of them makes the lamp.
type dndFlags uint8

const (
	// dndServer: the PBX's scripts keep it (FusionPBX), told by PRESENCE_IN and by the
	// feature events, which are two sides of one setting.
	dndServer dndFlags = 1 << iota
	// dndPublished: the phone says so itself, by PUBLISH.
	dndPublished
)

// dndName is the device that carries the flag; the name FusionPBX's buttons use.
func dndName(user string) string { return "dnd+" + user }

func (m *model) setDND(name string, f dndFlags, on bool) {
	if userOf(name) == "" || domainOf(name) == "" {
		return
	}
	u := m.users[name]
	if !on && (u == nil || !u.dndKnown) {
		return // nothing shown that could be taken back
	}
	u = m.user(name)
	if on {
		u.dnd |= f
	} else {
		u.dnd &^= f
	}
	u.dndKnown = true
	m.touch(dndName(name))
}

// presenceIn reads do not disturb from PRESENCE_IN. Its calls, registrations, park slots
// and conferences are known better from other events and are not read here.
//
//	proto dnd, answer-state      FusionPBX; may carry a channel's headers too
//	from dnd+user, or proto sip with an answer-state and no channel   older scripts
//	proto sip, rpid busy or dnd  PUBLISH, or a script's text
//	proto sip, status and rpid Unregistered   PUBLISH of basic=closed: the phone is
//	                             there and does not want calls; not an unregister
func (m *model) presenceIn(e *event) {
	from, proto, state := e.get("from"), e.get("proto"), e.get("answer-state")
	if user, ok := strings.CutPrefix(from, "dnd+"); ok {
		m.setDND(user, dndServer, state == "confirmed")
		return
	}
	switch {
	case proto == "dnd":
		m.setDND(from, dndServer, state == "confirmed")
	case proto != "sip" || e.get("Channel-State") != "" || e.get("presence-source") != "" || strings.Contains(userOf(from), "+"):
	case state != "":
		m.setDND(from, dndServer, state == "confirmed")
	case e.get("status") == "Unregistered" && e.get("rpid") != "Unregistered":
		// sofia::expire, which has its own event
	default:
		rpid := e.get("rpid")
		m.setDND(from, dndPublished, rpid == "busy" || rpid == "dnd" || rpid == "Unregistered")
	}
}

// phoneFeature reads as-feature-event: the phone's wish, and the script's answer.
func (m *model) phoneFeature(e *event) {
	user, host := e.get("user"), e.get("host")
	if user == "" || host == "" {
		return
	}
	name := user + "@" + host
	switch {
	case e.name == "PHONE_FEATURE_SUBSCRIBE" && e.get("Feature-Action") == "SetDoNotDisturb":
		m.setDND(name, dndServer, e.get("Feature-Enabled") == "true")
	case e.name == "PHONE_FEATURE" && e.get("Feature-Event") == "DoNotDisturbEvent":
		m.setDND(name, dndServer, e.get("doNotDisturbOn") == "true")
	}
}

func (m *model) dndStatus(name string, u *user) device.Status {
	return device.Status{
		Name: dndName(name), Kind: device.DNDFlag, Number: userOf(name), Domain: domainOf(name),
		DND: u.dnd != 0, At: m.now,
	}
}

// dndReportable: the flag of a user of this PBX.
func (m *model) dndReportable(name string, u *user) bool {
	if !u.dndKnown {
		return false
	}
	if m.domains != nil {
		return m.domains[domainOf(name)]
	}
	_, ok := m.known[domainOf(name)]
	return ok
}
