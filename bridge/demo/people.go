package demo

import "blfbridge/bridge/device"

// person is one extension of the office, with a phone of its own at the PBX.
type person struct{ number, name string }

// office are the phones of scripts/pbx/asterisk, whose passwords are "pw" and the number.
var office = []person{
	{"1001", "Ann One"}, {"1002", "Bob Two"}, {"1003", "Cat Three"},
	{"1004", "Dan Four"}, {"1005", "Eve Five"}, {"1006", "Fay Six"},
}

// watcherKind is one column of the board: who watches, with which make of phone.
type watcherKind struct {
	user, title, agent string
	event, accept      string
	tcp                bool
	// inTo: the target is named in To alone, as Yealink does.
	inTo bool
	// note says in a word what is special, short for narrow columns.
	note, short string
	// masked: its presence group sees idle and busy only.
	masked bool
	// refused: its presence group may not watch until the policy is changed.
	refused bool
	// noUnknown: the make has no light for a line that is away, and shows it busy.
	noUnknown bool
	// noHold: it does not tell a held call from another. dialling: it tells one that is
	// not answered yet.
	noHold, dialling bool
}

// watchers are the columns. The first sees all there is; its NOTIFYs name the other party.
var watchers = []watcherKind{
	{user: "1001", title: "Yealink", agent: "Yealink SIP-T46U 108.86.0.20", event: "dialog", inTo: true, note: "target in To", short: "in To"},
	{user: "1002", title: "Cisco", agent: "Cisco-CP8861/14.2.1", event: "presence", accept: "application/cpim-pidf+xml", noHold: true},
	{user: "1003", title: "snom", agent: "snomD785/10.1.184.15", event: "dialog", tcp: true, noUnknown: true, dialling: true, note: "busy if away"},
	{user: "1006", title: "Bria", agent: "Bria 6 release 6.5.3 stamp 109890", event: "presence", tcp: true},
	{user: "lobby", title: "Lobby", agent: "Yealink SIP-T58W 150.86.0.5", event: "dialog", masked: true, note: "busy or not", short: "masked"},
	{user: "temp", title: "Temp", agent: "Yealink SIP-T31P 124.86.0.40", event: "dialog", refused: true, note: "may not watch", short: "refused"},
}

// how is the event package and the transport.
func (w *watcherKind) how(width int) string {
	event := w.event
	if width < len(event)+1 {
		event = "pres."
	}
	if s := event + " " + w.transport(); len(s) < width {
		return s
	}
	return event
}

func (w *watcherKind) transport() string {
	if w.tcp {
		return "tcp"
	}
	return "udp"
}

// shows is what the make's lamp shows of a line in a state, for the check that no lamp is
// wrong in the end.
func (w *watcherKind) shows(s device.State) device.State {
	switch {
	case w.masked && s == device.Ringing:
		return device.Idle
	case s == device.DND && w.event == "dialog": // the package has no word for it
		return device.Busy
	case s == device.Unknown && w.noUnknown:
		return device.Busy
	}
	return s
}
