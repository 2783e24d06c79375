package eventpkg

import (
	"testing"

	"blfbridge/bridge/device"
	"blfbridge/bridge/eventpkg/dialoginfo"
	"blfbridge/bridge/eventpkg/pidf"
)

// What a real Asterisk 22.10.1 and a real FreeSWITCH 1.11.3 sent to a watcher, against what
// the default dialect sends for the same moment. Where they differ, the row says why.
func TestDialogInfoMeansWhatPBXsSend(t *testing.T) {
	for _, c := range []struct {
		recorded string
		lamp     Lamp
		theirs   string // state of the dialog that counts; "" = no dialog
		ours     string
		why      string
	}{
		{"asterisk-idle", lampOf(device.Idle, false), "terminated", "terminated", ""},
		{"asterisk-ringing", lampOf(device.Ringing, false, ringingCall), "early", "early", ""},
		{"asterisk-busy", lampOf(device.Busy, false, answeredCall), "confirmed", "confirmed", ""},
		{"asterisk-onhold", lampOf(device.Busy, false, heldCall), "confirmed", "confirmed", ""},
		{"asterisk-dialling", lampOf(device.Busy, false, dialledCall), "confirmed", "confirmed", ""},
		{"asterisk-second", lampOf(device.Busy, false, answeredCall, secondCall), "confirmed", "confirmed", ""},
		{"asterisk-dnd", lampOf(device.Idle, true), "confirmed", "confirmed", ""},
		{"asterisk-unknown", lampOf(device.Unknown, false), "terminated", "confirmed", "an unregistered phone never looks free"},
		{"freeswitch-idle", lampOf(device.Idle, false), "", "terminated", "Yealink and Bria need a dialog"},
		{"freeswitch-after", lampOf(device.Idle, false), "terminated", "terminated", ""},
		{"freeswitch-ringing", lampOf(device.Ringing, false, ringingCall), "early", "early", ""},
		{"freeswitch-busy", lampOf(device.Busy, false, answeredCall), "confirmed", "confirmed", ""},
		{"freeswitch-dialling", lampOf(device.Busy, false, dialledCall), "confirmed", "confirmed", ""},
		{"freeswitch-held", lampOf(device.Busy, false, heldCall), "early", "confirmed", "its presence-hold-state is early unless set"},
		{"freeswitch-two", lampOf(device.Busy, false, answeredCall, secondCall), "confirmed", "confirmed", ""},
		{"freeswitch-dnd", lampOf(device.Idle, true), "confirmed", "confirmed", ""},
	} {
		theirs, err := dialoginfo.ParseLenient([]byte(recorded(t, c.recorded+".dialog-info.xml")))
		if err != nil {
			t.Errorf("%s: %v", c.recorded, err)
			continue
		}
		ours, err := dialoginfo.Parse(AppendBody(nil, DialogInfo, Default, &c.lamp, 0))
		if err != nil {
			t.Errorf("%s: ours: %v", c.recorded, err)
			continue
		}
		if got := stateOf(theirs); got != c.theirs {
			t.Errorf("%s shows %q, the row says %q", c.recorded, got, c.theirs)
		}
		if got := stateOf(ours); got != c.ours {
			t.Errorf("%s: ours shows %q, want %q", c.recorded, got, c.ours)
		}
		if (c.theirs == c.ours) != (c.why == "") {
			t.Errorf("%s: a difference needs a reason, and only a difference", c.recorded)
		}
		if l := theirs.Lamp(); l != nil && l.Direction == dialoginfo.Recipient && ours.Lamp().Direction != l.Direction &&
			c.lamp.State != device.Idle {
			t.Errorf("%s: direction %v, ours %v", c.recorded, l.Direction, ours.Lamp().Direction)
		}
	}
}

func stateOf(d *dialoginfo.Document) string {
	if l := d.Lamp(); l != nil {
		return l.State.String()
	}
	return ""
}

func TestHoldMeansWhatAsteriskSends(t *testing.T) {
	theirs, err := dialoginfo.ParseLenient([]byte(recorded(t, "asterisk-onhold.dialog-info.xml")))
	if err != nil {
		t.Fatal(err)
	}
	if !theirs.Lamp().Held() {
		t.Error("Asterisk's held dialog is not read as held")
	}
	lamp := lampOf(device.Busy, false, heldCall)
	pbx, _ := DialectByName("asterisk-hold")
	for _, d := range []DialectID{Default, pbx} {
		doc, err := dialoginfo.ParseLenient(AppendBody(nil, DialogInfo, d, &lamp, 1))
		if err != nil || !doc.Lamp().Held() {
			t.Errorf("%v: held is not read back: %v", d, err)
		}
	}
}

func TestPresenceMeansWhatPBXsSend(t *testing.T) {
	for _, c := range []struct {
		recorded                   string
		lamp                       Lamp
		open, phone, busy, ringing bool
		ours                       string // what differs in ours, with the reason
	}{
		{"asterisk-idle", lampOf(device.Idle, false), true, false, false, false, ""},
		{"asterisk-ringing", lampOf(device.Ringing, false, ringingCall), true, true, false, true, ""},
		{"asterisk-busy", lampOf(device.Busy, false, answeredCall), true, true, false, false, ""},
		{"asterisk-onhold", lampOf(device.Busy, false, heldCall), true, true, false, false, ""},
		{"asterisk-dialling", lampOf(device.Busy, false, dialledCall), true, true, false, false, ""},
		{"asterisk-second", lampOf(device.Ringing, false, answeredCall, secondCall), true, true, false, true, ""},
		{"asterisk-dnd", lampOf(device.Idle, true), true, true, false, false, "busy: Asterisk knows only device states"},
		{"asterisk-unknown", lampOf(device.Unknown, false), false, false, false, false, ""},
		{"freeswitch-idle", lampOf(device.Idle, false), true, false, false, false, ""},
		{"freeswitch-ringing", lampOf(device.Ringing, false, ringingCall), true, true, false, true, ""},
		{"freeswitch-busy", lampOf(device.Busy, false, answeredCall), true, true, false, false, ""},
		{"freeswitch-held", lampOf(device.Busy, false, heldCall), true, true, false, false, ""},
		{"freeswitch-dnd", lampOf(device.Idle, true), true, false, true, false, ""},
	} {
		theirs, err := pidf.ParseLenient([]byte(recorded(t, c.recorded+".pidf.xml")))
		if err != nil {
			t.Errorf("%s: %v", c.recorded, err)
			continue
		}
		ours, err := pidf.Parse(AppendBody(nil, PIDF, Default, &c.lamp, 0))
		if err != nil {
			t.Errorf("%s: ours: %v", c.recorded, err)
			continue
		}
		type meaning struct{ open, phone, busy, ringing bool }
		read := func(d *pidf.Document) meaning {
			return meaning{d.Open(), d.Doing("on-the-phone"), d.Doing("busy"), d.Ringing()}
		}
		if want := (meaning{c.open, c.phone, c.busy, c.ringing}); read(theirs) != want {
			t.Errorf("%s means %+v, the row says %+v", c.recorded, read(theirs), want)
		}
		if same := read(theirs) == read(ours); same != (c.ours == "") {
			t.Errorf("%s: theirs %+v, ours %+v, and the reason is %q", c.recorded, read(theirs), read(ours), c.ours)
		}
	}
}
