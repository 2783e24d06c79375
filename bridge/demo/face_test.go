package demo

import (
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// phone is a status of 1002 with at most one call per argument.
func phone(s device.State, calls ...device.Call) device.Status {
	return device.Status{Name: "PJSIP/1002", Number: "1002", State: s, Calls: calls}
}

func with(name string, d device.Direction, p device.Phase) device.Call {
	return device.Call{Direction: d, Phase: p, Remote: device.Party{Number: "1", Name: name}}
}

func dndFlag(on bool) device.Status {
	return device.Status{Name: "Custom:DND1002", Kind: device.DNDFlag, Number: "1002", DND: on}
}

// A NOTIFY is charged to the event that it tells of, never to one that this watcher
// could not see, nor to one that was taken back before it was told.
func TestCause(t *testing.T) {
	var (
		idle     = phone(device.Idle)
		dialling = phone(device.Busy, with("Ann", device.Initiator, device.Early))
		talking  = phone(device.Busy, with("Ann", device.Initiator, device.Confirmed))
		holding  = phone(device.Busy, with("Ann", device.Initiator, device.Held))
		ringing  = phone(device.Ringing, with("Ann", device.Recipient, device.Early))
	)
	const yealink, cisco, snom, bria, lobby = 0, 1, 2, 3, 4
	for _, c := range []struct {
		name    string
		watcher int
		told    []device.Status // before the watcher's last NOTIFY; it shows the last of them
		since   []device.Status
		shows   int // which of since the NOTIFY shows
		want    int // which of since it is charged to, -1 for none
	}{
		{"one event", yealink, []device.Status{idle}, []device.Status{ringing}, 0, 0},
		{"merged: the one it looks like", yealink, []device.Status{idle}, []device.Status{ringing, talking}, 1, 1},
		{"the first, with another on its way", yealink, []device.Status{idle}, []device.Status{ringing, talking}, 0, 0},
		{"an answer that only snom tells", yealink, []device.Status{dialling}, []device.Status{talking, idle}, 1, 1},
		{"an answer at snom", snom, []device.Status{dialling}, []device.Status{talking}, 0, 0},
		{"hold and back before it was told", bria, []device.Status{talking}, []device.Status{holding, talking, holding}, 2, 2},
		{"hold at Cisco, which has no word for it", cisco, []device.Status{talking}, []device.Status{holding, idle}, 1, 1},
		{"ringing at a masked watcher", lobby, []device.Status{idle}, []device.Status{ringing, talking}, 1, 1},
		{"DND beside a call at a dialog watcher", yealink, []device.Status{talking}, []device.Status{dndFlag(true), idle}, 1, 1},
		{"DND beside a call at a presence watcher", bria, []device.Status{talking}, []device.Status{dndFlag(true)}, 0, 0},
		{"no event at all", yealink, []device.Status{idle}, nil, -1, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, log, at := &watchers[c.watcher], &lineLog{}, time.Unix(0, 0)
			report := func(s device.Status) {
				at = at.Add(time.Second)
				s.At = at
				log.report(s, true)
			}
			for _, s := range c.told {
				report(s)
			}
			var f follow
			if _, ok := f.cause(w, log, w.face(&log.last)); ok {
				t.Fatal("the first NOTIFY is charged to an event")
			}
			base := len(log.changes)
			for _, s := range c.since {
				report(s)
			}
			seen := w.face(&log.changes[base+c.shows])
			n, ok := f.cause(w, log, seen)
			if ok != (c.want >= 0) || ok && n != base+c.want {
				t.Fatalf("charged to %d (%v), want %d", n-base, ok, c.want)
			}
			if ok && c.want == len(c.since)-1 {
				if n, ok := f.cause(w, log, seen); ok {
					t.Errorf("the next one is charged to %d", n-base)
				}
			}
		})
	}
}

func TestMerged(t *testing.T) {
	const yealink, cisco, lobby = 0, 1, 4
	busy, held, dnd := lamp{state: device.Busy}, lamp{device.Busy, true}, lamp{state: device.DND}
	for _, c := range []struct {
		name string
		at   map[int]lamp
		want lamp
	}{
		{"presence knows DND", map[int]lamp{yealink: busy, cisco: dnd}, dnd},
		{"dialog knows hold", map[int]lamp{yealink: held, cisco: busy}, held},
		{"masked alone", map[int]lamp{lobby: busy}, busy},
		{"nobody", nil, lamp{}},
	} {
		var order []int
		for i := range watchers {
			if _, ok := c.at[i]; ok {
				order = append(order, i)
			}
		}
		if got := merged(len(order), func(i int) (int, lamp) { return order[i], c.at[order[i]] }); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
