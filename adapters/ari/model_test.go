package ari

import (
	"fmt"
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// feed is a model with a clock.
type feed struct {
	*model
	now time.Time
}

func newFeed() *feed {
	return &feed{model: newModel(defaultDNDPrefix, nil), now: time.Unix(1e9, 0)}
}

func (f *feed) device(name, raw string) {
	f.apply(event{kind: evDevice, device: name, state: raw, at: f.now})
}

func (f *feed) channel(kind eventKind, id, state string) {
	f.apply(event{kind: kind, channel: astChannel{id: id, name: "PJSIP/1001-" + id, state: state, created: f.now}, at: f.now})
}

// state is 1001's lamp, as the sink would have it by now.
func (f *feed) state() device.State {
	f.changed(f.now)
	return f.devices["PJSIP/1001"].shown.State
}

func (f *feed) want(t *testing.T, when string, want device.State) {
	t.Helper()
	if got := f.state(); got != want {
		t.Errorf("%s: %v, want %v", when, got, want)
	}
}

// A call that ended shows idle, though the device state still claims one, or claims one
// again because an old event came late.
func TestLateDeviceStateDoesNotFlash(t *testing.T) {
	f := newFeed()
	f.device("PJSIP/1001", rawNotInUse)
	f.channel(evChannel, "1", "Ring")
	f.want(t, "dialled", device.Busy)
	f.device("PJSIP/1001", rawInUse)
	f.channel(evEnded, "1", "Ring")
	f.want(t, "ended, device state still in use", device.Idle)
	f.device("PJSIP/1001", rawNotInUse)
	f.want(t, "device state followed", device.Idle)
	f.device("PJSIP/1001", rawInUse)
	f.want(t, "an old INUSE comes late", device.Idle)
	f.now = f.now.Add(settleTime)
	f.device("PJSIP/1001", rawInUse)
	f.want(t, "INUSE later, of a call whose channel events were lost", device.Busy)
}

func TestTombstoneKeepsLateEventsDark(t *testing.T) {
	f := newFeed()
	f.device("PJSIP/1001", rawNotInUse)
	f.channel(evChannel, "1", "Ringing")
	f.want(t, "rings", device.Ringing)
	f.channel(evEnded, "1", "Ringing")
	f.channel(evChannel, "1", "Ringing")
	f.channel(evHold, "1", "Up")
	f.apply(event{kind: evDial, channel: astChannel{id: "1", name: "PJSIP/1001-1", state: "Ringing"}, at: f.now})
	f.want(t, "late events of the ended channel", device.Idle)
	if len(f.legs) != 0 {
		t.Errorf("%d legs", len(f.legs))
	}
}

func TestTombstonesAreBounded(t *testing.T) {
	var ts tombstones
	now := time.Unix(1e9, 0)
	for i := range 3 * tombstoneMax {
		ts.add(fmt.Sprint(i), now)
	}
	if len(ts.until) > tombstoneMax || len(ts.order) > tombstoneMax {
		t.Errorf("%d tombstones", len(ts.until))
	}
	last := fmt.Sprint(3*tombstoneMax - 1)
	if !ts.has(last, now) || ts.has("0", now) {
		t.Error("the newest are kept, the oldest are not")
	}
	if ts.has(last, now.Add(tombstoneLife)) {
		t.Error("a tombstone does not expire")
	}
	ts.add("next", now.Add(tombstoneLife))
	if len(ts.until) != 1 {
		t.Errorf("%d tombstones after all but one expired", len(ts.until))
	}
}

// A masquerade renames a channel: its call leaves one device for another, and a zombie is
// nobody's call.
func TestMasquerade(t *testing.T) {
	f := newFeed()
	f.device("PJSIP/1001", rawNotInUse)
	f.device("PJSIP/1002", rawNotInUse)
	f.channel(evChannel, "1", "Up")
	f.want(t, "in a call", device.Busy)
	f.apply(event{kind: evChannel, channel: astChannel{id: "1", name: "PJSIP/1002-1", state: "Up"}, at: f.now})
	f.want(t, "its channel became 1002's", device.Idle)
	if s := f.devices["PJSIP/1002"].shown.State; s != device.Busy {
		t.Errorf("1002 is %v", s)
	}
	f.apply(event{kind: evChannel, channel: astChannel{id: "1", name: "PJSIP/1002-1<ZOMBIE>", state: "Up"}, at: f.now})
	f.state()
	if s := f.devices["PJSIP/1002"].shown.State; s != device.Idle {
		t.Errorf("1002 is %v by a zombie", s)
	}
}

// What only events tell survives a new connection, for the channels that are still there.
func TestReplaceKeepsHoldAndDirection(t *testing.T) {
	f := newFeed()
	f.channel(evChannel, "1", "Ringing")
	f.channel(evChannel, "1", "Up")
	f.channel(evHold, "1", "Up")
	f.channel(evChannel, "2", "Ring")
	f.replace(&look{
		endpoints: map[string]bool{"PJSIP/1001": true},
		raw:       map[string]string{"PJSIP/1001": rawInUse, "Custom:DND1001": rawBusy, "Custom:DND1002": rawUnknown},
		channels:  map[string]astChannel{"1": {id: "1", name: "PJSIP/1001-1", state: "Up"}},
	}, f.now)
	all := f.all(f.now)
	if len(all) != 2 || all[0].Name != "Custom:DND1001" || !all[0].DND || all[0].Number != "1001" {
		t.Fatalf("snapshot is %+v, want the flag that was set and the phone", all)
	}
	if c := all[1].Calls; len(c) != 1 || c[0].Phase != device.Held || c[0].Direction != device.Recipient {
		t.Errorf("calls are %+v", c)
	}
}

// A channel that an event brought, changed or ended during a look is as the event said.
func TestEventsWinOverChannelsOfALook(t *testing.T) {
	for _, how := range []string{"replace", "compare"} {
		t.Run(how, func(t *testing.T) {
			f := newFeed()
			f.device("PJSIP/1001", rawInUse)
			f.channel(evChannel, "answered", "Ringing")
			f.channel(evChannel, "ended", "Up")
			f.channel(evChannel, "lost", "Up")
			f.touched = newTouched()
			f.channel(evChannel, "answered", "Up")
			f.channel(evChannel, "new", "Ring")
			f.channel(evEnded, "ended", "Up")
			k := &look{endpoints: map[string]bool{}, raw: map[string]string{}, channels: map[string]astChannel{
				"answered": {id: "answered", name: "PJSIP/1001-answered", state: "Ringing"},
				"ended":    {id: "ended", name: "PJSIP/1001-ended", state: "Up"},
				"missed":   {id: "missed", name: "PJSIP/1001-missed", state: "Up"},
			}}
			if how == "replace" {
				f.replace(k, f.now)
			} else {
				d := f.compare(k, f.now)
				if len(d.channels) != 1 || len(d.gone) != 1 {
					t.Errorf("differences %+v, want missed and lost", d)
				}
				f.repair(d, k, f.now)
			}
			got := map[string]string{}
			for id, l := range f.legs {
				got[id] = l.ast.state
			}
			if want := "map[answered:Up missed:Up new:Ring]"; fmt.Sprint(got) != want {
				t.Errorf("channels are %v, want %s", got, want)
			}
		})
	}
}
