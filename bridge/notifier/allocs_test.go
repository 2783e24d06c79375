package notifier

import "testing"

// TestAllocationsPerNotify holds the bar of garbage: what a NOTIFY and its 200 allocate, by
// count, once the buffers are there.
func TestAllocationsPerNotify(t *testing.T) {
	for _, c := range []struct {
		watchers int
		most     float64
	}{{1, 2}, {50, 0.2}, {1000, 0.05}} {
		f := newFanOut(c.watchers)
		for range 4 {
			f.move()
		}
		before := f.w.bytes.Load()
		each := testing.AllocsPerRun(20, f.move) / float64(c.watchers)
		if sent := f.w.bytes.Load() - before; sent < int64(20*c.watchers*400) {
			t.Fatalf("%d watchers: only %d bytes were sent", c.watchers, sent)
		}
		if each > c.most {
			t.Errorf("%d watchers: %.3f allocations for each NOTIFY, want at most %.3f", c.watchers, each, c.most)
		} else {
			t.Logf("%d watchers: %.3f allocations for each NOTIFY", c.watchers, each)
		}
	}
}
