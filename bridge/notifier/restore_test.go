package notifier

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/store"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// home is a store in which several notifiers live, one after the other or at once.
type home struct {
	t *testing.T
	b store.Backend
}

func newHome(t *testing.T) *home {
	b, err := store.Open(t.Context(), store.Config{Kind: "bolt", Path: t.TempDir() + "/blf.db"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return &home{t, b}
}

// open starts a notifier; crash ends it without a word to the store.
func (h *home) open(c Config, before ...func(*Notifier)) (r *rig, crash func()) {
	h.t.Helper()
	com := store.NewCommitter(h.b, store.CommitterConfig{})
	c.Backend, c.Committer = h.b, com
	r = newRig(h.t, c, before...)
	<-r.n.Ready()
	synctest.Wait()
	return r, func() {
		dead, cancel := context.WithCancel(context.Background())
		cancel()
		_ = com.Close(dead)
		r.stop()
	}
}

// stored are the records in the store.
func (h *home) stored() (out []subscription.Record) {
	h.t.Helper()
	synctest.Wait()
	for id := range uint16(store.Shards) {
		err := h.b.Load(h.t.Context(), id, func(_ string, value []byte) error {
			rec, err := subscription.Decode(value)
			out = append(out, rec)
			return err
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
	return out
}

func (h *home) want(n int) []subscription.Record {
	h.t.Helper()
	got := h.stored()
	if len(got) != n {
		h.t.Fatalf("%d subscriptions in the store, want %d", len(got), n)
	}
	return got
}

// TestNarrowedViewSurvives: what a policy change hid stays hidden after a crash.
func TestNarrowedViewSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		r, crash := h.open(Config{})
		r.subscribe("c1", "101", 1, time.Hour)
		r.reply(r.want("active v=0 terminated"), 200)
		r.reauthorize(policy.Decision{Outcome: policy.Allowed, View: policy.ViewState})
		time.Sleep(time.Second)
		if v := h.want(1)[0].View; v != policy.ViewState {
			t.Errorf("the store says view %d", v)
		}
		crash()
	})
}

// TestPolicyChangedBetweenRuns: a restored subscription is decided before it is told anything.
func TestPolicyChangedBetweenRuns(t *testing.T) {
	for _, c := range []struct {
		decision policy.Decision
		want     string
		stored   int
	}{
		{policy.Decision{Outcome: policy.Unavailable}, "active v=65792 early", 1},
		{policy.Decision{Outcome: policy.Allowed, View: policy.ViewState}, "active v=65792 terminated", 1},
		{policy.Decision{Outcome: policy.Refused}, "terminated;reason=rejected v= ", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newHome(t)
			r, crash := h.open(Config{})
			r.subscribe("c1", "101", 1, time.Hour)
			r.reply(r.want("active v=0 terminated"), 200)
			crash()
			r, crash = h.open(Config{Decide: func(Standing) policy.Decision { return c.decision }}, func(n *Notifier) {
				n.lamps.(*lamps).n = n
				n.lamps.(*lamps).set("101", device.Ringing)
			})
			defer crash()
			r.reply(r.want(c.want), 200)
			h.want(c.stored)
		})
	}
}

// TestExpiredBetweenRuns: what ran out while no process was there is told so, unless that
// was long ago, and the store is rid of it.
func TestExpiredBetweenRuns(t *testing.T) {
	for _, away := range []time.Duration{2 * time.Minute, 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			h := newHome(t)
			r, crash := h.open(Config{})
			r.subscribe("c1", "101", 1, time.Minute)
			r.reply(r.want("active v=0 terminated"), 200)
			crash()
			h.want(1)
			time.Sleep(away)
			r, crash = h.open(Config{})
			defer crash()
			if away < time.Hour {
				r.reply(r.want("terminated;reason=timeout v=65792 terminated"), 200)
			}
			r.none()
			h.want(0)
		})
	}
}

// brokenShard is a store one shard of which cannot be read.
type brokenShard struct {
	store.Backend
	id uint16
}

func (b brokenShard) Load(ctx context.Context, id uint16, fn func(string, []byte) error) error {
	if id == b.id {
		return store.ErrCorrupt
	}
	return b.Backend.Load(ctx, id, fn)
}

// TestBrokenShard: what cannot be read in one shard keeps no subscription of another dark.
func TestBrokenShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		r, crash := h.open(Config{})
		r.subscribe("c1", "101", 1, time.Hour)
		r.reply(r.want("active v=0 terminated"), 200)
		crash()
		com := store.NewCommitter(h.b, store.CommitterConfig{})
		r = newRig(t, Config{Committer: com, Backend: brokenShard{h.b, (shardOf("c1") + 63) % store.Shards}})
		r.reply(r.want("active v=65792 terminated"), 200)
		r.stop()
		_ = com.Close(t.Context())
	})
}

// TestShardTakenOver: what another process has taken over is not notified from here any
// more, as soon as the store has said so.
func TestShardTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		old, crash := h.open(Config{})
		defer crash()
		old.subscribe("c1", "101", 1, time.Hour)
		old.reply(old.want("active v=0 terminated"), 200)
		next, crash2 := h.open(Config{})
		defer crash2()
		next.reply(next.want("active v=65792 terminated"), 200)
		if a := old.subscribe("c1", "101", 2, time.Hour); a.Status != 503 {
			t.Errorf("answer %+v, want 503", a)
		}
		old.p.set("101", device.Busy)
		old.none()
		next.p.set("101", device.Busy)
		next.reply(next.want("active v=65793 confirmed"), 200)
	})
}
