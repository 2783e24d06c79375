package reconnect

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// The ceilings double from Min to Max and stay there; every delay lies under its own.
func TestNextStaysUnderDoublingCeiling(t *testing.T) {
	ceilings := []time.Duration{100, 200, 400, 800, 1000, 1000, 1000}
	highest := make([]time.Duration, len(ceilings))
	for range 2000 {
		b := Backoff{Min: 100, Max: 1000}
		for i, c := range ceilings {
			d := b.Next()
			if d <= 0 || d > c {
				t.Fatalf("delay %d is %d, want in (0, %d]", i, d, c)
			}
			highest[i] = max(highest[i], d)
		}
	}
	for i, c := range ceilings {
		if highest[i] < c*9/10 {
			t.Errorf("delay %d never went above %d of %d: not full jitter", i, highest[i], c)
		}
	}
}

func TestResetStartsOver(t *testing.T) {
	b := Backoff{Min: 10, Max: time.Hour}
	for range 20 {
		b.Next()
	}
	b.Reset()
	if d := b.Next(); d > 10 {
		t.Errorf("after Reset the delay is %d, want at most Min (10)", d)
	}
}

func TestOddBounds(t *testing.T) {
	for _, tc := range []struct {
		name   string
		b      Backoff
		lo, hi time.Duration
	}{
		{"zero value", Backoff{}, DefaultMin, DefaultMax},
		{"negative", Backoff{Min: -1, Max: -1}, DefaultMin, DefaultMax},
		{"max below min", Backoff{Min: time.Minute, Max: time.Second}, time.Minute, time.Minute},
		{"huge", Backoff{Min: 1 << 62, Max: 1<<63 - 1}, 1 << 62, 1<<63 - 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := tc.b
			if d := b.Next(); d <= 0 || d > tc.lo {
				t.Errorf("first delay %v, want in (0, %v]", d, tc.lo)
			}
			for range 100 {
				if d := b.Next(); d <= 0 || d > tc.hi {
					t.Fatalf("delay %v, want in (0, %v]", d, tc.hi)
				}
			}
		})
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := Backoff{Min: time.Minute, Max: time.Minute}
		start := time.Now()
		if err := b.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d <= 0 || d > time.Minute {
			t.Errorf("waited %v, want in (0, 1m]", d)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start = time.Now()
		if err := Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) || time.Since(start) != 0 {
			t.Errorf("Sleep on a cancelled context: %v after %v", err, time.Since(start))
		}
	})
}
