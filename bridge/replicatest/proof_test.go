package replicatest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// proofs are scenarios that hold because of one thing each, which a build tag leaves out.
var proofs = []struct {
	without string
	play    func(f *Fleet)
}{
	{"norepair", missedEntries},
	{"noreservation", manyNumbers},
	{"nofencing", lateWrites},
}

// crowd is a fleet with phones on datagrams alone at every replica.
func crowd(t T, tags string) *Fleet {
	f := New(t, Config{Tags: tags, Lines: 6})
	for i := range 18 {
		f.Watch(f.Numbers[i%6], f.Replicas[i/6], false)
	}
	f.AllRight(5 * time.Second)
	return f
}

// missedEntries: a follower misses entries of the feed, and learns it from their numbers.
func missedEntries(f *Fleet) {
	r := f.Others(f.Holder())[0]
	r.Pause()
	for _, n := range f.Numbers {
		f.PBX.Set(n, device.Busy)
	}
	time.Sleep(f.Config.Lease / 5)
	if err := f.Redis.XTrimMaxLen(context.Background(), FeedKey, 0).Err(); err != nil {
		f.T.Fatal(err)
	}
	r.Resume()
	f.PBX.Set(f.Numbers[0], device.Idle)
	f.AllRight(2*f.Config.Lease + time.Second)
}

// manyNumbers: phones were told a lot, and then by who took over, with higher numbers.
func manyNumbers(f *Fleet) {
	for range 5 {
		flips(f, device.Busy, 2*time.Second)
		flips(f, device.Idle, 2*time.Second)
	}
	f.Holder().Kill()
	flips(f, device.Ringing, gone(f.Config.Lease))
}

// lateWrites: what a replica writes after others took its shards over must not come into the
// store, or who takes over next begins with numbers that were used.
func lateWrites(f *Fleet) {
	r := f.Replicas[0]
	r.Redis.Cut(true)
	for _, w := range f.Watchers() {
		if w.Home() == r {
			w.wg.Go(func() { _ = w.Sub().Refresh(context.Background(), 600) }) // the store is away: granted late, if at all
		}
	}
	f.PBX.Set(f.Numbers[0], device.Busy)
	time.Sleep(3 * f.Config.Lease)
	for range 5 {
		flips(f, device.Ringing, gone(f.Config.Lease))
		flips(f, device.Busy, 2*time.Second)
	}
	r.Redis.Cut(false)
	time.Sleep(2 * f.Config.Lease)
	f.Replicas[1].Kill()
	flips(f, device.Idle, gone(f.Config.Lease))
	for _, w := range f.Watchers() {
		if b := w.Breaches(); len(b) > 0 {
			f.T.Fatalf("%v: %s", w, b[0])
		}
		_, from := w.Stale()
		for _, name := range from {
			if name != r.Name {
				f.T.Fatalf("%v: replica %s sends what is too old\n%s", w, name, f.Story(w, time.Now(), 20*time.Second))
			}
		}
	}
}

// proofTries is how often a scenario is played at most until it fails: on a machine that does
// much else what was paused may be taken for dead, and then begins anew, which repairs it.
const proofTries = 3

// TestProofs: with fencing, the reservation of numbers or the repair of gaps left out, the
// scenario that needs it fails; with all of them it holds.
func TestProofs(t *testing.T) {
	for _, p := range proofs {
		t.Run(p.without, func(t *testing.T) {
			t.Parallel()
			var said bytes.Buffer
			if err := Stage(&said, func(st T) { p.play(crowd(st, "")) }); err != nil {
				t.Errorf("with all that it needs: %v\n%s", err, said.String())
			}
			var err error
			for try := 0; err == nil && try < proofTries; try++ {
				said.Reset()
				err = Stage(&said, func(st T) { p.play(crowd(st, p.without)) })
			}
			if !errors.Is(err, ErrFailed) {
				t.Errorf("built %s it holds: %v\n%s", p.without, err, said.String())
			}
			if bytes.Contains(said.Bytes(), []byte("building the program")) || bytes.Contains(said.Bytes(), []byte("to serve")) {
				t.Errorf("it failed for another reason:\n%s", said.String())
			}
		})
	}
}
