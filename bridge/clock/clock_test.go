package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestClock: it runs on from where it was set, and goes back only if it is set.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := New(began)
		says := func(want time.Duration) {
			t.Helper()
			if got := c.Now().Sub(began); got != want {
				t.Errorf("it says %v, not %v", got, want)
			}
		}
		time.Sleep(time.Second)
		says(time.Second)
		c.Reach(began.Add(time.Hour).UnixMilli())
		says(time.Hour)
		c.Reach(began.UnixMilli())
		says(time.Hour)
		time.Sleep(time.Minute)
		says(time.Hour + time.Minute)
		if at := c.Stored(time.Now().Add(time.Second)); at.Sub(began) != time.Hour+time.Minute+time.Second {
			t.Errorf("a second from now is stored as %v", at.Sub(began))
		} else if in := time.Until(c.Local(at)); in != time.Second {
			t.Errorf("and read as %v from now", in)
		}
		c.Set(began.UnixMilli())
		says(0)
	})
}
