package eventpkg

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

func TestMask(t *testing.T) {
	for _, c := range []struct {
		name string
		lamp Lamp
		view policy.View
		want device.State // Single
		n    int          // calls left
	}{
		{"none hides busy", lampOf(device.Busy, true, answeredCall), policy.ViewNone, device.Unknown, 0},
		{"state keeps unknown", lampOf(device.Unknown, true), policy.ViewState, device.Unknown, 0},
		{"state hides ringing", lampOf(device.Ringing, false, ringingCall), policy.ViewState, device.Idle, 0},
		{"state: another call behind ringing", lampOf(device.Ringing, false, answeredCall, secondCall), policy.ViewState, device.Busy, 0},
		{"state: DND is busy", lampOf(device.Idle, true), policy.ViewState, device.Busy, 0},
		{"state: DND behind ringing", lampOf(device.Ringing, true, ringingCall), policy.ViewState, device.Busy, 0},
		{"state: busy without its call", lampOf(device.Busy, false, heldCall), policy.ViewState, device.Busy, 0},
		{"ringing: one virtual call", lampOf(device.Ringing, false, answeredCall, secondCall), policy.ViewRinging, device.Ringing, 1},
		{"ringing: DND is shown", lampOf(device.Idle, true), policy.ViewRinging, device.DND, 0},
		{"name: all calls", lampOf(device.Busy, false, answeredCall, secondCall), policy.ViewName, device.Busy, 2},
		{"number: all", lampOf(device.Busy, false, answeredCall, secondCall), policy.ViewNumber, device.Busy, 2},
		{"pretend idle: always", lampOf(device.Busy, true, answeredCall), policy.ViewIdle, device.Idle, 0},
		{"a view from the future shows nothing", lampOf(device.Busy, false, answeredCall), policy.View(99), device.Unknown, 0},
	} {
		before := fmt.Sprintf("%+v", c.lamp)
		got := Mask(c.lamp, c.view)
		if got.Single() != c.want || len(got.Calls) != c.n {
			t.Errorf("%s: %v with %d calls, want %v with %d", c.name, got.Single(), len(got.Calls), c.want, c.n)
		}
		if got.Entity != c.lamp.Entity {
			t.Errorf("%s: the entity is gone", c.name)
		}
		if after := fmt.Sprintf("%+v", c.lamp); after != before {
			t.Errorf("%s: the lamp was modified", c.name)
		}
	}
	if got := Mask(lampOf(device.Busy, false, answeredCall), policy.ViewNumber); !reflect.DeepEqual(got, lampOf(device.Busy, false, answeredCall)) {
		t.Errorf("ViewNumber changed the lamp: %+v", got)
	}
}

func TestMaskNameHidesNumbersPosingAsNames(t *testing.T) {
	for name, kept := range map[string]bool{
		"Ann One": true, "Zoë": true, "1001": false, "+1 (310) 634-1777": false, "Ann 1001": false, "": false,
	} {
		lamp := Mask(lampOf(device.Ringing, false, call("c", device.Recipient, device.Early, "1001", name)), policy.ViewName)
		if got := lamp.Calls[0].Remote.Name == name && name != ""; got != kept {
			t.Errorf("name %q kept: %v, want %v", name, got, kept)
		}
	}
}

// The bytes for a masked watcher never depend on what the view hides: two random lamps
// that differ only there give the same bodies in every dialect, content and size.
func TestMaskedBytesDependOnNothingHidden(t *testing.T) {
	rng := rand.New(rand.NewPCG(4235, 3863))
	for range 400 {
		a := randomLamp(rng)
		for _, v := range policy.Views {
			b := changeHidden(rng, a, v)
			ma, mb := Mask(a, v), Mask(b, v)
			for _, d := range Dialects() {
				for _, c := range Contents {
					for _, tr := range Trims {
						x, y := RenderTrimmed(c, d, &ma, tr), RenderTrimmed(c, d, &mb, tr)
						if !bytes.Equal(x.Bytes, y.Bytes) {
							t.Fatalf("view %s, dialect %v, %v, trim %d:\n%+v\n%+v\nrender differently:\n%s\n%s",
								viewNames[v], d, c, tr, a, b, x.Bytes, y.Bytes)
						}
					}
				}
			}
		}
	}
}

