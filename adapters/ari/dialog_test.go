package ari

import (
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/adapters/replay"
	"blfbridge/bridge/device"
)

// The SIP identifiers of a ringing leg, as the marks of pickup_replaces.jsonl read them
// over REST and on the wire at the phone: From tag Asterisk's, To tag the phone's.
var ringingLeg = device.SIPDialog{
	CallID:    "6a5e8e86-46b5-49d9-8d58-825f058a8da4",
	LocalTag:  "d5f7365b-1cac-4e1d-a8d8-e7f28fa14c4d",
	RemoteTag: "09d2c679",
}

func ringing(t *testing.T, cfg Config, f func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, replay.ARIConfig{
			Recording: readRecording(t, "pickup_replaces.jsonl"),
			Variables: map[string]map[string]string{"blf-lab-1795371796.50": {
				"CHANNEL(pjsip,call-id)": ringingLeg.CallID, "CHANNEL(pjsip,local_tag)": ringingLeg.LocalTag,
				"CHANNEL(pjsip,remote_tag)": ringingLeg.RemoteTag,
			}},
		}, cfg)
		r.run(func() { f(r) })
	})
}

func (r *rig) dialog(name string) device.SIPDialog {
	st, _ := r.sink.get(name)
	if len(st.Calls) != 1 {
		r.t.Fatalf("%s has %d calls", name, len(st.Calls))
	}
	return st.Calls[0].Dialog
}

func TestDialogOfARingingLeg(t *testing.T) {
	ringing(t, Config{}, func(r *rig) {
		r.pbx.Next()
		synctest.Wait()
		if d := r.dialog("PJSIP/1002"); d != ringingLeg {
			t.Errorf("the dialog is %+v, want %+v", d, ringingLeg)
		}
		if d := r.dialog("PJSIP/1001"); d != (device.SIPDialog{}) {
			t.Errorf("the caller's leg has %+v; a Replaces of it is answered 481", d)
		}
		caller, _ := r.sink.get("PJSIP/1001")
		callee, _ := r.sink.get("PJSIP/1002")
		if a, b := caller.Calls[0].CallID, callee.Calls[0].CallID; a == "" || a == b || b != ringingLeg.CallID {
			t.Errorf("the legs' Call-IDs are %q and %q", a, b)
		}
	})
}

// The lamp does not wait for the tags.
func TestDialogComesLater(t *testing.T) {
	ringing(t, Config{}, func(r *rig) {
		r.pbx.Fault(replay.ARIFault{Delay: time.Second})
		r.pbx.Next()
		synctest.Wait()
		if d := r.dialog("PJSIP/1002"); d != (device.SIPDialog{}) || r.sink.state("PJSIP/1002") != device.Ringing {
			t.Errorf("%v with %+v before REST answered", r.sink.state("PJSIP/1002"), d)
		}
		settle(2100 * time.Millisecond)
		if d := r.dialog("PJSIP/1002"); d != ringingLeg {
			t.Errorf("the dialog is %+v", d)
		}
	})
}

func TestDialogOfALegThatRangBeforeTheSnapshot(t *testing.T) {
	ringing(t, Config{}, func(r *rig) {
		r.pbx.Next()
		r.pbx.Cut()
		settle(5 * time.Second)
		if d := r.dialog("PJSIP/1002"); d != ringingLeg {
			t.Errorf("on the second connection the dialog is %+v", d)
		}
	})
}

func TestNoDialogs(t *testing.T) {
	ringing(t, Config{NoDialogs: true}, func(r *rig) {
		r.pbx.Next()
		synctest.Wait()
		if d := r.dialog("PJSIP/1002"); d != (device.SIPDialog{}) {
			t.Errorf("the dialog is %+v", d)
		}
	})
}
