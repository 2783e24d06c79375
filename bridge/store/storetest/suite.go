// Package storetest is what every store backend must pass, and a real redis-server
// for the tests of whatever keeps something in Redis.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"blfbridge/bridge/store"
)

// Fresh makes an empty store for one test and returns how to open it; a second open
// comes after the first was closed and finds what was written.
type Fresh func(t *testing.T) (open func() store.Backend)

// Run is the conformance suite of store.Backend.
func Run(t *testing.T, fresh Fresh) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s *subject)
	}{
		{"commit, load, delete", commitLoadDelete},
		{"empty store", emptyStore},
		{"last delta of a key wins", lastWins},
		{"binary keys and empty values", binaryKeys},
		{"large values", largeValues},
		{"many entries load once each", manyEntries},
		{"more in one shard than Lua's stack", bigBatch},
		{"load stops at an error", loadStops},
		{"load while committing from it", loadReentrant},
		{"fencing", fencing},
		{"fencing leaves the rest of the batch", fencingPartial},
		{"release", release},
		{"an epoch the store lost is taken over", takeover},
		{"invalid entries", invalid},
		{"reopen", reopen},
		{"concurrent commits", concurrent},
		{"cancelled context", cancelled},
		{"deadline", deadline},
		{"closed", closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &subject{T: t, open: fresh(t)}
			s.Backend = s.open()
			t.Cleanup(func() { _ = s.Close() })
			c.test(t, s)
		})
	}
}

// subject is a backend under test, with helpers that fail the test.
type subject struct {
	*testing.T
	store.Backend
	open func() store.Backend
}

func (s *subject) acquire(shard uint16) store.Epoch {
	s.Helper()
	e, err := s.Acquire(s.Context(), shard, "test")
	if err != nil {
		s.Fatalf("Acquire(%d): %v", shard, err)
	}
	return e
}

func (s *subject) commit(deltas []store.Delta, lamps ...store.LampDelta) {
	s.Helper()
	if err := s.Commit(s.Context(), deltas, lamps); err != nil {
		s.Fatalf("Commit: %v", err)
	}
}

func (s *subject) load(shard uint16) map[string]string {
	s.Helper()
	got := map[string]string{}
	if err := s.Load(s.Context(), shard, collect(s.T, got)); err != nil {
		s.Fatalf("Load(%d): %v", shard, err)
	}
	return got
}

func (s *subject) lamps() map[string]string {
	s.Helper()
	got := map[string]string{}
	if err := s.LoadLamps(s.Context(), collect(s.T, got)); err != nil {
		s.Fatalf("LoadLamps: %v", err)
	}
	return got
}

func collect(t *testing.T, into map[string]string) func(string, []byte) error {
	return func(key string, value []byte) error {
		if _, twice := into[key]; twice {
			t.Errorf("key %q loaded twice", key)
		}
		if value == nil {
			t.Errorf("key %q has a nil value", key)
		}
		into[key] = string(value)
		return nil
	}
}

func (s *subject) want(shard uint16, want map[string]string) {
	s.Helper()
	if got := s.load(shard); !maps.Equal(got, want) {
		s.Fatalf("shard %d holds %q, want %q", shard, got, want)
	}
}

func set(shard uint16, e store.Epoch, key, value string) store.Delta {
	return store.Delta{Shard: shard, Epoch: e, Key: key, Value: []byte(value)}
}

func del(shard uint16, e store.Epoch, key string) store.Delta {
	return store.Delta{Shard: shard, Epoch: e, Key: key}
}

