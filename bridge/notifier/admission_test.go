package notifier

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/store"
)

// queue is a committer with a disk of its own: what is submitted waits its turn.
type queue struct {
	perSecond int64
	free      time.Time
}

func (*queue) Away() bool { return false }

func (q *queue) Submit(deltas []store.Delta, _ []store.LampDelta, ack func(error)) {
	q.free = later(q.free, time.Now()).Add(time.Duration(len(deltas)) * time.Second / time.Duration(q.perSecond))
	time.AfterFunc(time.Until(q.free), func() { ack(nil) })
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// flood is a notifier that can grant so many subscriptions a second, under so many times as
// many SUBSCRIBEs for a while.
type flood struct {
	granted, refused int
	longest          time.Duration // that a SUBSCRIBE waited for its 200
	most             int           // that waited at once
}

func floods(t *testing.T, capacity, times int, d time.Duration) (f flood) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Loops: 1}, func(n *Notifier) { n.committer = &queue{perSecond: int64(capacity)} })
		defer r.stop()
		const tick = 10 * time.Millisecond
		end := time.Now().Add(d)
		for i := 0; time.Now().Before(end); time.Sleep(tick) {
			for range capacity * times / int(time.Second/tick) {
				began := time.Now()
				i++
				s := r.subscribing(fmt.Sprint("c", i), fmt.Sprint(i%100), 1, time.Hour)
				s.Answer = func(a Answer) {
					switch {
					case a.Status != 200:
						f.refused++
						if a.RetryAfter < 5*time.Second || a.RetryAfter > 15*time.Second {
							t.Errorf("come again after %v", a.RetryAfter)
						}
					case time.Now().Before(end):
						f.granted++
						f.longest = max(f.longest, time.Since(began))
					}
				}
				r.n.Subscribe(s)
			}
			synctest.Wait()
			for _, m := range r.w.take() {
				r.reply(m, 200)
			}
			f.most = max(f.most, r.n.Waiting())
		}
		// What waits is granted still.
		time.Sleep(time.Minute)
		if n := r.n.Waiting(); n != 0 {
			t.Errorf("%d wait for ever", n)
		}
	})
	return f
}

// TestAdmission: a notifier whose store is slow grants under ten times the load what it
// grants under what it can take, nobody waits long, and what waits is bounded.
func TestAdmission(t *testing.T) {
	const capacity, d = 400, 20 * time.Second
	one, ten := floods(t, capacity, 1, d), floods(t, capacity, 10, d)
	t.Logf("offered once: %+v; ten times: %+v", one, ten)
	if one.refused != 0 || one.granted < capacity*int(d/time.Second)*9/10 {
		t.Errorf("at the load that it can take: %+v", one)
	}
	if ten.granted < one.granted*8/10 {
		t.Errorf("%d are granted under ten times the load, %d under one", ten.granted, one.granted)
	}
	if ten.most > mostWaiting+1 || ten.longest > 10*time.Second {
		t.Errorf("under ten times the load %d wait, up to %v", ten.most, ten.longest)
	}
}
