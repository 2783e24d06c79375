package sipua

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// TestTenantLimiter: a tenant that storms is held to its rate, another is not touched.
func TestTenantLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTenantLimiter(Rate{PerSecond: 10, Burst: 5})
		taken := 0
		for range 1000 { // ten seconds of ten times the rate
			if l.allow("loud") {
				taken++
			}
			time.Sleep(10 * time.Millisecond)
		}
		if taken < 104 || taken > 105 {
			t.Errorf("%d of 1000 were taken, want 5 at once and 10 a second", taken)
		}
		for i := range 5 {
			if !l.allow("quiet") {
				t.Errorf("request %d of the quiet tenant was refused", i)
			}
		}
	})
}

// TestTenantRate: beyond a tenant's rate a SUBSCRIBE gets 503 with Retry-After, over both
// ways; leaving is always allowed.
func TestTenantRate(t *testing.T) {
	for _, long := range []bool{false, true} {
		r := newRig(t, func(c *Config) { c.LongWay, c.Limits.PerTenant = long, Rate{PerSecond: 0.001, Burst: 2} })
		p := r.udpPhone()
		for i, want := range []int{200, 200, 503, 503} {
			res := p.ask(subscribeTo("sip:1001@x.test", p.addr()).String())
			if res.code != want {
				t.Fatalf("long way %v, request %d: got %d, want %d", long, i, res.code, want)
			}
			if n, err := strconv.Atoi(res.get("Retry-After")); want == 503 && (err != nil || n < 5 || n > 7) {
				t.Errorf("Retry-After %q", res.get("Retry-After"))
			}
		}
		leave := subscribeTo("sip:1001@x.test", p.addr()).with("To", "<sip:1001@x.test>;tag=abc").with("Expires", "0")
		if res := p.ask(leave.String()); res.code != 200 {
			t.Errorf("leaving got %d", res.code)
		}
	}
}
