package eventpkg

import (
	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// lampCase is one thing a line can do, named as in the golden files.
type lampCase struct {
	name string
	lamp Lamp
}

func call(id string, dir device.Direction, phase device.Phase, number, name string) device.Call {
	return device.Call{
		ID: id, Direction: dir, Phase: phase, Remote: device.Party{Number: number, Name: name},
		Dialog: device.SIPDialog{CallID: id + "@pbx.test", LocalTag: "pbx-" + id, RemoteTag: "phone-" + id},
	}
}

func lampOf(state device.State, dnd bool, calls ...device.Call) Lamp {
	return Lamp{
		State: state, DND: dnd, Calls: calls,
		Entity: "sip:13106341777@pbx.test:5060", Number: "1002", Name: "Bob Two",
		Pickup: "sip:*891002@pbx.test",
	}
}

var (
	ringingCall  = call("c1", device.Recipient, device.Early, "1001", "Ann One")
	answeredCall = call("c1", device.Recipient, device.Confirmed, "1001", "Ann One")
	heldCall     = call("c1", device.Recipient, device.Held, "1001", "Ann One")
	dialledCall  = call("c2", device.Initiator, device.Early, "0044 20#7", "")
	secondCall   = call("c3", device.Recipient, device.Early, "1003", "Carol Three")
	oddCall      = call("c4\"&", device.Recipient, device.Early, "a'b&c@[2001:db8::1]", "<Zoë \"Ω\" & \x00\xff'>\n")
)

// lampCases has one case named after every device.State, and the habits beyond them.
var lampCases = []lampCase{
	{"unknown", lampOf(device.Unknown, false)},
	{"idle", lampOf(device.Idle, false)},
	{"ringing", lampOf(device.Ringing, false, ringingCall)},
	{"busy", lampOf(device.Busy, false, answeredCall)},
	{"dnd", lampOf(device.Idle, true)},

	{"unknown-dnd", lampOf(device.Unknown, true)},
	{"busy-dnd", lampOf(device.Busy, true, answeredCall)},
	{"busy-no-call", lampOf(device.Busy, false)},
	{"ringing-no-call", lampOf(device.Ringing, false)},
	{"held", lampOf(device.Busy, false, heldCall)},
	{"dialling", lampOf(device.Busy, false, dialledCall)},
	{"second-busy", lampOf(device.Busy, false, answeredCall, secondCall)},
	{"second-ringing", lampOf(device.Ringing, false, answeredCall, secondCall)},
	// Line class options ring_in_as: busy and idle.
	{"ring-as-busy", lampOf(device.Busy, false, ringingCall)},
	{"ring-as-idle", lampOf(device.Idle, false, ringingCall)},
	{"odd-names", func() Lamp {
		l := lampOf(device.Ringing, false, oddCall)
		l.Number, l.Name = "*70&", "Tom & <Jerry>"
		return l
	}()},
}

var viewNames = map[policy.View]string{
	policy.ViewNone: "none", policy.ViewState: "state", policy.ViewRinging: "ringing",
	policy.ViewName: "name", policy.ViewNumber: "number",
}
