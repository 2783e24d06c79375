package notifier

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/eventpkg"
	"blfbridge/policy"
)

// tokens offers identifiers that name the watcher.
func tokens(a Asked) Offer {
	o := Offer{URI: "sip:*89" + a.Line.Number + "@b"}
	if a.Call != nil {
		o.Dialog = device.SIPDialog{CallID: "for-" + a.Watcher.ID + "-of-" + a.Call.ID, LocalTag: "pbx", RemoteTag: "phone"}
	}
	return o
}

func ringWithIDs(r *rig, number string) {
	id := r.p.Intern(compositor.Key{Line: policy.Line{Tenant: "t", Number: number}})
	r.p.set(number, device.Ringing)
	r.p.mu.Lock()
	r.p.off++
	l := &r.p.all[id]
	l.Offset = r.p.off
	l.Calls = []device.Call{{
		ID: "c1", Direction: device.Recipient, Phase: device.Early, Remote: device.Party{Number: "300", Name: "Ann"},
		Dialog: device.SIPDialog{CallID: "secret-id", LocalTag: "secret-l", RemoteTag: "secret-r"},
	}}
	r.p.mu.Unlock()
	r.p.n.Changed(compositor.Batch{Presentities: []uint32{id}})
	synctest.Wait()
}

func TestOffersOnlyToWhomMayPickUp(t *testing.T) {
	snom := eventpkg.DialectFor("snomD785/10")
	for name, c := range map[string]struct {
		pickup  bool
		view    policy.View
		dialect eventpkg.DialectID
		want    string // "" = nothing to pick up by
		uri     bool
	}{
		"may":                {true, policy.ViewNumber, eventpkg.Default, "for-200-of-c1", false},
		"may, sees no name":  {true, policy.ViewRinging, eventpkg.Default, "for-200-of-c1", false},
		"may, sees no rings": {true, policy.ViewState, eventpkg.Default, "", false},
		"may not":            {false, policy.ViewNumber, eventpkg.Default, "", false},
		"Snom may":           {true, policy.ViewNumber, snom, "", true},
		"Snom may not":       {false, policy.ViewNumber, snom, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Config{Offer: tokens})
				defer r.stop()
				ringWithIDs(r, "101")
				r.w.take()
				r.subscribe("a", "101", 1, time.Hour, func(s *Subscribe) {
					s.Decision.Pickup, s.Decision.View, s.Dialect = c.pickup, c.view, c.dialect
				})
				synctest.Wait()
				msgs := r.w.take()
				if len(msgs) != 1 {
					t.Fatalf("%d NOTIFYs", len(msgs))
				}
				body := string(msgs[0])
				if strings.Contains(body, "secret") {
					t.Errorf("the PBX's own identifiers are shown:\n%s", body)
				}
				if got := strings.Contains(body, `call-id=`); got != (c.want != "") || !strings.Contains(body, c.want) {
					t.Errorf("want identifiers %q:\n%s", c.want, body)
				}
				if got := strings.Contains(body, `<target uri="sip:*89101@b"/>`); got != c.uri {
					t.Errorf("want the pickup URI %v:\n%s", c.uri, body)
				}
			})
		})
	}
}

// Two watchers of one lamp are each shown their own, and a change of permission takes it away.
func TestOffersAreEachWatchersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Offer: tokens})
		defer r.stop()
		ringWithIDs(r, "101")
		for _, w := range []string{"a", "b"} {
			r.w.take()
			r.subscribe(w, "101", 1, time.Hour, func(s *Subscribe) { s.Decision.Pickup, s.Watcher.ID = true, w })
			synctest.Wait()
			if msgs := r.w.take(); len(msgs) != 1 || !strings.Contains(string(msgs[0]), fmt.Sprintf("for-%s-of-c1", w)) {
				t.Errorf("%s is shown %s", w, msgs)
			}
		}
	})
}

func TestBareCodeIsShownAsSubscribedTo(t *testing.T) {
	bare := policy.BareLine(policy.Watcher{Tenant: "t", Kind: policy.WatcherPhone, ID: "P"})
	if got := ShownNumber(bare, "sip:*89@pbx.test"); got != "*89" {
		t.Errorf("%q", got)
	}
	if got := ShownNumber(policy.Line{Number: "101"}, "sip:*89101@pbx.test"); got != "101" {
		t.Errorf("%q", got)
	}
}

// TestOfferIsAskedOncePerLamp: of a call without identifiers every watcher of a lamp is
// offered the same, which is asked again as soon as the lamp is looked at again.
func TestOfferIsAskedOncePerLamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, code := 0, "*89"
		r := newRig(t, Config{Loops: 1, Offer: func(a Asked) Offer {
			asked++
			return Offer{URI: "sip:" + code + a.Line.Number + "@b"}
		}})
		defer r.stop()
		const watchers = 20
		for i := range watchers {
			r.reply(r.wantOf(fmt.Sprint(i), "101"), 200)
		}
		for i, state := range []device.State{device.Ringing, device.Idle, device.Ringing} {
			asked = 0
			if i == 2 {
				code = "*8"
			}
			r.p.set("101", state)
			synctest.Wait()
			msgs := r.w.take()
			if len(msgs) != watchers {
				t.Fatalf("%d NOTIFYs", len(msgs))
			}
			for _, m := range msgs {
				if strings.Contains(string(m), `<target uri="sip:`+code+`101@b"/>`) != (state == device.Ringing) {
					t.Fatalf("%v: %s", state, m)
				}
				r.reply(m, 200)
			}
			if most := map[bool]int{true: 1}[state == device.Ringing]; asked > most {
				t.Errorf("%v: asked %d times", state, asked)
			}
			r.none()
		}
	})
}

// wantOf subscribes a Snom that may pick up, and returns its first NOTIFY.
func (r *rig) wantOf(callID, number string) []byte {
	r.subscribe(callID, number, 1, time.Hour, func(s *Subscribe) {
		s.Decision.Pickup, s.Dialect, s.Cold.Entity = true, eventpkg.DialectFor("snomD785/10"), "sip:"+number+"@b"
	})
	_, msg := r.one()
	return msg
}