func commitLoadDelete(t *testing.T, s *subject) {
	e0, e63 := s.acquire(0), s.acquire(store.Shards-1)
	s.commit([]store.Delta{set(0, e0, "a", "1"), set(63, e63, "a", "2"), set(0, e0, "b", "3")},
		store.LampDelta{Key: "1001", Value: []byte("busy")}, store.LampDelta{Key: "1002", Value: []byte("idle")})
	s.want(0, map[string]string{"a": "1", "b": "3"})
	s.want(63, map[string]string{"a": "2"})
	s.commit([]store.Delta{del(0, e0, "a"), del(0, e0, "never there"), set(0, e0, "b", "4")},
		store.LampDelta{Key: "1001"}, store.LampDelta{Key: "1003", Value: []byte("dnd")})
	s.want(0, map[string]string{"b": "4"})
	s.want(63, map[string]string{"a": "2"})
	if got, want := s.lamps(), map[string]string{"1002": "idle", "1003": "dnd"}; !maps.Equal(got, want) {
		t.Fatalf("lamps %v, want %v", got, want)
	}
}

func emptyStore(t *testing.T, s *subject) {
	s.want(5, map[string]string{})
	if got := s.lamps(); len(got) != 0 {
		t.Fatalf("lamps %v in an empty store", got)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.commit(nil)
}

func lastWins(_ *testing.T, s *subject) {
	e := s.acquire(1)
	s.commit([]store.Delta{
		set(1, e, "set then gone", "x"), del(1, e, "gone then set"), set(1, e, "twice", "1"),
		del(1, e, "set then gone"), set(1, e, "gone then set", "y"), set(1, e, "twice", "2"),
	}, store.LampDelta{Key: "l", Value: []byte("1")}, store.LampDelta{Key: "l", Value: []byte("2")},
		store.LampDelta{Key: "m", Value: []byte("1")}, store.LampDelta{Key: "m"})
	s.want(1, map[string]string{"gone then set": "y", "twice": "2"})
	if got, want := s.lamps(), map[string]string{"l": "2"}; !maps.Equal(got, want) {
		s.Fatalf("lamps %v, want %v", got, want)
	}
}

func binaryKeys(_ *testing.T, s *subject) {
	e := s.acquire(2)
	want := map[string]string{
		"\x00": "nul", "\xff\xfe": "not UTF-8", "\r\n$5\r\n": "protocol", "{x}": "braces", " ": "",
		strings.Repeat("k", store.MaxKey): "longest",
	}
	var deltas []store.Delta
	for k, v := range want {
		deltas = append(deltas, set(2, e, k, v))
	}
	s.commit(deltas)
	s.want(2, want)
}

func largeValues(t *testing.T, s *subject) {
	e := s.acquire(3)
	want := map[string]string{}
	for i, size := range []int{1 << 10, 1 << 16, 1<<20 + 1, 4 << 20} {
		want[fmt.Sprint(i)] = string(bytes.Repeat([]byte{byte(i), 0, 255, '\n'}, size/4))
	}
	var deltas []store.Delta
	for k, v := range want {
		deltas = append(deltas, set(3, e, k, v))
	}
	s.commit(deltas)
	if !maps.Equal(s.load(3), want) {
		t.Fatal("large values came back different")
	}
}

func manyEntries(t *testing.T, s *subject) {
	// Above a page of every backend.
	e := s.acquire(4)
	var deltas []store.Delta
	var lamps []store.LampDelta
	for i := range 3000 {
		deltas = append(deltas, set(4, e, fmt.Sprintf("key %d", i), strings.Repeat("v", 600)))
		lamps = append(lamps, store.LampDelta{Key: fmt.Sprint(i), Value: []byte("idle")})
	}
	s.commit(deltas, lamps...)
	if n := len(s.load(4)); n != 3000 {
		t.Fatalf("%d of 3000 entries loaded", n)
	}
	if n := len(s.lamps()); n != 3000 {
		t.Fatalf("%d of 3000 lamps loaded", n)
	}
}

func bigBatch(t *testing.T, s *subject) {
	e := s.acquire(5)
	deltas := make([]store.Delta, 20000)
	for i := range deltas {
		deltas[i] = set(5, e, fmt.Sprint(i), "v")
	}
	s.commit(deltas)
	for i := range deltas {
		if i%100 != 0 {
			deltas[i].Value = nil
		}
	}
	s.commit(deltas)
	if n := len(s.load(5)); n != 200 {
		t.Fatalf("%d entries left, want 200", n)
	}
}

func loadStops(t *testing.T, s *subject) {
	e := s.acquire(6)
	s.commit([]store.Delta{set(6, e, "a", ""), set(6, e, "b", ""), set(6, e, "c", "")})
	stop, calls := errors.New("enough"), 0
	err := s.Load(t.Context(), 6, func(string, []byte) error {
		if calls++; calls == 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || calls != 2 {
		t.Fatalf("Load returned %v after %d calls", err, calls)
	}
}

func loadReentrant(t *testing.T, s *subject) {
	e := s.acquire(7)
	s.commit([]store.Delta{set(7, e, "a", "1"), set(7, e, "b", "1")})
	err := s.Load(t.Context(), 7, func(key string, value []byte) error {
		clear(value) // the value is ours
		return s.Commit(t.Context(), []store.Delta{set(7, e, key, "seen"+strings.Repeat(".", 1<<20))}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range s.load(7) {
		if !strings.HasPrefix(v, "seen") {
			t.Errorf("%q was not rewritten", k)
		}
	}
}

func fencing(t *testing.T, s *subject) {
	old := s.acquire(8)
	s.commit([]store.Delta{set(8, old, "k", "old")})
	now := s.acquire(8)
	if now <= old {
		t.Fatalf("epoch went from %d to %d", old, now)
	}
	err := s.Commit(t.Context(), []store.Delta{set(8, old, "k", "late"), set(8, old, "l", "late")}, nil)
	var fenced *store.FencedError
	if !errors.Is(err, store.ErrFenced) || !errors.As(err, &fenced) {
		t.Fatalf("a fenced commit returned %v", err)
	}
	if want := []store.Fence{{Shard: 8, Epoch: old}}; !slices.Equal(fenced.Fenced, want) {
		t.Fatalf("fenced %v, want %v", fenced.Fenced, want)
	}
	s.want(8, map[string]string{"k": "old"})
	s.commit([]store.Delta{set(8, now, "k", "new")})
	s.want(8, map[string]string{"k": "new"})
}

func fencingPartial(t *testing.T, s *subject) {
	old, other := s.acquire(9), s.acquire(10)
	now := s.acquire(9)
	err := s.Commit(t.Context(), []store.Delta{
		set(9, old, "a", "late"), set(10, other, "b", "fine"), set(9, now, "c", "fine"), set(9, old, "c", "late"),
	}, []store.LampDelta{{Key: "1001", Value: []byte("busy")}})
	if !errors.Is(err, store.ErrFenced) {
		t.Fatalf("a fenced commit returned %v", err)
	}
	s.want(9, map[string]string{"c": "fine"})
	s.want(10, map[string]string{"b": "fine"})
	if got := s.lamps(); got["1001"] != "busy" {
		t.Fatalf("lamps %v", got)
	}
}

func release(t *testing.T, s *subject) {
	e := s.acquire(11)
	s.commit([]store.Delta{set(11, e, "k", "v")})
	if err := s.Release(t.Context(), 11, e); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), []store.Delta{set(11, e, "k", "late")}, nil); !errors.Is(err, store.ErrFenced) {
		t.Fatalf("a commit after Release returned %v", err)
	}
	if err := s.Release(t.Context(), 11, e); !errors.Is(err, store.ErrFenced) {
		t.Fatalf("a second Release returned %v", err)
	}
	s.want(11, map[string]string{"k": "v"})
	again := s.acquire(11)
	if again <= e {
		t.Fatalf("epoch went from %d to %d", e, again)
	}
	if err := s.Release(t.Context(), 11, e); !errors.Is(err, store.ErrFenced) {
		t.Fatalf("Release of an old epoch returned %v", err)
	}
	s.commit([]store.Delta{set(11, again, "k", "w")})
}

func takeover(t *testing.T, s *subject) {
	e := s.acquire(12) + 5
	s.commit([]store.Delta{set(12, e, "k", "v")})
	if err := s.Commit(t.Context(), []store.Delta{set(12, e-1, "k", "late")}, nil); !errors.Is(err, store.ErrFenced) {
		t.Fatalf("the older epoch's commit returned %v", err)
	}
	if now := s.acquire(12); now != e+1 {
		t.Fatalf("next epoch %d, want %d", now, e+1)
	}
}

func invalid(t *testing.T, s *subject) {
	e := s.acquire(13)
	for _, d := range []store.Delta{
		set(13, e, "", ""), set(13, e, strings.Repeat("k", store.MaxKey+1), ""),
		{Shard: 13, Epoch: e, Key: "k", Value: make([]byte, store.MaxValue+1)},
	} {
		if err := s.Commit(t.Context(), []store.Delta{set(13, e, "good", ""), d}, nil); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("shard %d, key of %d bytes: %v", d.Shard, len(d.Key), err)
		}
	}
	if err := s.Commit(t.Context(), nil, []store.LampDelta{{Value: []byte("x")}}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a lamp without key: %v", err)
	}
	s.want(13, map[string]string{})
}

func reopen(t *testing.T, s *subject) {
	e := s.acquire(14)
	s.commit([]store.Delta{set(14, e, "k", "v")}, store.LampDelta{Key: "l", Value: []byte("idle")})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Backend = s.open()
	s.want(14, map[string]string{"k": "v"})
	if got := s.lamps(); got["l"] != "idle" {
		t.Fatalf("lamps %v", got)
	}
	s.commit([]store.Delta{set(14, e, "k", "w")}) // nobody acquired it in between
	if now := s.acquire(14); now <= e {
		t.Fatalf("epoch went from %d to %d", e, now)
	}
}

func concurrent(t *testing.T, s *subject) {
	var wg sync.WaitGroup
	for shard := range uint16(16) {
		wg.Go(func() {
			e, err := s.Acquire(t.Context(), shard, "concurrent")
			for i := 0; i < 25 && err == nil; i++ {
				err = s.Commit(t.Context(), []store.Delta{
					set(shard, e, fmt.Sprint(i), "v"), del(shard, e, fmt.Sprint(i-1)), set(shard, e, "last", fmt.Sprint(i)),
				}, []store.LampDelta{{Key: fmt.Sprint(shard), Value: fmt.Append(nil, i)}})
			}
			if err != nil {
				t.Errorf("shard %d: %v", shard, err)
			}
		})
	}
	wg.Wait()
	for shard := range uint16(16) {
		s.want(shard, map[string]string{"24": "v", "last": "24"})
	}
	for k, v := range s.lamps() {
		if v != "24" {
			t.Errorf("lamp %s is %s", k, v)
		}
	}
}

func cancelled(t *testing.T, s *subject) {
	e := s.acquire(15)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]error{
		"Commit":    s.Commit(ctx, []store.Delta{set(15, e, "k", "v")}, nil),
		"Load":      s.Load(ctx, 15, func(string, []byte) error { return nil }),
		"LoadLamps": s.LoadLamps(ctx, func(string, []byte) error { return nil }),
		"Release":   s.Release(ctx, 15, e),
		"Ping":      s.Ping(ctx),
	}
	_, calls["Acquire"] = s.Acquire(ctx, 15, "late")
	for name, err := range calls {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v", name, err)
		}
	}
	s.want(15, map[string]string{})
	s.commit([]store.Delta{set(15, e, "k", "v")})
}

func deadline(t *testing.T, s *subject) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if err := s.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Ping after the deadline: %v", err)
	}
}

func closed(t *testing.T, s *subject) {
	e := s.acquire(16)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	calls := map[string]error{
		"Commit":    s.Commit(t.Context(), []store.Delta{set(16, e, "k", "v")}, nil),
		"Load":      s.Load(t.Context(), 16, func(string, []byte) error { return nil }),
		"LoadLamps": s.LoadLamps(t.Context(), func(string, []byte) error { return nil }),
		"Release":   s.Release(t.Context(), 16, e),
		"Ping":      s.Ping(t.Context()),
	}
	_, calls["Acquire"] = s.Acquire(t.Context(), 16, "late")
	for name, err := range calls {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}
