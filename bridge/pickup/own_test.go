package pickup

import (
	"testing"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
)

// TestOwned: a call is a registered sender's if the PBX says so of all that has its Call-ID.
func TestOwned(t *testing.T) {
	d := newDesk(t, nil)
	at := func(source, number, tenant, callID string, phase device.Phase) compositor.Leg {
		return compositor.Leg{Source: source, Number: number, Tenants: []string{tenant}, Call: device.Call{ID: number + callID, CallID: callID, Phase: phase}}
	}
	d.lines.legs = []compositor.Leg{
		at("a", "101", "t", "mine", device.Confirmed), at("b", "101", "t", "held", device.Held),
		at("a", "101", "t", "early", device.Early),
		at("a", "100", "t", "hers", device.Confirmed),
		at("a", "101", "t", "both", device.Confirmed), at("a", "100", "t", "both", device.Confirmed),
		at("a", "101", "other", "abroad", device.Confirmed),
	}
	for _, c := range []struct {
		aor, callID string
		early       bool
		want        string
	}{
		{"101@t.example", "mine", false, "a"},
		{"101@t.example", "held", false, "b"},
		{"101@t.example", "early", false, ""},
		{"101@t.example", "early", true, "a"},
		{"101@t.example", "hers", true, ""},
		{"101@t.example", "both", true, ""}, // the Call-ID was chosen to be hers
		{"101@t.example", "abroad", true, ""},
		{"101@other.example", "abroad", true, "a"},
		{"101@t.example", "unknown", true, ""},
		{"102@t.example", "mine", true, ""},
		{"103@t.example", "mine", true, ""},
		{"@t.example", "mine", true, ""},
	} {
		s := Sender{AOR: c.aor, Registered: true}
		if got, ok := d.Owned(s, c.callID, c.early); got != c.want || ok != (c.want != "") {
			t.Errorf("%s, %s: %q, %v, want %q", c.aor, c.callID, got, ok, c.want)
		}
		s.Registered = false
		if got, ok := d.Owned(s, c.callID, c.early); ok {
			t.Errorf("%s, %s: not registered, and has %q", c.aor, c.callID, got)
		}
	}
}

// TestOwnedOfPhone: calls of all lines of a phone are the phone's.
func TestOwnedOfPhone(t *testing.T) {
	d := newDesk(t, nil)
	d.lines.legs = []compositor.Leg{{Source: "a", Number: "106", Tenants: []string{"t"}, Call: device.Call{CallID: "x", Phase: device.Confirmed}}}
	if _, ok := d.Owned(Sender{AOR: "105@t.example", Registered: true}, "x", false); !ok {
		t.Error("the phone's second line is not the phone's")
	}
	if _, ok := d.Owned(Sender{AOR: "102@t.example", Registered: true}, "x", false); ok {
		t.Error("it is another phone's")
	}
}
