package replicatest

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// TestMovedAtChange: phones refresh at another replica in the very moment in which their
// lines change, many times. The replica that they left has dropped them before the other one
// tells them anything, so that no phone hears of it what is too old; and the change is not lost.
func TestMovedAtChange(t *testing.T) {
	t.Parallel()
	f := New(t, Config{Lines: 6})
	for i := range 18 {
		f.Watch(f.Numbers[i%6], f.Replicas[i%3], false)
	}
	f.AllRight(5 * time.Second)
	states := []device.State{device.Ringing, device.Busy, device.Idle}
	for round := range 60 {
		var wg sync.WaitGroup
		for _, w := range f.Watchers() {
			w.GoTo(f.another(w.Home()))
			wg.Go(func() {
				if err := w.Refresh(t.Context()); err != nil {
					w.fault("%v", err)
				}
			})
		}
		for i, n := range f.Numbers {
			time.Sleep(rand.N(2 * time.Millisecond))
			f.PBX.Set(n, states[(round+i)%3])
		}
		wg.Wait()
		f.AllRight(2 * time.Second)
	}
	f.Judge()
}

// TestBackBeforeHeard: a phone refreshes at another replica and then at the first one again,
// which has not heard yet that it lost the subscription. It finds out when it writes it, and
// takes it back before it answers: what it grants is not only in its memory.
func TestBackBeforeHeard(t *testing.T) {
	t.Parallel()
	f := New(t, Config{Lines: 1, Replicas: 2, Lease: 3 * time.Second})
	a, b := f.Replicas[0], f.Replicas[1]
	w := f.Watch(f.Numbers[0], a, false)
	for round := range 5 {
		a.Redis.Delay(100 * time.Millisecond)
		for _, r := range []*Replica{b, a} {
			w.GoTo(r)
			if err := w.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		a.Redis.Delay(0)
		time.Sleep(200 * time.Millisecond) // what was delayed has come
		f.PBX.Set(f.Numbers[0], []device.State{device.Ringing, device.Busy, device.Idle}[round%3])
		f.AllRight(2 * time.Second)
		w.mu.Lock()
		last := w.heard[len(w.heard)-1]
		w.mu.Unlock()
		if last.From != a.Name {
			t.Errorf("round %d: replica %s tells the phone, which asked %s last\n%s", round, last.From, a.Name, f.Story(w, last.At, 5*time.Second))
		}
	}
	f.Judge()
}
