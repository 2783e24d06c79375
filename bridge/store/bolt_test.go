package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"blfbridge/bridge/store"
)

// startChild runs this test binary as the process child(job).
func startChild(t *testing.T, job, path string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "BLF_STORE_CHILD="+job, "BLF_STORE_PATH="+path)...)
	return cmd
}

// What was acknowledged before a SIGKILL is in the file, and the file is sound.
func TestBoltSurvivesKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blf.db")
	acked := map[string]int{}
	for round := 1; round <= 8; round++ {
		cmd := startChild(t, "commit", path, fmt.Sprintf("BLF_STORE_BASE=%d", round*1_000_000))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var problems bytes.Buffer
		cmd.Stderr = &problems
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		seen := 0
		for lines := bufio.NewScanner(out); lines.Scan(); seen++ {
			if seen == 0 {
				kill := time.AfterFunc(time.Duration(10+rand.IntN(60))*time.Millisecond, func() { _ = cmd.Process.Kill() })
				defer kill.Stop()
			}
			shardKey, number, ok := cutLast(lines.Text())
			if n, err := strconv.Atoi(number); ok && err == nil {
				acked[shardKey] = n
			}
		}
		_ = cmd.Wait()
		if seen == 0 {
			t.Fatalf("round %d: the child acknowledged nothing: %s", round, &problems)
		}
		verifyBolt(t, path, acked)
	}
	t.Logf("%d keys", len(acked))
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

func verifyBolt(t *testing.T, path string, acked map[string]int) {
	t.Helper()
	b := open(t, store.Config{Path: path}).(*store.Bolt)
	defer b.Close()
	if err := b.DB().View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("damaged: %v", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	stored := map[string]int{}
	for shard := range uint16(4) {
		if err := b.Load(t.Context(), shard, func(key string, value []byte) error {
			number, _, _ := bytes.Cut(value, []byte{0})
			n, err := strconv.Atoi(string(number))
			stored[fmt.Sprintf("%d %s", shard, key)] = n
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for k, n := range acked {
		if stored[k] < n {
			t.Errorf("%s: acknowledged %d, stored %d", k, n, stored[k])
		}
	}
}

// A full disk: the committer goes away, says why, and recovers when there is room.
func TestBoltDiskFull(t *testing.T) {
	out, err := startChild(t, "full", filepath.Join(t.TempDir(), "blf.db")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "make room on the disk") || !strings.Contains(string(out), "blf.db") {
		t.Errorf("the error does not help: %s", out)
	}
}

func TestBoltInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blf.db")
	defer open(t, store.Config{Path: path}).Close()
	_, err := store.Open(t.Context(), store.Config{Path: path, LockTimeout: 20 * time.Millisecond})
	if !errors.Is(err, store.ErrAway) {
		t.Fatalf("second open: %v", err)
	}
	if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("the error names neither file nor holder: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := store.Open(ctx, store.Config{Path: path, LockTimeout: time.Minute}); !errors.Is(err, store.ErrAway) {
		t.Fatalf("open with a deadline: %v", err)
	}
}

func TestBoltFilePermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "blf.db")
	defer open(t, store.Config{Path: path}).Close()
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if st, err := os.Stat(name); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", name, st.Mode().Perm(), err, want)
		}
	}
}

func TestBoltRefusesOtherLayouts(t *testing.T) {
	for name, c := range map[string]struct {
		key, value, says string
		want             error
	}{
		"newer schema": {"schema", "3", "schema 3", store.ErrSchema},
		"other shards": {"shards", "16", "16 shards", store.ErrSchema},
		"nonsense":     {"schema", "x", `"x"`, store.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "blf.db")
			b := open(t, store.Config{Path: path}).(*store.Bolt)
			if err := b.DB().Update(func(tx *bolt.Tx) error {
				return tx.Bucket([]byte("meta")).Put([]byte(c.key), []byte(c.value))
			}); err != nil {
				t.Fatal(err)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			for range 2 { // a refused file must not stay locked
				_, err := store.Open(t.Context(), store.Config{Path: path, LockTimeout: 50 * time.Millisecond})
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
					t.Fatalf("got %v, want %v that names %s", err, c.want, c.says)
				}
			}
		})
	}
}

