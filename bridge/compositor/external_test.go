package compositor_test

import (
	"testing"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// TestExternal: what another server tells is fed and kept as a PBX's is, does not make its
// number one of ours, gives way to a device, and is unknown and forgotten after Hide.
func TestExternal(t *testing.T) {
	r := newRig(t, plan(t, "{}"))
	k := compositor.Key{Line: policy.Line{Tenant: "default", Number: "5001"}}
	sink := r.attach("pbx", time.Minute)
	sink.Snapshot(nil)
	r.moved()

	r.c.Show(k, compositor.Lamp{State: device.Busy}, false, time.Now())
	r.want("default", "5001", "busy")
	if n := r.moved(); n != 1 || r.kept[k] != "busy" {
		t.Errorf("%d moved, kept %q", n, r.kept[k])
	}
	r.c.Show(k, compositor.Lamp{State: device.Busy}, false, time.Now())
	if n := r.moved(); n != 0 {
		t.Errorf("the same lamp was fed again (%d)", n)
	}
	if r.c.Learned("default", "5001") {
		t.Error("an external number counts as learned: it would be passed on as ours")
	}
	if l := r.c.Lamp(r.c.Intern(k)); !l.External {
		t.Error("the lamp does not say that it is external")
	}
	r.c.SetPlan(plan(t, "{}"))
	r.want("default", "5001", "busy")

	sink.Change(device.Status{Name: "PJSIP/5001", Number: "5001", State: device.Idle})
	r.want("default", "5001", "idle")
	r.c.Show(k, compositor.Lamp{State: device.Ringing}, true, time.Now())
	r.want("default", "5001", "ringing") // a route that is written down
	r.c.Show(k, compositor.Lamp{State: device.Busy}, false, time.Now())
	sink.Remove("PJSIP/5001")
	r.want("default", "5001", "busy")

	r.moved()
	r.c.Hide(k)
	r.want("default", "5001", "unknown")
	if n := r.moved(); n != 1 || r.kept[k] != "gone" {
		t.Errorf("%d moved, kept %q", n, r.kept[k])
	}
	r.c.Hide(k)
	r.c.Visit(func(got compositor.Key, _ compositor.Lamp) { t.Errorf("%v is still listed", got) })
}
