package compositor_test

import (
	"slices"
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// TestLegs: every leg of a Call-ID is found, of whatever PBX that is up and whether it rings
// or not, with the tenants that have its device.
func TestLegs(t *testing.T) {
	r := newRig(t, plan(t, ""))
	a, b := r.attach("a", time.Minute), r.attach("b", time.Minute)
	at := func(number, callID string, p device.Phase) device.Status {
		s := phone(number, "", device.Busy)
		s.Calls = []device.Call{{ID: number, CallID: callID, Phase: p}, {ID: "other" + number, CallID: "other" + number, Phase: p}}
		return s
	}
	a.Snapshot([]device.Status{at("1001", "x", device.Confirmed), at("1002", "y", device.Held), at("1003", "", device.Early)})
	b.Snapshot([]device.Status{at("1004", "x", device.Early)})
	numbers := func(callID string) (out []string) {
		for _, l := range r.c.Legs(callID) {
			out = append(out, l.Source+" "+l.Number)
			if len(l.Tenants) != 1 || l.Tenants[0] != tenantOf(t) || l.Call.CallID != callID {
				t.Errorf("%+v", l)
			}
		}
		slices.Sort(out)
		return out
	}
	if got := numbers("x"); !slices.Equal(got, []string{"a 1001", "b 1004"}) {
		t.Error(got)
	}
	if got := append(numbers("z"), numbers("")...); len(got) > 0 {
		t.Error(got)
	}
	b.Down(nil)
	if got := numbers("x"); !slices.Equal(got, []string{"a 1001"}) {
		t.Error(got)
	}
}