// A program that knows schema 1 only refuses what this one has opened.
func TestBoltRaisesAnOlderLayout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blf.db")
	b := open(t, store.Config{Path: path}).(*store.Bolt)
	schema := func() (got string) {
		if err := b.DB().View(func(tx *bolt.Tx) error {
			got = string(tx.Bucket([]byte("meta")).Get([]byte("schema")))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := schema(); got != strconv.Itoa(store.Schema) {
		t.Errorf("a new file has schema %q", got)
	}
	if err := b.DB().Update(func(tx *bolt.Tx) error {
		return errors.Join(tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte("1")), tx.Bucket([]byte("lamps")).Put([]byte("k"), []byte("v")))
	}); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, store.Config{Path: path}).(*store.Bolt)
	defer b.Close()
	if got := schema(); got != strconv.Itoa(store.Schema) {
		t.Errorf("schema %q after it was opened", got)
	}
	lamps := map[string]string{}
	if err := b.LoadLamps(t.Context(), func(key string, value []byte) error { lamps[key] = string(value); return nil }); err != nil || lamps["k"] != "v" {
		t.Errorf("what was there: %v %v", lamps, err)
	}
}

func TestBoltDamaged(t *testing.T) {
	made := filepath.Join(t.TempDir(), "good.db")
	b := open(t, store.Config{Path: made})
	e, err := b.Acquire(t.Context(), 0, "test")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if err := b.Commit(t.Context(), []store.Delta{{Epoch: e, Key: strconv.Itoa(i), Value: make([]byte, 5000)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	for name, damage := range map[string]func([]byte) []byte{
		"not a database": func([]byte) []byte { return []byte(strings.Repeat("store: {type: bolt}\n", 4096)) },
		"cut short":      func(b []byte) []byte { return b[:3*page] },
		"cut in meta":    func(b []byte) []byte { return b[:100] },
		"zeroed pages":   func(b []byte) []byte { clear(b[2*page:]); return b },
		"scribbled":      func(b []byte) []byte { scribble(b[2*page:]); return b },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "blf.db")
			if err := os.WriteFile(path, damage(bytes.Clone(good)), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 { // and the second try must not hang on what the first left behind
				err := readAll(t, path)
				if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), path) {
					t.Fatalf("got %v, want ErrCorrupt that names the file", err)
				}
			}
		})
	}
}

func scribble(b []byte) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

func readAll(t *testing.T, path string) error {
	t.Helper()
	b, err := store.Open(t.Context(), store.Config{Path: path, LockTimeout: 100 * time.Millisecond})
	if err != nil {
		return err
	}
	defer b.Close()
	for shard := range uint16(store.Shards) {
		if err := b.Load(t.Context(), shard, func(string, []byte) error { return nil }); err != nil {
			return err
		}
	}
	return b.Commit(t.Context(), []store.Delta{{Epoch: 99, Key: "k", Value: []byte("v")}}, nil)
}

func TestBoltUnwritable(t *testing.T) {
	for name, path := range map[string]string{
		"a folder":           t.TempDir(),
		"folder is a file":   filepath.Join(os.Args[0], "blf.db"),
		"no path":            "",
		"not to be created":  "/proc/blf/blf.db",
		"a device, not room": "/dev/full",
	} {
		b, err := store.Open(t.Context(), store.Config{Path: path})
		if err == nil {
			b.Close()
			t.Errorf("%s: opened", name)
		} else if !strings.HasPrefix(err.Error(), "store: ") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBoltShards: the file has the fixed shards and no others.
func TestBoltShards(t *testing.T) {
	b := open(t, store.Config{Kind: "bolt", Path: filepath.Join(t.TempDir(), "b")})
	defer b.Close()
	if err := b.Commit(t.Context(), []store.Delta{{Shard: store.Shards, Key: "k"}}, nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("Commit: %v", err)
	}
	if _, err := b.Acquire(t.Context(), store.Shards, ""); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("Acquire: %v", err)
	}
	if err := b.Release(t.Context(), store.Shards, 1); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("Release: %v", err)
	}
	if err := b.Load(t.Context(), store.Shards, nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("Load: %v", err)
	}
}
