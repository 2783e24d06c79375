package replicatest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// fleet has phones at each replica, some over TCP, that watch the first lines.
func fleet(t *testing.T, c Config) *Fleet {
	t.Helper()
	f := New(t, c)
	for i, r := range f.Replicas {
		for j := range 6 {
			f.Watch(f.Numbers[(i+j)%len(f.Numbers)], r, j == 5)
		}
	}
	f.AllRight(5 * time.Second)
	return f
}

// flips changes every line, and waits until every lamp is right.
func flips(f *Fleet, s device.State, most time.Duration) {
	f.T.Helper()
	for _, n := range f.Numbers {
		f.PBX.Set(n, s)
	}
	f.AllRight(most)
}

// TestKilled: kill -9 of the replica that holds the PBX's feed.
func TestKilled(t *testing.T) {
	t.Parallel()
	f := fleet(t, Config{})
	flips(f, device.Ringing, 2*time.Second)
	dead := f.Holder()
	f.Mark("replica %s is killed", dead.Name)
	dead.Kill()
	flips(f, device.Busy, 6*time.Second)
	f.Judge()
	if h := f.Holder(); h == dead {
		t.Error("the dead one holds the feed")
	}
	f.Mark("replica %s is back", dead.Name)
	dead.Start()
	dead.Ready()
	flips(f, device.Idle, 2*time.Second)
	f.Judge()
}

// TestPaused: SIGSTOP of the holder for longer than its lease, and SIGCONT.
func TestPaused(t *testing.T) {
	t.Parallel()
	f := fleet(t, Config{})
	flips(f, device.Ringing, 2*time.Second)
	r := f.Holder()
	f.Mark("replica %s is paused", r.Name)
	r.Pause()
	flips(f, device.Busy, 8*time.Second)
	f.Mark("replica %s goes on", r.Name)
	r.Resume()
	flips(f, device.Idle, 2*time.Second)
	flips(f, device.Ringing, 2*time.Second)
	f.Judge(r)
	counted(f, r)
}

// counted: what phones refused of a replica because it came too late, that replica counts, as
// soon as it knows why; or as answers to nothing, if it had dropped the subscriptions by then.
func counted(f *Fleet, r *Replica) {
	f.T.Helper()
	Eventually(f.T, gone(f.Config.Lease), "what was refused to be counted", func() error {
		refused := 0
		for _, w := range f.Watchers() {
			_, from := w.Stale()
			for _, name := range from {
				if name == r.Name {
					refused++
				}
			}
		}
		stale, ok := r.Metric("blfbridge_notify_stale_total")
		strays, _ := r.Metric("blfbridge_notify_stray_answers_total")
		if !ok || stale > float64(refused) || refused > 0 && stale+strays == 0 {
			return fmt.Errorf("phones refused %d NOTIFYs of replica %s that came too late, and it counts %v, and %v answers to nothing", refused, r.Name, stale, strays)
		}
		f.T.Logf("phones refused %d NOTIFYs of replica %s that came too late, and it counts %v", refused, r.Name, stale)
		return nil
	})
}

// TestPausedWhileAsked: SIGSTOP while a phone's refresh is on its way over a connection. The
// phone ends the connection, and with it the refresh; it asks another replica, and the one that
// goes on does not take the subscription back: it has no way to the phone.
func TestPausedWhileAsked(t *testing.T) {
	t.Parallel()
	f := fleet(t, Config{})
	flips(f, device.Ringing, 2*time.Second)
	r := f.Holder()
	f.Mark("replica %s is paused", r.Name)
	r.Pause()
	var asked sync.WaitGroup
	for _, w := range f.Watchers() {
		if w.Home() == r && w.TCP {
			asked.Go(func() {
				if err := w.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	flips(f, device.Busy, gone(f.Config.Lease))
	asked.Wait()
	f.Mark("replica %s goes on", r.Name)
	r.Resume()
	flips(f, device.Idle, 2*time.Second)
	time.Sleep(2 * f.Config.Lease) // what it takes back, it has by then
	flips(f, device.Ringing, 2*time.Second)
	f.Judge(r)
}
