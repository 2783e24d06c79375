package ari

import (
	"strings"

	"blfbridge/bridge/device"
)

// leg is one channel of one device, with what only its history tells: REST shows
// neither who dialled nor who holds.
type leg struct {
	ast     astChannel
	device  string
	dir     device.Direction
	held    bool         // this party pressed hold
	far     device.Phase // how far its own dialling got: Trying, Proceeding, Early
	dialled string       // the number dialled, as long as nobody is connected
	dialog  device.SIPDialog
	asked   bool   // the dialog's tags are being fetched, or were
	seq     uint64 // order of arrival
}

// newLeg starts a leg by what is first seen of its channel.
func newLeg(c astChannel, seq uint64) *leg {
	l := &leg{ast: c, device: deviceOfChannel(c.name), dir: firstDirection(c), seq: seq}
	if l.dir == device.Initiator && dialable(c.exten) {
		l.dialled = c.exten
	}
	return l
}

// firstDirection: a leg that Asterisk dialled begins Down and rings; a phone that dials
// begins with Ring. A leg first seen Up is told by its application: AppDial, AppDial2
// and AppQueue are what Asterisk puts on an outgoing leg.
func firstDirection(c astChannel) device.Direction {
	switch c.state {
	case "Down", "Rsrvd", "Ringing", "Pre-ring":
		return device.Recipient
	case "Up":
		if strings.HasPrefix(c.app, "AppDial") || c.app == "AppQueue" {
			return device.Recipient
		}
	}
	return device.Initiator
}

// dialable leaves out the dialplan's own extensions, which nobody dials.
func dialable(exten string) bool {
	switch exten {
	case "", "s", "h", "t", "i", "o", "e":
		return false
	}
	return true
}

// update takes a later view of the same channel. Of an event's (not of REST's) a state
// never goes back: events of different types overtake each other, and each carries the
// channel as it was when it was made.
func (l *leg) update(c astChannel, fromEvent bool) {
	if fromEvent && stateRank(c.state) < stateRank(l.ast.state) {
		return
	}
	switch {
	case c.state == "Ringing":
		l.dir = device.Recipient
	case c.state == "Ring" && l.ast.state != "Ring":
		l.dir = device.Initiator
	}
	if l.dialled == "" && l.dir == device.Initiator && c.state != "Up" && dialable(c.exten) {
		l.dialled = c.exten
	}
	if c.callID == "" {
		c.callID = l.ast.callID
	}
	if c.created.IsZero() {
		c.created = l.ast.created
	}
	l.ast, l.device = c, deviceOfChannel(c.name)
}

func stateRank(state string) int {
	switch state {
	case "Up", "Busy":
		return 2
	case "Ring", "Ringing":
		return 1
	}
	return 0
}

// progress notes how far the far end is, from a Dial event of which l is the caller.
// It never goes back: with several phones dialled one may give up while others ring.
func (l *leg) progress(dialStatus string) {
	switch dialStatus {
	case "", "PROCEEDING":
		l.far = max(l.far, device.Proceeding)
	case "RINGING", "PROGRESS":
		l.far = max(l.far, device.Early)
	}
}

// ringsHere says whether the leg alerts its phone, so that a Replaces can pick it up.
func (l *leg) ringsHere() bool { return l.dir == device.Recipient && l.ast.state == "Ringing" }

// phase reads the channel state.
func (l *leg) phase() device.Phase {
	switch {
	case l.ast.state == "Up" && l.held:
		return device.Held
	case l.ast.state == "Up":
		return device.Confirmed
	case l.dir == device.Initiator:
		return l.far
	case l.ast.state == "Ringing":
		return device.Early
	}
	return device.Trying
}

// call is the leg as the sink sees it.
func (l *leg) call() device.Call {
	c := device.Call{
		ID: l.ast.id, Direction: l.dir, Phase: l.phase(), Remote: l.ast.connected, Dialog: l.dialog, CallID: l.ast.callID, Since: l.ast.created,
	}
	if c.Remote == (device.Party{}) {
		c.Remote.Number = l.dialled
	}
	return c
}
