package cluster

import (
	"bytes"
	"errors"
	"testing"

	"blfbridge/bridge/store"
	"blfbridge/bridge/store/storetest"
)

// alone is one replica, named a, that shares a Redis of the test's own.
func alone(t *testing.T) (*Cluster, *store.Redis, *storetest.RedisControl) {
	t.Helper()
	_, ctl := storetest.StartRedis(t)
	backend, err := store.Open(t.Context(), store.Config{Kind: "redis", URLs: []string{ctl.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	r := backend.(*store.Redis)
	c := New(Config{Store: r, Replica: "a"})
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), r.Close()); err != nil {
			t.Error(err)
		}
	})
	return c, r, ctl
}

// TestClaimWanted: a subscription moves only if it is wanted as it is stored. One whose phone
// has asked its present owner since stays there.
func TestClaimWanted(t *testing.T) {
	c, r, _ := alone(t)
	ctx := t.Context()
	if err := r.Share(ctx); err != nil {
		t.Fatal(err)
	}
	shard := map[string]uint16{}
	for _, owner := range []string{"a", "b"} {
		ids, err := r.NewShards(ctx, 1, owner)
		if err != nil {
			t.Fatal(err)
		}
		shard[owner] = ids[0]
	}
	stored := []byte("refreshed there")
	if err := r.Commit(ctx, []store.Delta{{Shard: shard["b"], Epoch: 1, Key: "k", Value: stored}}, nil); err != nil {
		t.Fatal(err)
	}
	s := c.NewShards()
	s.held[shard["a"]] = held{epoch: 1, home: true, loaded: true}
	where := func() (at uint16) {
		t.Helper()
		at, _, found, err := r.Find(ctx, "k", []uint16{shard["a"], shard["b"]})
		if err != nil || !found {
			t.Fatal(found, err)
		}
		return at
	}
	asked := 0
	_, _, err := s.claim(ctx, []string{"k"}, shard["a"], func(key string, value []byte) bool {
		asked++
		return key != "k" || !bytes.Equal(value, stored)
	})
	if !errors.Is(err, ErrElsewhere) || asked != 1 || where() != shard["b"] {
		t.Errorf("unwanted: %v, asked %d times, in shard %d", err, asked, where())
	}
	_, value, err := s.claim(ctx, []string{"k"}, shard["a"], func(string, []byte) bool { return true })
	if err != nil || !bytes.Equal(value, stored) || where() != shard["a"] {
		t.Errorf("wanted: %q, %v, in shard %d", value, err, where())
	}
}
