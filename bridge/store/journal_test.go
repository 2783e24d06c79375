package store

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func openBoltAt(t *testing.T, path string) *Bolt {
	t.Helper()
	b, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return b.(*Bolt)
}

func loaded(t *testing.T, b *Bolt, shard uint16) map[string]string {
	t.Helper()
	got := map[string]string{}
	if err := b.Load(t.Context(), shard, func(key string, value []byte) error { got[key] = string(value); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

// crash copies the store's files as they are at this moment, for another process to open.
// b, if not nil, has them open: a copy takes longer than a moment, so that bbolt waits.
func crash(t *testing.T, b *Bolt, path string) string {
	t.Helper()
	if b != nil {
		tx, err := b.DB().Begin(true)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
	}
	to := filepath.Join(t.TempDir(), filepath.Base(path))
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		all, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+strings.TrimPrefix(name, path), all, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// TestJournalTorn cuts the journal at every byte of its last groups, and spoils each: every
// group before is there, whole, and none after.
func TestJournalTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blf.db")
	b := openBoltAt(t, path)
	defer b.Close()
	e, err := b.Acquire(t.Context(), 3, "test")
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int64
	const groups = 4
	for i := range groups {
		v := []byte(fmt.Sprint(i))
		if err := b.Commit(t.Context(), []Delta{{3, e, "a", v}, {3, e, "b", v}, {3, e, fmt.Sprint("only", i), v}}, nil); err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, b.journals.active.size)
	}
	name := strings.TrimPrefix(b.journals.active.path, path)
	for cut := sizes[1]; cut <= sizes[groups-1]; cut++ {
		for _, spoil := range []bool{false, true} {
			copied := crash(t, b, path)
			whole := 0
			for _, s := range sizes {
				if s <= cut {
					whole++
				}
			}
			if spoil && cut == sizes[groups-1] {
				continue
			}
			all, err := os.ReadFile(copied + name)
			if err != nil {
				t.Fatal(err)
			}
			if all = all[:sizes[groups-1]]; spoil {
				all[cut] ^= 0x10
			} else {
				all = all[:cut]
			}
			if err := os.WriteFile(copied+name, all, 0o600); err != nil {
				t.Fatal(err)
			}
			again := openBoltAt(t, copied)
			got := loaded(t, again, 3)
			want := map[string]string{"a": fmt.Sprint(whole - 1), "b": fmt.Sprint(whole - 1)}
			for i := range whole {
				want[fmt.Sprint("only", i)] = fmt.Sprint(i)
			}
			if !maps.Equal(got, want) {
				t.Errorf("cut at %d of %v, spoilt %v: %v, want %v", cut, sizes, spoil, got, want)
			}
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestJournalTurns: over many turns of both journals, deletions and folds in between, a
// copy of the files at any moment gives what was committed last; and so does it a second
// time, after a crash of the recovery.
func TestJournalTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blf.db")
	b := openBoltAt(t, path)
	b.journals.limit = 20_000
	random := rand.New(rand.NewPCG(4, rand.Uint64()))
	e, err := b.Acquire(t.Context(), 0, "test")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for step := range 400 {
		var deltas []Delta
		for range 1 + random.IntN(10) {
			key := fmt.Sprint(random.IntN(50))
			d := Delta{Shard: 0, Epoch: e, Key: key}
			if random.IntN(5) > 0 {
				d.Value = bytes.Repeat([]byte{byte('a' + random.IntN(26))}, random.IntN(400))
				want[key] = string(d.Value)
			} else {
				delete(want, key)
			}
			deltas = append(deltas, d)
		}
		if err := b.Commit(t.Context(), deltas, []LampDelta{{"lamp", []byte(fmt.Sprint(step))}}); err != nil {
			t.Fatal(err)
		}
		if step%40 != 7 {
			continue
		}
		copied := crash(t, b, path)
		first := openBoltAt(t, copied)
		if got := loaded(t, first, 0); !maps.Equal(got, want) {
			t.Fatalf("step %d: %d entries, want %d", step, len(got), len(want))
		}
		lamp := ""
		if err := first.LoadLamps(t.Context(), func(_ string, v []byte) error { lamp = string(v); return nil }); err != nil || lamp != fmt.Sprint(step) {
			t.Fatalf("step %d: lamp %s, %v", step, lamp, err)
		}
		second := crash(t, first, copied)
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		again := openBoltAt(t, second)
		if got := loaded(t, again, 0); !maps.Equal(got, want) {
			t.Fatalf("step %d, again: %d entries, want %d", step, len(got), len(want))
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if b.journals.gen < 10 {
		t.Errorf("only %d generations", b.journals.gen)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = openBoltAt(t, path)
	defer b.Close()
	if got := loaded(t, b, 0); !maps.Equal(got, want) {
		t.Error("after a clean stop something is missing")
	}
}

// TestJournalOfAnotherStore: a journal that lies beside a new file is not that file's.
func TestJournalOfAnotherStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blf.db")
	b := openBoltAt(t, path)
	defer b.Close()
	e, err := b.Acquire(t.Context(), 0, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(t.Context(), []Delta{{0, e, "old", []byte("x")}}, nil); err != nil {
		t.Fatal(err)
	}
	copied := crash(t, b, path)
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	fresh := openBoltAt(t, copied)
	defer fresh.Close()
	if got := loaded(t, fresh, 0); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// FuzzJournal: no bytes of a group panic or read outside.
func FuzzJournal(f *testing.F) {
	f.Add(appendEntry(appendEntry(nil, 1, "key", []byte("value")), lampEntry, "k", nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			shard, key, value, rest, err := cutEntry(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			again := appendEntry(nil, shard, string(key), value)
			if _, k, v, _, err := cutEntry(again); err != nil || !bytes.Equal(k, key) || !bytes.Equal(v, value) {
				t.Fatalf("%q %q %v", k, v, err)
			}
			b = rest
		}
	})
}
