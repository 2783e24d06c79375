package esl

import (
	"strconv"
	"strings"
	"time"

	"blfbridge/bridge/device"
)

// channel is one FreeSWITCH channel, whether or not it belongs to a presentity.
type channel struct {
	id, presence string
	owner        string // the user it is filed under
	direction    device.Direction
	callState    string // DOWN RINGING EARLY ACTIVE HELD UNHELD RING_WAIT
	answered     bool
	progressed   bool // the far end has been heard to ring
	since        time.Time
	order        uint64 // of creation, for equal since

	caller, callee       device.Party
	destination          string
	calleeAt             string // the destination when callee was last changed
	hideName, hideNumber bool
	originator           string // the leg that dialled this one
	peer                 string // the other end of the media bridge
	wasBridged           bool
	dialog               device.SIPDialog
	callID               string // of SIP
	touched              uint64 // generation of the last event
}

// noName is what FreeSWITCH calls every callee.
const noName = "Outbound Call"

// ended reports whether the event says that its channel is over.
func (e *event) ended() bool {
	return e.name == "CHANNEL_HANGUP_COMPLETE" || e.name == "CHANNEL_DESTROY" ||
		e.get("Channel-Call-State") == "HANGUP" || e.get("Answer-State") == "hangup" ||
		e.get("Channel-State") == "CS_HANGUP" || e.get("Channel-State") == "CS_DESTROY"
}

// update takes what e says of the channel; what it does not mention stays.
func (c *channel) update(e *event) {
	set(&c.presence, e.get("Channel-Presence-ID"))
	switch e.get("Call-Direction") {
	case "outbound":
		c.direction = device.Recipient
	case "inbound":
		c.direction = device.Initiator
	}
	set(&c.callState, e.get("Channel-Call-State"))
	if a := e.get("Answer-State"); a != "" {
		c.answered = a == "answered"
	}
	if e.name == "CHANNEL_PROGRESS" || e.name == "CHANNEL_PROGRESS_MEDIA" ||
		happened(e.get("Caller-Channel-Progress-Time")) || happened(e.get("Caller-Channel-Progress-Media-Time")) {
		c.progressed = true
	}
	if us, err := strconv.ParseInt(e.get("Caller-Channel-Created-Time"), 10, 64); err == nil && us > 0 && c.since.IsZero() {
		c.since = time.UnixMicro(us).UTC()
	}
	set(&c.callID, e.get("variable_sip_call_id"))
	c.parties(e)
	if c.direction == device.Recipient && e.get("Other-Type") == "originator" && c.originator == "" {
		c.originator = e.get("Other-Leg-Unique-ID")
	}
	c.dialogFrom(e)
}

func (c *channel) parties(e *event) {
	set(&c.caller.Name, e.get("Caller-Caller-ID-Name"))
	set(&c.caller.Number, e.get("Caller-Caller-ID-Number"))
	set(&c.destination, e.get("Caller-Destination-Number"))
	if n := e.get("Caller-Callee-ID-Number"); n != "" {
		name := e.get("Caller-Callee-ID-Name")
		if n != c.callee.Number || name != c.callee.Name {
			c.callee, c.calleeAt = device.Party{Number: n, Name: name}, c.destination
		}
	}
	if v := e.get("Caller-Privacy-Hide-Name"); v != "" {
		c.hideName = v == "true"
	}
	if v := e.get("Caller-Privacy-Hide-Number"); v != "" {
		c.hideNumber = v == "true"
	}
}

// dialogFrom learns Call-ID and tags of a leg that FreeSWITCH dialled. Only such a leg
// can be replaced: naming the caller's leg kills the call. The first complete set stays,
// because a re-INVITE by the phone swaps FreeSWITCH's from and to; so an answer of
// uuid_dump about an answered leg is not trusted.
func (c *channel) dialogFrom(e *event) {
	if c.direction != device.Recipient || c.dialog.CallID != "" || e.name == "CHANNEL_DATA" && c.answered {
		return
	}
	d := device.SIPDialog{
		CallID:    e.get("variable_sip_call_id"),
		LocalTag:  e.get("variable_sip_from_tag"),
		RemoteTag: e.get("variable_sip_to_tag"),
	}
	if d.CallID != "" && d.LocalTag != "" && d.RemoteTag != "" {
		c.dialog = d
	}
}

// phase is how far the call is. Answered counts before the call state: an answered leg
// that is transferred or parked goes ACTIVE>RINGING>ACTIVE.
func (c *channel) phase() device.Phase {
	switch {
	case c.callState == "HELD":
		return device.Held
	case c.answered:
		return device.Confirmed
	case c.callState == "EARLY":
		return device.Early
	case c.direction == device.Recipient && c.callState == "RINGING":
		return device.Early
	case c.direction == device.Initiator && c.progressed:
		return device.Early
	}
	return device.Trying
}

// presented is the other end as FreeSWITCH presents it on this leg. After transfer,
// pickup and originate the two ids are turned round: the one that is the leg's own
// number is then not the other end.
func (c *channel) presented() device.Party {
	own := userOf(c.presence)
	p := c.caller
	if c.direction == device.Recipient {
		if own != "" && p.Number == own && c.callee.Number != "" && c.callee.Number != own {
			p = c.callee
		}
		if c.hideName {
			p.Name = ""
		}
		if c.hideNumber {
			p.Number = ""
		}
	} else if own == "" || c.callee.Number != own || c.caller.Number == own || c.caller.Number == "" {
		p = c.callee
		if p.Number == "" || c.destination != "" && c.destination != c.calleeAt {
			p = device.Party{Number: dialled(c.destination)} // the callee id is from before a transfer
		}
	}
	if p.Name == noName {
		p.Name = ""
	}
	return p
}

// dialled is a destination as a number; that of a leg which came by Replaces is a
// little program ("answer,intercept:<uuid>").
func dialled(destination string) string {
	if strings.ContainsAny(destination, ",:") {
		return ""
	}
	return destination
}

// userOf and domainOf split a presentity user@domain.
func userOf(presence string) string {
	if i := strings.LastIndexByte(presence, '@'); i >= 0 {
		return presence[:i]
	}
	return presence
}

func domainOf(presence string) string {
	if i := strings.LastIndexByte(presence, '@'); i >= 0 {
		return presence[i+1:]
	}
	return ""
}

func set(dst *string, v string) {
	if v != "" {
		*dst = v
	}
}

func happened(us string) bool { return us != "" && us != "0" }
