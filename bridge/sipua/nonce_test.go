package sipua

import (
	"testing"
	"time"
)

// TestNonceElsewhere: a nonce of another process with the same secret holds for 32 s, and each
// count once.
func TestNonceElsewhere(t *testing.T) {
	secret := make([]byte, 32)
	a, b, other := newNonces(secret), newNonces(secret), newNonces(nil)
	now := time.Now()
	nonce := a.issue("pbx.test", now)
	for _, c := range []struct {
		who  string
		at   *nonces
		late time.Duration
		want nonceState
	}{
		{"its own", a, 31 * time.Second, nonceGood},
		{"its own", a, 33 * time.Second, nonceGood},
		{"its own", a, nonceAge + time.Second, nonceStale},
		{"another", b, 31 * time.Second, nonceGood},
		{"another", b, 33 * time.Second, nonceStale},
		{"one with another secret", other, 0, nonceForged},
	} {
		if _, got := c.at.check(nonce, "pbx.test", now.Add(c.late)); got != c.want {
			t.Errorf("%s after %v: %v, not %v", c.who, c.late, got, c.want)
		}
	}
	id, _ := b.check(nonce, "pbx.test", now)
	if !b.count(id, 1, now) || b.count(id, 1, now) || !b.count(id, 2, now) {
		t.Error("a count must hold once at each process")
	}
}
