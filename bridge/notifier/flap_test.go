package notifier

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/device"
)

// TestFlapping: a line changes a hundred times a second for ten seconds. Each of its
// watchers is told as fast as its phone answers, never of two changes at once, without a
// version left out, and in the end of the last one; what waits for it is one entry.
func TestFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Loops: 2})
		defer r.stop()
		// How long each phone takes to answer; the last one loses every other NOTIFY.
		takes := []time.Duration{0, 5 * time.Millisecond, 80 * time.Millisecond, time.Second, 0}
		const loses = 4
		for i := range takes {
			r.subscribe(fmt.Sprint(i), "101", 1, time.Hour, phoneAt("", "10.0.0.1:5060"))
		}
		type phone struct {
			told, version, copies int
			shows                 string
		}
		phones := make([]phone, len(takes))
		var later []func()
		var at []time.Time
		turn := func() {
			synctest.Wait()
			for msgs := r.w.take(); len(msgs) > 0; msgs = r.w.take() {
				for _, m := range msgs {
					i, _ := strconv.Atoi(find(callRE, m))
					p := &phones[i]
					if p.copies++; i == loses && p.copies%2 == 1 {
						continue
					}
					v, _ := strconv.Atoi(find(versionRE, m))
					if v == p.version-1 {
						continue // sent again, since this phone takes its time
					}
					if v != p.version {
						t.Fatalf("phone %d: version %d, want %d", i, v, p.version)
					}
					p.version++
					p.told++
					p.shows = find(stateRE, m)
					if takes[i] == 0 {
						r.reply(m, 200)
						continue
					}
					later = append(later, func() { r.reply(m, 200) })
					at = append(at, time.Now().Add(takes[i]))
				}
			}
			for j := 0; j < len(later); {
				if time.Now().Before(at[j]) {
					j++
					continue
				}
				answer := later[j]
				later, at = append(later[:j:j], later[j+1:]...), append(at[:j:j], at[j+1:]...)
				answer()
			}
		}
		const changes = 1000
		turn()
		for i := range changes {
			r.p.set("101", []device.State{device.Ringing, device.Busy}[i%2])
			for range 2 {
				time.Sleep(5 * time.Millisecond)
				turn()
			}
		}
		for range 1000 {
			time.Sleep(5 * time.Millisecond)
			turn()
		}
		for i, most := range []int{changes + 1, changes + 1, 130, 13, 22} {
			if p := phones[i]; p.shows != "confirmed" || p.told > most || p.told < 5 {
				t.Errorf("phone %d, which answers after %v, was told %d times, at most %d, and shows %q", i, takes[i], p.told, most, p.shows)
			}
		}
		if phones[0].told < changes {
			t.Errorf("a phone that answers at once missed %d changes", changes-phones[0].told)
		}
		for _, l := range r.n.loops {
			if len(l.pace.changed)+len(l.pace.waits) > 0 {
				t.Errorf("%d changes wait", len(l.pace.changed))
			}
		}
	})
}
