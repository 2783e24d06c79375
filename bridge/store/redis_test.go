package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/store"
	"blfbridge/bridge/store/storetest"
)

// What was acknowledged before Redis was killed is there when it is back, and the
// committer gets over the outage by itself.
func TestRedisKilledUnderLoad(t *testing.T) {
	_, ctl := storetest.StartRedis(t, "--appendfsync", "always")
	b := open(t, store.Config{Kind: "redis", URLs: []string{ctl.URL()}})
	defer b.Close()
	l := startLoad(t, b)
	for range 3 {
		before := l.acked()
		storetest.Eventually(t, 20*time.Second, "commits", func() bool { return l.acked() > before+500 })
		ctl.Kill()
		storetest.Eventually(t, 20*time.Second, "away", l.c.Away)
		ctl.Restart()
		storetest.Eventually(t, 20*time.Second, "back", func() bool { return !l.c.Away() })
	}
	ctl.Kill() // and once more after the last acks
	ctl.Restart()
	l.stop()
	l.verify(b)
}

// A Redis that neither answers nor refuses: the first submission waits for the
// timeout, the next ones do not wait, and all is written afterwards.
func TestRedisHangs(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	b := open(t, store.Config{Kind: "redis", URLs: []string{ctl.URL()}})
	defer b.Close()
	e, err := b.Acquire(t.Context(), 0, "test")
	if err != nil {
		t.Fatal(err)
	}
	c := store.NewCommitter(b, store.CommitterConfig{Timeout: 300 * time.Millisecond, RetryMin: 10 * time.Millisecond})
	submit := func(key, value string) error {
		got := make(chan error)
		c.Submit([]store.Delta{{Epoch: e, Key: key, Value: []byte(value)}}, nil, func(err error) { got <- err })
		return <-got
	}
	if err := submit("a", "1"); err != nil {
		t.Fatal(err)
	}
	ctl.Pause()
	if err := submit("a", "2"); !errors.Is(err, store.ErrAway) {
		t.Fatalf("first submission to a hanging Redis: %v", err)
	}
	start := time.Now()
	for i := range 100 {
		if err := submit("b", strings.Repeat("x", i)); !errors.Is(err, store.ErrAway) {
			t.Fatalf("submission %d: %v", i, err)
		}
	}
	if took := time.Since(start); took > 200*time.Millisecond {
		t.Errorf("100 answers took %v although the store was known to be away", took)
	}
	if n := c.Pending(); n != 2 {
		t.Errorf("%d keys pending, want 2", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	if err := c.Flush(ctx); !errors.Is(err, store.ErrAway) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Flush while away: %v", err)
	}
	cancel()
	ctl.Resume()
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if err := b.Load(t.Context(), 0, func(k string, v []byte) error { got[k] = string(v); return nil }); err != nil {
		t.Fatal(err)
	}
	if got["a"] != "2" || len(got["b"]) != 99 {
		t.Errorf("stored a=%q and %d bytes of b", got["a"], len(got["b"]))
	}
}

// A cancelled call returns at once even while Redis hangs.
func TestRedisCancelWhileHanging(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	b := open(t, store.Config{Kind: "redis", URLs: []string{ctl.URL()}})
	defer b.Close()
	ctl.Pause()
	defer ctl.Resume()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	if err := b.Commit(ctx, nil, []store.LampDelta{{Key: "k", Value: []byte("v")}}); !errors.Is(err, context.Canceled) {
		t.Fatalf("Commit: %v", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v", took)
	}
}

// SCRIPT FLUSH, as a restart or failover does.
func TestRedisForgetsScripts(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	b := open(t, store.Config{Kind: "redis", URLs: []string{ctl.URL()}})
	defer b.Close()
	e, err := b.Acquire(t.Context(), 3, "test")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if i%2 == 0 {
			ctl.Do("SCRIPT", "FLUSH", "SYNC")
		}
		if err := b.Commit(t.Context(), []store.Delta{{Shard: 3, Epoch: e, Key: "k", Value: []byte{byte('0' + i)}}}, nil); err != nil {
			t.Fatal(err)
		}
		if got := ctl.Do("HGET", "{blf:s03}:subs", "k"); got != string(rune('0'+i)) {
			t.Fatalf("commit %d stored %q", i, got)
		}
	}
}

func TestRedisRefusesOtherLayouts(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	ctl.Do("HSET", "{new}:meta", "schema", "3", "shards", "64")
	ctl.Do("HSET", "{few}:meta", "schema", "1", "shards", "16")
	ctl.Do("HSET", "{odd}:meta", "schema", "x", "shards", "64")
	for prefix, c := range map[string]struct {
		says, schema string
		want         error
	}{
		"new": {"schema 3", "3", store.ErrSchema}, "few": {"16 shards", "1", store.ErrSchema}, "odd": {`"x"`, "x", store.ErrCorrupt},
	} {
		_, err := store.Open(t.Context(), store.Config{Kind: "redis", URLs: []string{ctl.URL()}, Prefix: prefix})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("prefix %s: %v", prefix, err)
		}
		if got := ctl.Do("HGET", "{"+prefix+"}:meta", "schema"); got != c.schema {
			t.Errorf("prefix %s: refused and made schema %q", prefix, got)
		}
	}
}

