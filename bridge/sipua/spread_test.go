package sipua

import (
	"strconv"
	"testing"
	"time"
)

// TestSpread: what is granted in a storm is shorter, differs, and keeps to its bounds.
func TestSpread(t *testing.T) {
	l := lifetimes{min: time.Minute, max: time.Hour, absent: time.Hour}
	seen := map[time.Duration]bool{}
	for range 1000 {
		d := l.spread(time.Hour)
		if seen[d] = true; d < 30*time.Minute || d > time.Hour || d%time.Second != 0 {
			t.Fatalf("an hour became %v", d)
		}
		if d := l.spread(80 * time.Second); d < time.Minute || d > 80*time.Second {
			t.Fatalf("80 s became %v", d)
		}
	}
	if len(seen) < 300 {
		t.Errorf("only %d different lifetimes of 1000", len(seen))
	}
	if l.spread(time.Minute) != time.Minute || l.spread(0) != 0 {
		t.Error("the minimum was shortened")
	}
}

// TestSpreadUnderLoad: the lifetimes are whole until half of the common burst is used up.
func TestSpreadUnderLoad(t *testing.T) {
	const burst = 200
	r := newRig(t, func(c *Config) {
		c.Limits.PerSource, c.Limits.Total = Rate{PerSecond: -1}, Rate{PerSecond: 0.001, Burst: burst}
	})
	p := r.udpPhone()
	shortened := 0
	for i := range burst {
		res := p.ask(subscribeTo("sip:1001@x.test", p.addr()).String())
		n, err := strconv.Atoi(res.get("Expires"))
		if err != nil || res.code != 200 || n < 300 || n > 600 {
			t.Fatalf("request %d: %d with Expires %q", i, res.code, res.get("Expires"))
		}
		if i < burst/2 && n != 600 {
			t.Fatalf("request %d: shortened to %d without need", i, n)
		}
		if n < 600 {
			shortened++
		}
	}
	if shortened < burst/2-10 {
		t.Errorf("only %d of %d were shortened in the storm", shortened, burst/2)
	}
}

// TestSpreadBeyondCalm: what begins beyond the calm rate is granted for less, without any
// limit being set; refreshes keep what they ask for.
func TestSpreadBeyondCalm(t *testing.T) {
	const calm, more = 20, 40
	r := newRig(t, func(c *Config) {
		c.Limits.PerSource, c.Limits.Total, c.Limits.Calm = Rate{PerSecond: -1}, Rate{PerSecond: -1}, Rate{PerSecond: 0.001, Burst: calm}
	})
	p := r.udpPhone()
	shortened := 0
	for i := range calm + more {
		n, err := strconv.Atoi(p.ask(subscribeTo("sip:1001@x.test", p.addr()).String()).get("Expires"))
		if err != nil || n < 300 || n > 600 || i < calm && n != 600 {
			t.Fatalf("request %d is granted %d s", i, n)
		}
		if n < 600 {
			shortened++
		}
	}
	if shortened < more-10 {
		t.Errorf("only %d of %d were shortened in the storm", shortened, more)
	}
	refresh := subscribeTo("sip:1001@x.test", p.addr()).with("To", "<sip:1001@x.test>;tag=lt")
	if got := p.ask(refresh.String()).get("Expires"); got != "600" {
		t.Errorf("a refresh is granted %s s", got)
	}
}
