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
