package store_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"blfbridge/bridge/store"
	"blfbridge/bridge/store/storetest"
)

func openShared(t *testing.T, url string) *store.Redis {
	t.Helper()
	r := open(t, store.Config{Kind: "redis", URLs: []string{url}}).(*store.Redis)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func contents(t *testing.T, r *store.Redis, shards ...uint16) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, id := range shards {
		if err := r.Load(t.Context(), id, func(key string, value []byte) error {
			if old, twice := out[key]; twice {
				t.Errorf("%s is there twice: %s and %s", key, old, value)
			}
			out[key] = string(value)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestSharedShards: each replica has shards of its own; one that is gone loses them to one
// other; an empty one is dropped and made again.
func TestSharedShards(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	r, ctx := openShared(t, ctl.URL()), t.Context()
	if _, err := r.Acquire(ctx, 5, "alone"); err != nil {
		t.Fatal(err)
	}
	if err := r.Commit(ctx, []store.Delta{{Shard: 5, Epoch: 1, Key: "k", Value: []byte("v")}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Share(ctx); err != nil {
		t.Fatal(err)
	}
	a, err := r.NewShards(ctx, 2, "a")
	if err != nil || !slices.Equal(a, []uint16{64, 65}) {
		t.Fatal(a, err)
	}
	b, err := r.NewShards(ctx, 1, "b")
	if err != nil || !slices.Equal(b, []uint16{66}) {
		t.Fatal(b, err)
	}
	if all, err := r.Owners(ctx); err != nil || !maps.Equal(all, map[uint16]string{5: "", 64: "a", 65: "a", 66: "b"}) {
		t.Error(all, err)
	}
	e, err := r.Acquire(ctx, 64, "a")
	if err != nil {
		t.Fatal(err)
	}
	if e, holder, err := r.AcquireFrom(ctx, 64, "c", "b"); e != 0 || holder != "a" || err != nil {
		t.Error(e, holder, err)
	}
	won, lost := 0, 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			now, _, err := r.AcquireFrom(ctx, 64, "a", "b"+strconv.Itoa(i))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case now == e+1:
				won++
			case now == 0:
				lost++
			}
		})
	}
	wg.Wait()
	if won != 1 || lost != 7 {
		t.Errorf("%d took it over, %d did not", won, lost)
	}
	if err := r.Commit(ctx, []store.Delta{{Shard: 64, Epoch: e, Key: "k", Value: []byte("late")}}, nil); !errors.Is(err, store.ErrFenced) {
		t.Errorf("its last owner writes: %v", err)
	}
	put := func(value []byte) {
		if err := r.Commit(ctx, []store.Delta{{Shard: 64, Epoch: e + 1, Key: "k", Value: value}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	put([]byte("x"))
	if gone, err := r.DropShard(ctx, store.Fence{Shard: 64, Epoch: e + 1}); gone || err != nil {
		t.Error("a shard with an entry was dropped", err)
	}
	put(nil)
	if gone, err := r.DropShard(ctx, store.Fence{Shard: 64, Epoch: e + 1}); !gone || err != nil {
		t.Error("an empty shard was not dropped", err)
	}
	if again, err := r.NewShards(ctx, 2, "c"); err != nil || !slices.Equal(again, []uint16{64, 67}) {
		t.Error(again, err)
	}
	if now, err := r.Acquire(ctx, 64, "c"); err != nil || now <= e+1 {
		t.Error(now, err)
	}
}

// TestMove: an entry that moves is in one shard at every moment that anybody could load
// both, whatever its owner writes meanwhile and wherever the move is cut off.
func TestMove(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	r, ctx := openShared(t, ctl.URL()), t.Context()
	from, to := uint16(64), uint16(65)
	e1, err1 := r.Acquire(ctx, from, "a")
	e2, err2 := r.Acquire(ctx, to, "b")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	write := func(key, value string) {
		t.Helper()
		if err := r.Commit(ctx, []store.Delta{{Shard: from, Epoch: e1, Key: key, Value: []byte(value)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	write("k", "1")
	write("other", "o")
	shard, value, found, err := r.Find(ctx, "k", []uint16{3, to, from})
	if shard != from || string(value) != "1" || !found || err != nil {
		t.Fatal(shard, value, found, err)
	}
	write("k", "2")
	if moved, err := r.Move(ctx, "k", from, value, store.Fence{Shard: to, Epoch: e2}); moved || err != nil {
		t.Errorf("what was changed meanwhile moved: %v", err)
	}
	if got := contents(t, r, from, to); got["k"] != "2" {
		t.Error(got)
	}
	if moved, err := r.Move(ctx, "k", from, []byte("2"), store.Fence{Shard: to, Epoch: e2}); !moved || err != nil {
		t.Fatal(moved, err)
	}
	err = r.Commit(ctx, []store.Delta{
		{Shard: from, Epoch: e1, Key: "k", Value: []byte("late")}, {Shard: from, Epoch: e1, Key: "other", Value: []byte("p")},
		{Shard: from, Epoch: e1 - 1, Key: "other", Value: []byte("fenced")},
	}, nil)
	var went *store.WentError
	if !errors.As(err, &went) || len(went.Went) != 1 || went.Went[0].Key != "k" || string(went.Went[0].Value) != "late" || !errors.Is(err, store.ErrFenced) {
		t.Errorf("what went is written: %v", err)
	}
	if got := contents(t, r, from, to); got["k"] != "2" || got["other"] != "p" || len(got) != 2 {
		t.Error(got)
	}
	if keys, err := r.Moved(ctx, from); err != nil || !slices.Equal(keys, []string{"k"}) {
		t.Error(keys, err)
	}
	if err := r.Commit(ctx, []store.Delta{{Shard: to, Epoch: e2, Key: "k", Value: []byte("3")}}, nil); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, r, from, to); got["k"] != "3" {
		t.Error(got)
	}
	if _, err := r.Move(ctx, "other", from, []byte("p"), store.Fence{Shard: to, Epoch: e2 - 1}); !errors.Is(err, store.ErrFenced) {
		t.Errorf("a fenced replica moves: %v", err)
	}

	t.Log("and back, at once")
	if moved, err := r.Move(ctx, "k", to, []byte("3"), store.Fence{Shard: from, Epoch: e1}); !moved || err != nil {
		t.Fatal(moved, err)
	}
	if got := contents(t, r, from, to); got["k"] != "3" {
		t.Error(got)
	}
	write("k", "4")
	if got := contents(t, r, from, to); got["k"] != "4" {
		t.Error(got)
	}
	if keys, err := r.Moved(ctx, from); err != nil || len(keys) != 0 {
		t.Error(keys, err)
	}

	t.Log("cut off at any point")
	for i := range 60 {
		key := fmt.Sprintf("cut%d", i)
		write(key, "1")
		cut := rand.IntN(3)
		ctl.Do("HSET", "{blf:s65}:subs", key, "\xfe\x00\x401")
		if cut > 0 {
			ctl.Do("HDEL", "{blf:s64}:subs", key)
		}
		if cut > 1 {
			ctl.Do("HSET", "{blf:s65}:subs", key, "1")
		}
		if got := contents(t, r, to, from); got[key] != "1" {
			t.Errorf("cut off at %d: %q", cut, got[key])
		}
	}
}

// TestKeepFirst: of many that make a key at once all have the same.
func TestKeepFirst(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	r := openShared(t, ctl.URL())
	got := make([]string, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			v, err := r.KeepFirst(t.Context(), "\x00key", []byte{byte(i)})
			if err != nil {
				t.Error(err)
			}
			got[i] = string(v)
		})
	}
	wg.Wait()
	for _, v := range got {
		if v != got[0] || len(v) != 1 {
			t.Errorf("kept are %q", got)
		}
	}
}
