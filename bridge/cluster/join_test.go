package cluster

import (
	"testing"
	"time"

	"blfbridge/bridge/clock"
	"blfbridge/bridge/store"
	"blfbridge/bridge/store/storetest"
)

// TestAgreed: what a replica that comes takes for the time, whoever's clock was set.
func TestAgreed(t *testing.T) {
	const hour, beat = 3_600_000, 1_000
	const at = 100 * hour
	for name, c := range map[string]struct {
		s          stand
		lives      bool
		ours, want int64
	}{
		"nobody was there":                         {stand{}, false, at, at},
		"others live":                              {stand{at: at, then: 5, now: 505}, true, at + 500, at + 500},
		"others live, ours was set forward":        {stand{at: at, then: 5, now: 505}, true, at + hour, at + 500},
		"others live, ours was set back":           {stand{at: at, then: 5, now: 505}, true, at - hour, at + 500},
		"others live, Redis's was set forward":     {stand{at: at, then: 5, now: 5 + hour}, true, at + 500, at + beat},
		"others live, Redis's was set back":        {stand{at: at, then: hour, now: 505}, true, at + 500, at},
		"all were away for an hour":                {stand{at: at, then: 5, now: 5 + hour}, false, at + hour, at + hour},
		"all were away, ours was set forward":      {stand{at: at, then: 5, now: 1005}, false, at + hour, at + 1000},
		"all were away, ours was set back":         {stand{at: at, then: 5, now: 1005}, false, at - hour, at + 1000},
		"all were away, Redis's was set forward":   {stand{at: at, then: 5, now: 5 + hour}, false, at + 1000, at + 1000},
		"all were away, Redis's was set back":      {stand{at: at, then: hour, now: 5}, false, at + 1000, at + 1000},
		"all were away, both were set differently": {stand{at: at, then: hour, now: 5}, false, at - hour, at},
	} {
		if got := agreed(c.s, c.lives, c.ours, beat); got != c.want {
			t.Errorf("%s: %d, not %d", name, got-at, c.want-at)
		}
	}
}

// TestJoin: who comes takes over the time of who lives, and who falls behind catches up.
func TestJoin(t *testing.T) {
	addr, _ := storetest.StartRedis(t)
	replica := func(name string, off time.Duration) *Cluster {
		t.Helper()
		b, err := store.Open(t.Context(), store.Config{Kind: "redis", URLs: []string{"redis://" + addr}})
		if err != nil {
			t.Fatal(err)
		}
		k := clock.New(time.Now())
		k.Set(k.Millis() + off.Milliseconds())
		c := New(Config{Store: b.(*store.Redis), Replica: name, Lease: time.Second, Clock: k})
		t.Cleanup(func() { _ = c.Close(); _ = b.Close() })
		if err := c.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
		return c
	}
	beat := func(c *Cluster) {
		t.Helper()
		if _, err := c.beat(t.Context(), false, State{}); err != nil {
			t.Fatal(err)
		}
	}
	a := replica("A", 0)
	beat(a)
	for name, off := range map[string]time.Duration{"B": time.Hour, "C": -time.Hour} {
		b := replica(name, off)
		beat(b)
		if d := b.clock.Millis() - a.clock.Millis(); d < -400 || d > 400 {
			t.Errorf("%s came with its clock off by %v and says %d ms more than the others", name, off, d)
		}
	}
	// As one whose machine slept.
	a.clock.Set(a.clock.Millis() - time.Hour.Milliseconds())
	beat(a)
	if d := time.Now().UnixMilli() - a.clock.Millis(); d > 400 {
		t.Errorf("A slept for an hour and is %d ms behind after it told that it lives", d)
	}
}
