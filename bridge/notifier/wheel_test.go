package notifier

import (
	"math/rand/v2"
	"testing"
)

// TestWheelAgainstList compares the wheel with a plain list over random sets and steps.
func TestWheelAgainstList(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		now := rnd.Int64N(1 << 41)
		w := newWheel(now)
		due := map[uint64]int64{} // ref → milliseconds
		var ref uint64
		for range 300 {
			if rnd.IntN(3) > 0 {
				at := now + rnd.Int64N(1<<rnd.IntN(34)) - 20
				ref++
				w.set(at, ref)
				due[ref] = at
			} else {
				if at, ok := w.next(); ok {
					for r, d := range due {
						if d < at-wheelTick && d > now {
							t.Fatalf("seed %d: next says %d, but %d is due at %d", seed, at, r, d)
						}
					}
				} else if len(due) > 0 {
					t.Fatalf("seed %d: next says nothing, %d are set", seed, len(due))
				}
				now += rnd.Int64N(1 << rnd.IntN(34))
				w.advance(now, func(r uint64) {
					at, ok := due[r]
					if !ok {
						t.Fatalf("seed %d: %d fired twice", seed, r)
					}
					if at > now {
						t.Fatalf("seed %d: %d fired %d ms early", seed, r, at-now)
					}
					delete(due, r)
				})
				for r, at := range due {
					if at <= now-wheelTick {
						t.Fatalf("seed %d: %d is late by %d ms", seed, r, now-at)
					}
				}
			}
		}
	}
}

// TestWheelFireSets: a timer that fires may set another one for the same moment.
func TestWheelFireSets(t *testing.T) {
	w := newWheel(0)
	w.set(100, 1)
	var got []uint64
	w.advance(1000, func(ref uint64) {
		got = append(got, ref)
		if ref < 3 {
			w.set(50, ref+1)
		}
	})
	if len(got) != 3 {
		t.Fatalf("fired %v, want 1 2 3", got)
	}
}
