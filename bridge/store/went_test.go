package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/store"
	"blfbridge/bridge/store/storetest"
)

// hears collects what an owner is told.
func hears(t *testing.T, r *store.Redis, owner string) (told <-chan store.Went, ended <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	all, end := make(chan store.Went, 100), make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() { end <- r.HearWent(ctx, owner, func(w store.Went) { all <- w }, func(store.Fence) {}) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return all, end
}

// listening waits until somebody hears on an owner's channel, at one of the servers.
func listening(t *testing.T, owner string, ctls ...*storetest.RedisControl) {
	t.Helper()
	storetest.Eventually(t, 10*time.Second, "the owner listens", func() bool {
		for _, c := range ctls {
			if c.Do("PUBLISH", "{blf}:moves:"+owner, "no move") == ":1" {
				return true
			}
		}
		return false
	})
}

// moves lets k go from a's shard to b's and back; each owner is told of what it lost, and
// of nothing else.
func moves(t *testing.T, r *store.Redis, ctls ...*storetest.RedisControl) {
	t.Helper()
	ctx := t.Context()
	var epoch [2]store.Epoch
	shards := [2]uint16{64, 65}
	var told [2]<-chan store.Went
	for i, owner := range []string{"a", "b"} {
		var err error
		if epoch[i], err = r.Acquire(ctx, shards[i], owner); err != nil {
			t.Fatal(err)
		}
		told[i], _ = hears(t, r, owner)
		listening(t, owner, ctls...)
	}
	value := []byte("\x00a value\xff")
	if err := r.Commit(ctx, []store.Delta{{Shard: 64, Epoch: epoch[0], Key: "k\x00x", Value: value}}, nil); err != nil {
		t.Fatal(err)
	}
	at, stored, _, err := r.Find(ctx, "k\x00x", shards[:])
	for range 2 {
		from, to := 0, 1
		if at == shards[1] {
			from, to = 1, 0
		}
		moved := false
		if err == nil {
			moved, err = r.Move(ctx, "k\x00x", at, stored, store.Fence{Shard: shards[to], Epoch: epoch[to]})
		}
		if err != nil || !moved {
			t.Fatal(moved, err)
		}
		select {
		case w := <-told[from]:
			if w.Shard != at || w.Key != "k\x00x" || string(w.Value) != string(value) {
				t.Errorf("told %+v", w)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("the owner was not told")
		}
		at, stored, _, err = r.Find(ctx, "k\x00x", shards[:]) // provisional still: told is what is in it
	}
	if err != nil || len(told[0])+len(told[1]) > 0 {
		t.Error(err, len(told[0]), len(told[1]))
	}
}

// TestWent: who loses an entry is told at once, with a single server and with a Cluster.
func TestWent(t *testing.T) {
	t.Run("single", func(t *testing.T) {
		_, ctl := storetest.StartRedis(t)
		moves(t, openShared(t, ctl.URL()), ctl)
	})
	t.Run("cluster", func(t *testing.T) {
		nodes := startCluster(t)
		var urls []string
		for _, n := range nodes {
			urls = append(urls, n.URL())
		}
		r := open(t, store.Config{Kind: "redis", URLs: urls}).(*store.Redis)
		t.Cleanup(func() { _ = r.Close() })
		moves(t, r, nodes...)
	})
}

// TestAdoptionIsTold: who loses a shard as a whole is told at once, with the epoch of who has it
// now. Nobody is told who takes what was his own, or nobody's.
func TestAdoptionIsTold(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	r, ctx := openShared(t, ctl.URL()), t.Context()
	lost := make(chan store.Fence, 10)
	short, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = r.HearWent(short, "a", func(w store.Went) { t.Errorf("told of an entry: %+v", w) }, func(f store.Fence) { lost <- f })
	})
	defer wg.Wait()
	defer cancel()
	listening(t, "a", ctl)
	if _, err := r.Acquire(ctx, 64, "a"); err != nil {
		t.Fatal(err)
	}
	for _, x := range [][2]string{{"a", "a"}, {"a", "b"}, {"b", "a"}, {"a", "b"}} {
		if e, _, err := r.AcquireFrom(ctx, 64, x[0], x[1]); e == 0 || err != nil {
			t.Fatal(e, err)
		}
	}
	for _, want := range []store.Epoch{3, 5} {
		select {
		case f := <-lost:
			if f != (store.Fence{Shard: 64, Epoch: want}) {
				t.Errorf("told %+v, want epoch %d", f, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("its owner was not told")
		}
	}
}

// TestWentLost: a connection that ends or hangs is given up, so that the next one can be made.
func TestWentLost(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	r := openShared(t, ctl.URL())
	for what, lose := range map[string]func(){
		"a restart": func() { ctl.Kill(); ctl.Restart() },
		"a hang":    func() { ctl.Pause(); time.Sleep(7 * time.Second); ctl.Resume() },
	} {
		_, ended := hears(t, r, "a")
		listening(t, "a", ctl)
		lose()
		select {
		case err := <-ended:
			if err == nil {
				t.Errorf("after %s: no error", what)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("after %s it listens still", what)
		}
		storetest.Eventually(t, 10*time.Second, "Redis is back", func() bool { return r.Ping(t.Context()) == nil })
	}
}

// TestWentForbidden: a Redis user that may use no channels moves entries all the same.
func TestWentForbidden(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	if said := ctl.Do("ACL", "SETUSER", "blf", "on", ">secret", "~*", "+@all", "resetchannels"); said != "+OK" {
		t.Fatal(said)
	}
	u := url.URL{Scheme: "redis", User: url.UserPassword("blf", "secret"), Host: ctl.Addr()}
	r, ctx := openShared(t, u.String()), t.Context()
	for i, owner := range []string{"a", "b"} {
		if _, err := r.Acquire(ctx, uint16(64+i), owner); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Commit(ctx, []store.Delta{{Shard: 64, Epoch: 1, Key: "k", Value: []byte("v")}}, nil); err != nil {
		t.Fatal(err)
	}
	if moved, err := r.Move(ctx, "k", 64, []byte("v"), store.Fence{Shard: 65, Epoch: 1}); err != nil || !moved {
		t.Error(moved, err)
	}
	short, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := r.HearWent(short, "a", func(store.Went) {}, func(store.Fence) {}); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Error(fmt.Errorf("who may not listen is told: %w", err))
	}
	if keys, err := r.Moved(ctx, 64); err != nil || len(keys) != 1 {
		t.Error(keys, err)
	}
}

// leaver is a store out of which entries of shard 1 with the key "gone" were moved.
type leaver struct{}

func (leaver) Commit(_ context.Context, deltas []store.Delta, _ []store.LampDelta) error {
	var went, fenced error
	for _, d := range deltas {
		switch {
		case d.Shard == 1 && d.Key == "gone":
			went = &store.WentError{Went: []store.Went{{Shard: 1, Key: d.Key, Value: d.Value}}}
		case d.Shard == 2:
			fenced = &store.FencedError{Fenced: []store.Fence{{Shard: 2, Epoch: d.Epoch}}}
		}
	}
	return errors.Join(fenced, went)
}

// TestWentSubmissions: who wrote what another process has learns that it was left out, and
// nobody else; it is not tried again.
func TestWentSubmissions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := store.NewCommitter(leaver{}, store.CommitterConfig{})
		got := map[string]string{}
		for name, deltas := range map[string][]store.Delta{
			"left out": one(1, 1, "gone", "2"),
			"other":    one(3, 1, "gone", "3"),
			"fenced":   one(2, 1, "k", "4"),
			"both":     append(one(2, 1, "l", "5"), one(1, 1, "m", "6")...),
		} {
			c.Submit(deltas, nil, func(err error) {
				var went *store.WentError
				if errors.As(err, &went) {
					got[name] += fmt.Sprintf("%d %s=%s ", len(went.Went), went.Went[0].Key, went.Went[0].Value)
				}
				if errors.Is(err, store.ErrFenced) {
					got[name] += "fenced"
				}
			})
		}
		time.Sleep(time.Second)
		synctest.Wait()
		want := map[string]string{"left out": "1 gone=2 ", "fenced": "fenced", "both": "1 gone=2 fenced"}
		if !maps.Equal(got, want) || c.Away() || c.Pending() != 0 {
			t.Errorf("told %q, want %q; away %v, %d pending", got, want, c.Away(), c.Pending())
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