// A program that knows schema 1 only refuses what this one has opened.
func TestRedisRaisesAnOlderLayout(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	ctl.Do("HSET", "{old}:meta", "schema", "1", "shards", "64")
	for _, prefix := range []string{"old", "none"} {
		defer open(t, store.Config{Kind: "redis", URLs: []string{ctl.URL()}, Prefix: prefix}).Close()
		got := ctl.Do("HGET", "{"+prefix+"}:meta", "schema") + " " + ctl.Do("HGET", "{"+prefix+"}:meta", "shards")
		if want := fmt.Sprint(store.Schema, " ", store.Shards); got != want {
			t.Errorf("prefix %s: schema and shards %s, want %s", prefix, got, want)
		}
	}
}

func TestRedisOpenErrors(t *testing.T) {
	_, ctl := storetest.StartRedis(t, "--requirepass", "s3cret")
	for name, c := range map[string]struct {
		cfg  store.Config
		says string
		want error
	}{
		"no URL":            {store.Config{}, "needs a URL", nil},
		"not a URL":         {store.Config{URLs: []string{"redis://u:s3cret@h:x"}}, "redis URL 1", nil},
		"nobody there":      {store.Config{URLs: []string{"redis://127.0.0.1:1"}}, "refused", store.ErrAway},
		"no password":       {store.Config{URLs: []string{ctl.URL()}}, "NOAUTH", store.ErrAway},
		"wrong password":    {store.Config{URLs: []string{ctl.URL()}, Password: "s3cret-not"}, "WRONGPASS", store.ErrAway},
		"cluster with db":   {store.Config{URLs: []string{"redis://h/1"}, Cluster: true}, "database 0", nil},
		"cluster with wait": {store.Config{URLs: []string{"redis://h", "redis://i"}, WaitReplicas: 1}, "min-replicas", nil},
		"braces":            {store.Config{URLs: []string{ctl.URL()}, Prefix: "{x}"}, "braces", nil},
		"two sockets":       {store.Config{URLs: []string{"unix:///a", "unix:///b"}}, "unix socket", nil},
	} {
		c.cfg.Kind = "redis"
		b, err := store.Open(t.Context(), c.cfg)
		if err == nil {
			b.Close()
			t.Errorf("%s: opened", name)
			continue
		}
		if !strings.Contains(err.Error(), c.says) || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
	for _, cfg := range []store.Config{
		{URLs: []string{strings.Replace(ctl.URL(), "//", "//:s3cret@", 1)}},
		{URLs: []string{ctl.URL()}, Password: "s3cret"},
		{URLs: []string{strings.Replace(ctl.URL(), "//", "//:other@", 1)}, Username: "default", Password: "s3cret"},
	} {
		cfg.Kind = "redis"
		open(t, cfg).Close()
	}
	if _, err := store.Open(t.Context(), store.Config{Kind: "etcd"}); err == nil || !strings.Contains(err.Error(), "bolt or redis") {
		t.Errorf("unknown kind: %v", err)
	}
}

// A unix socket, as containers in one pod use.
func TestRedisUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "blf") // shorter than t.TempDir: a socket's path is limited
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	storetest.StartRedis(t, "--unixsocket", dir+"/s")
	b := open(t, store.Config{Kind: "redis", URLs: []string{"unix://" + dir + "/s"}})
	defer b.Close()
	if err := b.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// WAIT without a replica: the commit does not count as durable.
func TestRedisTooFewReplicas(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	b := open(t, store.Config{Kind: "redis", URLs: []string{ctl.URL()}, WaitReplicas: 1, ReadTimeout: 200 * time.Millisecond})
	defer b.Close()
	err := b.Commit(t.Context(), nil, []store.LampDelta{{Key: "k", Value: []byte("v")}})
	if err == nil || !strings.Contains(err.Error(), "0 of 1") {
		t.Fatalf("Commit: %v", err)
	}
}

// HSCAN repeats keys when the hash shrinks under it, which Load must hide. Whether it
// does is a matter of luck, so many shards try (a Load without this fails every other run).
func TestRedisLoadWhileShrinking(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	b := open(t, store.Config{Kind: "redis", URLs: []string{ctl.URL()}})
	defer b.Close()
	const many, kept = 6000, 500
	for shard := range uint16(store.Shards) {
		var deltas []store.Delta
		for i := range many {
			deltas = append(deltas, store.Delta{Shard: shard, Epoch: 1, Key: strconv.Itoa(i), Value: []byte("v")})
		}
		if err := b.Commit(t.Context(), deltas, nil); err != nil {
			t.Fatal(err)
		}
		for i := range deltas {
			deltas[i].Value = nil
		}
		seen, calls := map[string]int{}, 0
		if err := b.Load(t.Context(), shard, func(key string, _ []byte) error {
			seen[key]++
			if calls++; calls != 500+40*int(shard) {
				return nil
			}
			return b.Commit(t.Context(), deltas[kept:], nil)
		}); err != nil {
			t.Fatal(err)
		}
		for i := range kept {
			if n := seen[strconv.Itoa(i)]; n != 1 {
				t.Fatalf("shard %d: key %d loaded %d times", shard, i, n)
			}
		}
	}
}
