package eventpkg

import (
	"blfbridge/bridge/device"
	"blfbridge/bridge/eventpkg/pidf"
)

// Notes as Asterisk words them: some clients show them, some look for them.
const (
	noteIdle    = "Ready"
	noteRinging = "Ringing"
	noteBusy    = "On the phone"
	noteHeld    = "On hold"
	noteDND     = "Do not disturb"
	noteUnknown = "Unavailable"
)

// presence renders PIDF and XPIDF. Neither names the other party: RPID has no place for it.
func (r *render) presence(dst []byte, c Content) []byte {
	s := pidf.Status{Entity: pidf.URI{Raw: r.lamp.Entity}, Contact: pidf.URI{Raw: r.lamp.Entity}, Open: true}
	state := r.state()
	note := noteIdle
	switch state {
	case device.Ringing:
		s.Activities, note = pidf.Alerting, noteRinging
	case device.Busy:
		s.Activities, note = pidf.OnThePhone, noteBusy
		if i := pick(r.lamp.Calls, state); i >= 0 && r.lamp.Calls[i].Phase == device.Held {
			note = noteHeld
		}
	case device.Idle:
	default:
		s.Open, s.Activities, note = false, pidf.Unknown, noteUnknown
	}
	if r.lamp.DND && s.Open {
		// RFC 4480 §3.2: several activities may hold at once, so DND stands beside a call.
		s.Activities |= pidf.DND
		if state == device.Idle {
			note = noteDND
		}
	}
	if r.trim < TrimMinimal {
		s.Note = note
	} else {
		s.Contact = pidf.URI{}
	}
	switch {
	case c == XPIDF:
		return pidf.AppendXPIDF(dst, &s)
	case r.dialect.Presence == PresenceCisco:
		return pidf.AppendCisco(dst, &s)
	}
	return pidf.Append(dst, &s)
}
