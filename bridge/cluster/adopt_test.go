package cluster

import (
	"slices"
	"sync"
	"testing"
	"time"

	"blfbridge/bridge/store"
	"blfbridge/bridge/store/storetest"
)

// letsGo is a Holder that notes what it is told to let go, and which shards are its home.
type letsGo struct {
	Holder
	gone  chan store.Fence
	homes chan []uint16
}

func (h letsGo) LetGo(f store.Fence) { h.gone <- f }
func (h letsGo) Homes(all []uint16)  { h.homes <- slices.Clone(all) }

// TestAdoptionIsHeeded: a replica whose shard another one took over, because it thought it dead,
// drops it when that is told, not at its next beat: this one has no beats. What it holds under a
// later epoch, or loads, is left alone.
func TestAdoptionIsHeeded(t *testing.T) {
	c, r, ctl := alone(t)
	ctx := t.Context()
	ids, err := r.NewShards(ctx, 3, "a")
	if err != nil {
		t.Fatal(err)
	}
	s, holder := c.NewShards(), letsGo{gone: make(chan store.Fence, 10), homes: make(chan []uint16, 10)}
	s.holder = holder
	for i, id := range ids {
		epoch, err := r.Acquire(ctx, id, "a")
		if err != nil {
			t.Fatal(err)
		}
		s.held[id] = held{epoch: epoch, home: true, loaded: i < 2}
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.heed(s.ctx) })
	defer wg.Wait()
	defer s.cancel()
	storetest.Eventually(t, 10*time.Second, "it listens", func() bool { return ctl.Do("PUBLISH", "{blf}:moves:a", "") == ":1" })
	s.takenOver(store.Fence{Shard: ids[0], Epoch: 1}) // its own epoch
	for _, id := range []uint16{ids[2], ids[1]} {
		if e, _, err := r.AcquireFrom(ctx, id, "a", "b"); e != 2 || err != nil {
			t.Fatal(e, err)
		}
	}
	select {
	case f := <-holder.gone:
		if f != (store.Fence{Shard: ids[1], Epoch: 1}) {
			t.Errorf("it let go of %+v", f)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it was not told")
	}
	if homes := <-holder.homes; !slices.Equal(homes, ids[:1]) {
		t.Errorf("its home is %v", homes)
	}
	if s.holds(ids[1]) || !s.holds(ids[0]) || !s.holds(ids[2]) || len(holder.gone) > 0 {
		t.Errorf("it holds %v", s.held)
	}
}