// The property above would hold for a mask that hides everything: what a view does show
// must reach the bytes.
func TestMaskedBytesShowWhatTheViewAllows(t *testing.T) {
	body := func(l Lamp, v policy.View) string {
		l = Mask(l, v)
		return string(AppendBody(nil, DialogInfo, Default, &l, 0))
	}
	ringing := lampOf(device.Ringing, false, ringingCall)
	if body(lampOf(device.Idle, false), policy.ViewState) == body(lampOf(device.Busy, false), policy.ViewState) {
		t.Error("state: idle looks like busy")
	}
	if body(lampOf(device.Idle, false), policy.ViewRinging) == body(ringing, policy.ViewRinging) {
		t.Error("ringing: idle looks like ringing")
	}
	for v, text := range map[policy.View]string{policy.ViewName: "Ann One", policy.ViewNumber: "sip:1001@"} {
		if !bytes.Contains([]byte(body(ringing, v)), []byte(text)) {
			t.Errorf("%s: %q is not shown", viewNames[v], text)
		}
		if bytes.Contains([]byte(body(ringing, v-1)), []byte(text)) {
			t.Errorf("%s: %q is shown", viewNames[v-1], text)
		}
	}
}

var randomNames = []string{"", "Ann", "Zoë \"X\"", "Carol & <Co>", "Tim"}

func randomCall(rng *rand.Rand) device.Call {
	id := fmt.Sprintf("%x", rng.Uint64())
	c := call(id, device.Direction(rng.IntN(2)), device.Phase(rng.IntN(6)),
		fmt.Sprint(1000+rng.IntN(9000)), randomNames[rng.IntN(len(randomNames))])
	if rng.IntN(2) == 0 {
		c.Dialog = device.SIPDialog{}
	}
	return c
}

func randomLamp(rng *rand.Rand) Lamp {
	l := lampOf(device.State(rng.IntN(4)), rng.IntN(2) == 0)
	for range rng.IntN(4) {
		l.Calls = append(l.Calls, randomCall(rng))
	}
	return l
}

// changeHidden returns a lamp that a watcher with view v must not be able to tell from l.
func changeHidden(rng *rand.Rand, l Lamp, v policy.View) Lamp {
	out := l
	out.Calls = nil
	switch v {
	case policy.ViewNone:
		out = randomLamp(rng)
		out.Name = "Somebody Else"
	case policy.ViewState:
		// Same idle or busy, by other means.
		switch shown := Mask(l, v).State; {
		case shown == device.Idle:
			out.DND = false
			out.State = device.Idle
			if rng.IntN(2) == 0 {
				out.State, out.Calls = device.Ringing, []device.Call{ringingCall}
			}
		case shown == device.Busy:
			switch rng.IntN(4) {
			case 0:
				out.State, out.DND, out.Calls = device.Busy, rng.IntN(2) == 0, []device.Call{randomCall(rng)}
			case 1:
				out.State, out.DND = device.Idle, true
			case 2:
				out.State, out.DND, out.Calls = device.Ringing, true, []device.Call{ringingCall}
			case 3:
				out.State, out.Calls = device.Ringing, []device.Call{secondCall, heldCall}
			}
		default:
			out.DND, out.Calls = !l.DND, []device.Call{randomCall(rng)}
		}
	case policy.ViewRinging:
		// Other parties, other ids, and calls that do not count beside the one that does.
		if i := pick(l.Calls, l.State); i >= 0 {
			c := randomCall(rng)
			c.Direction, c.Phase = l.Calls[i].Direction, l.Calls[i].Phase
			out.Calls = []device.Call{c}
			if rng.IntN(2) == 0 {
				out.Calls = append(out.Calls, c)
			}
		}
	case policy.ViewName:
		for _, c := range l.Calls {
			c.Remote.Number = fmt.Sprint(10000 + rng.IntN(90000))
			c.Dialog = randomCall(rng).Dialog
			out.Calls = append(out.Calls, c)
		}
	default:
		out.Calls = l.Calls
	}
	return out
}
