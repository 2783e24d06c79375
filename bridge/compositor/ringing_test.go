package compositor_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/line"
	"blfbridge/policy"
)

const pickupPolicy = `
tenants:
- name: t
  presence_groups: [{name: Board}]
  permissions:
  - {from: Standard, to: Board, subscribe: allow, view: ringing}
  lines: [{number: "1001"}, {number: "1002", presence_group: Board}, {number: "1003", pickup: false}]
  phones: [{name: P, lines: ["1009"]}]
`

func ringingPhone(number, callID string) device.Status {
	s := phone(number, "", device.Ringing)
	s.Calls = []device.Call{{
		ID: callID, Direction: device.Recipient, Phase: device.Early, Remote: device.Party{Number: "2001", Name: "Ann"},
		Dialog: device.SIPDialog{CallID: callID + "@pbx", LocalTag: "l", RemoteTag: "r"},
	}}
	return s
}

// bareRig is a compositor, and what the bare pickup code shows phone P.
func bareRig(t *testing.T) (*rig, compositor.Sink, func() compositor.Lamp) {
	t.Helper()
	d, err := policy.Load([]byte(pickupPolicy))
	if err != nil {
		t.Fatal(err)
	}
	snap, err := policy.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	snap = snap.WithDomains([]string{""})
	r := &rig{t: t, kept: map[compositor.Key]string{}}
	r.c = compositor.New(compositor.Config{
		Plan: line.Compile(snap, line.Config{}),
		Feed: func(b compositor.Batch) { r.mu.Lock(); r.batches = append(r.batches, b); r.mu.Unlock() },
		Keep: func(k compositor.Key, l compositor.Lamp, gone bool) { r.kept[k] = l.State.String() },
		MayPickUp: func(w policy.Watcher, l policy.Line) policy.Decision {
			return policy.Decide(snap, w, policy.Target{Tenant: l.Tenant, Number: l.Number, Learned: true}, policy.Counts{})
		},
	})
	bare := compositor.Key{Line: policy.BareLine(policy.Watcher{Tenant: "t", Kind: policy.WatcherPhone, ID: "P"})}
	id := r.c.Intern(bare)
	return r, r.attach("a", 10*time.Second), func() compositor.Lamp {
		if _, kept := r.kept[bare]; kept {
			t.Error("the lamp of a bare code was stored")
		}
		return r.c.Lamp(id)
	}
}

func TestBareCodeShowsTheOneCallThatMayBePickedUp(t *testing.T) {
	r, s, lamp := bareRig(t)
	if l := lamp(); l.State != device.Unknown {
		t.Errorf("no PBX was heard: %v", l.State)
	}
	s.Snapshot([]device.Status{phone("1001", "", device.Idle), phone("1002", "", device.Idle), phone("1003", "", device.Idle)})
	if l := lamp(); l.State != device.Idle {
		t.Errorf("nothing rings: %v", l.State)
	}
	r.moved()
	s.Change(ringingPhone("1001", "c1"))
	if l := lamp(); l.State != device.Ringing || len(l.Calls) != 1 || l.Calls[0].Remote.Number != "2001" {
		t.Errorf("1001 rings: %+v", l)
	}
	if n := r.moved(); n != 2 {
		t.Errorf("%d presentities moved, want the line and the bare code", n)
	}
	s.Change(ringingPhone("1002", "c2"))
	if l := lamp(); l.State != device.Ringing || len(l.Calls) != 0 {
		t.Errorf("two ring, so it must not say which: %+v", l)
	}
	s.Change(phone("1001", "", device.Idle))
	if l := lamp(); l.State != device.Ringing || len(l.Calls) != 1 || l.Calls[0].Remote != (device.Party{}) || l.Calls[0].Dialog != (device.SIPDialog{}) {
		t.Errorf("1002 rings, who calls is hidden from Standard: %+v", l)
	}
	s.Change(phone("1002", "", device.Busy))
	s.Change(ringingPhone("1003", "c3"))
	if l := lamp(); l.State != device.Idle {
		t.Errorf("nobody may pick 1003 up: %+v", l)
	}
}

func TestBareCodeOfALostPBX(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, lamp := bareRig(t)
		done := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- r.c.Run(ctx) }()
		s.Snapshot([]device.Status{ringingPhone("1001", "c1")})
		if n := len(r.c.Ringing()); n != 1 {
			t.Errorf("%d legs ring", n)
		}
		s.Down(nil)
		if n := len(r.c.Ringing()); n != 0 {
			t.Errorf("%d legs ring on a PBX that is away", n)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if l := lamp(); l.State != device.Unknown {
			t.Errorf("the only PBX is lost: %v", l.State)
		}
		cancel()
		<-done
	})
}

func TestRinging(t *testing.T) {
	r, s, _ := bareRig(t)
	s.Snapshot([]device.Status{ringingPhone("1001", "c1"), ringingPhone("1002", "c2"), phone("1003", "", device.Busy)})
	got := r.c.Ringing()
	slices.SortFunc(got, func(a, b compositor.Ringing) int { return cmp.Compare(a.Device, b.Device) })
	if len(got) != 2 || got[0].Source != "a" || got[0].Device != "PJSIP/1001" || got[0].Call.ID != "c1" || got[0].Line != (policy.Line{Tenant: "t", Number: "1001"}) {
		t.Fatalf("%+v", got)
	}
	s.Change(phone("1001", "", device.Idle))
	s.Remove("PJSIP/1002")
	if got = r.c.Ringing(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
