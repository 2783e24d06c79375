package bridge

import (
	"testing"
	"time"

	"blfbridge/policy"
)

// TestPINGuard: three are free, then each further one costs twice as long, to a bound.
func TestPINGuard(t *testing.T) {
	var g pinGuard
	now := time.Unix(1_800_000_000, 0)
	a, b := policy.PhoneRef{Tenant: "t", Phone: "A"}, policy.PhoneRef{Tenant: "t", Phone: "B"}
	for i, want := range []time.Duration{0, 0, 0, 5 * time.Second, 10 * time.Second, 20 * time.Second} {
		if got := g.wait(a, now); got != want {
			t.Errorf("after %d wrong ones: %v, want %v", i, got, want)
		}
		now = now.Add(want)
		if got := g.wait(a, now); got != 0 {
			t.Errorf("after waiting: %v", got)
		}
		g.tried(a, false, now)
	}
	for range 100 {
		g.tried(a, false, now)
	}
	if got := g.wait(a, now); got != longestWait {
		t.Errorf("%v is the longest wait, want %v", got, longestWait)
	}
	if got := g.wait(b, now); got != 0 {
		t.Errorf("another phone waits %v", got)
	}
	if got := g.wait(a, now.Add(forgetPINs+time.Second)); got != 0 {
		t.Errorf("an hour later: %v", got)
	}
	g.tried(a, true, now)
	if got := g.wait(a, now); got != 0 || len(g.tries) != 0 {
		t.Errorf("after a good one: %v", got)
	}
}
