package replicatest

import (
	"strconv"
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// TestUnreached: the holder of the feed is cut off from the PBX, and it alone. Another replica
// takes the feed over. With the PBX down for all the feed is passed on, ever more seldom.
func TestUnreached(t *testing.T) {
	t.Parallel()
	f := fleet(t, Config{Grace: 2 * time.Minute})
	flips(f, device.Ringing, 2*time.Second)
	r := f.Holder()
	f.Mark("replica %s is cut from the PBX", r.Name)
	r.PBX.Cut(true)
	r.PBX.Reset()
	flips(f, device.Busy, 8*time.Second) // 3 s until it gives up, and what connecting takes
	if h := f.Holder(); h == r {
		t.Fatalf("replica %s holds the feed, and does not reach the PBX", r.Name)
	}
	_, before := feedLease(f)
	time.Sleep(8 * time.Second)
	flips(f, device.Idle, 2*time.Second)
	if _, now := feedLease(f); now != before {
		t.Errorf("the feed went from token %s to %s, and its holder reaches the PBX", before, now)
	}
	f.Judge()

	f.Mark("the PBX is cut from all")
	for _, r := range f.Replicas {
		r.PBX.Cut(true)
		r.PBX.Reset()
	}
	const down = 40 * time.Second
	time.Sleep(down)
	_, now := feedLease(f)
	was, _ := strconv.Atoi(before)
	is, _ := strconv.Atoi(now)
	// Three replicas hold it for 3, 6 and 12 s each.
	if n := is - was; n < 2 || n > 7 {
		t.Errorf("the feed was passed on %d times in %v", n, down)
	}
	for _, r := range f.Replicas {
		r.PBX.Cut(false)
	}
	flips(f, device.Ringing, 20*time.Second)
	f.Judge()
	f.Tidy(15 * time.Second)
}
