package trunk

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/notifier"
)

// fetch asks once; done counts how often it was told to go on.
func (w *world) fetch(number string) (wait bool, done *atomic.Int32) {
	w.t.Helper()
	d := w.decided(user, number)
	done = new(atomic.Int32)
	wait = w.s.Fetch(notifier.Watch{Key: compositor.Key{Line: d.Line}, Route: d.Route, Watcher: user}, func() { done.Add(1) })
	synctest.Wait()
	return wait, done
}

// TestFetch: nobody watches the line, so the other server is asked; the first NOTIFY
// answers, and those who ask within the linger are answered from what is known.
func TestFetch(t *testing.T) {
	inWorld(t, func(w *world) {
		wait, done := w.fetch("9123")
		_, second := w.fetch("9123")
		if !wait {
			t.Fatal("did not wait")
		}
		sub := w.one(a)
		w.accept(sub)
		if done.Load() != 0 {
			t.Fatal("went on before the state was known")
		}
		w.notify(sub, 1, "active;expires=300", info(0, "confirmed"))
		if done.Load() != 1 || second.Load() != 1 {
			t.Errorf("told %d and %d times", done.Load(), second.Load())
		}
		w.shows("9123", "busy")
		if wait, _ := w.fetch("9123"); wait {
			t.Error("waits for what is known")
		}
		w.pass(5*time.Second - time.Millisecond)
		w.none()
		w.pass(time.Millisecond)
		if end := w.one(a); end.header("Expires") != "0" {
			t.Errorf("%s", end.raw)
		}
		w.pass(time.Minute)
		if done.Load() != 1 {
			t.Errorf("told %d times", done.Load())
		}
	})
}

// TestFetchInVain: a server that says nothing, and one that has accepted and says nothing,
// keep nobody waiting for more than two seconds; a refusal not even that.
func TestFetchInVain(t *testing.T) {
	for _, c := range []struct {
		what  string
		hands func(w *world, sub sent)
		least time.Duration
	}{
		{"silent", func(*world, sent) {}, fetchTime},
		{"accepts", func(w *world, sub sent) { w.accept(sub) }, fetchTime},
		{"refuses", func(w *world, sub sent) { w.answer(sub, 404) }, 0},
	} {
		inWorld(t, func(w *world) {
			_, done := w.fetch("9123")
			c.hands(w, w.one(a))
			if c.least > 0 {
				w.pass(c.least - time.Millisecond)
				if done.Load() != 0 {
					t.Errorf("%s: went on too early", c.what)
				}
				w.pass(time.Millisecond)
			}
			if done.Load() != 1 {
				t.Errorf("%s: told %d times", c.what, done.Load())
			}
			if l := w.lamps["9123"]; l.State != device.Unknown {
				t.Errorf("%s: shows %v", c.what, l.State)
			}
		})
	}
}

// TestFetchAtTheEnd: a stop keeps nobody waiting.
func TestFetchAtTheEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		_, done := w.fetch("9123")
		w.clear()
		w.stop()
		if done.Load() != 1 {
			t.Errorf("told %d times", done.Load())
		}
		if wait, _ := w.fetch("9123"); wait {
			t.Error("waits for who has stopped")
		}
	})
}
