package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"blfbridge/bridge/store"
)

// disk is a Writer whose time and failures the test decides; what it took is in data.
type disk struct {
	mu      sync.Mutex
	takes   time.Duration
	fails   func(call int) error // nil: never
	fenced  map[store.Fence]bool
	data    map[string]string
	batches [][]string // the "shard/key=value" of each commit that worked
	calls   []time.Time
}

func (d *disk) Commit(ctx context.Context, deltas []store.Delta, lamps []store.LampDelta) error {
	select {
	case <-time.After(d.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, time.Now())
	if d.fails != nil {
		if err := d.fails(len(d.calls)); err != nil {
			return err
		}
	}
	if d.data == nil {
		d.data = map[string]string{}
	}
	var batch []string
	refused := map[store.Fence]bool{}
	for _, x := range deltas {
		f := store.Fence{Shard: x.Shard, Epoch: x.Epoch}
		if d.fenced[f] {
			refused[f] = true
			continue
		}
		key := fmt.Sprintf("%d/%s", x.Shard, x.Key)
		batch = append(batch, key+"="+string(x.Value))
		d.data[key] = string(x.Value)
	}
	for _, l := range lamps {
		batch = append(batch, l.Key+"="+string(l.Value))
		d.data[l.Key] = string(l.Value)
	}
	d.batches = append(d.batches, batch)
	if len(refused) > 0 {
		e := &store.FencedError{}
		for f := range refused {
			e.Fenced = append(e.Fenced, f)
		}
		return e
	}
	return nil
}

func (d *disk) set(f func()) { d.mu.Lock(); defer d.mu.Unlock(); f() }

// answers notes acks in their order.
type answers struct {
	mu   sync.Mutex
	list []string
}

func (a *answers) ack(name string) func(error) {
	return func(err error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		word := "ok"
		for text, e := range map[string]error{"away": store.ErrAway, "fenced": store.ErrFenced, "invalid": store.ErrInvalid, "closed": store.ErrClosed} {
			if errors.Is(err, e) {
				word = text
			}
		}
		a.list = append(a.list, name+" "+word)
	}
}

func (a *answers) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Equal(a.list, want) {
		t.Fatalf("answers %q, want %q", a.list, want)
	}
	a.list = nil
}

func one(shard uint16, e store.Epoch, key, value string) []store.Delta {
	return []store.Delta{{Shard: shard, Epoch: e, Key: key, Value: []byte(value)}}
}

func lamp(key, value string) []store.LampDelta {
	return []store.LampDelta{{Key: key, Value: []byte(value)}}
}

func TestGroupsWhatCameMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a := &disk{takes: 10 * time.Millisecond}, &answers{}
		c := store.NewCommitter(d, store.CommitterConfig{})
		c.Submit(one(1, 1, "a", "1"), nil, a.ack("first"))
		a.want(t)
		c.Submit(one(1, 1, "a", "2"), nil, a.ack("second"))
		c.Submit(one(1, 1, "a", "3"), lamp("l", "1"), a.ack("third"))
		c.Submit(one(0, 1, "b", "1"), lamp("l", "2"), nil)
		c.Submit(nil, nil, a.ack("nothing"))
		if n := c.Pending(); n != 4 {
			t.Errorf("%d keys pending, want a (being written), a, b and l", n)
		}
		time.Sleep(10 * time.Millisecond)
		a.want(t, "first ok")
		time.Sleep(10 * time.Millisecond)
		a.want(t, "second ok", "third ok", "nothing ok")
		if got, want := fmt.Sprint(d.batches), "[[1/a=1] [0/b=1 1/a=3 l=2]]"; got != want {
			t.Errorf("commits %s, want %s", got, want)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAwayAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []bool
		d, a := &disk{fails: func(int) error { return errors.New("no space") }}, &answers{}
		c := store.NewCommitter(d, store.CommitterConfig{
			RetryMin: time.Second, RetryMax: 8 * time.Second, OnAway: func(away bool) { told = append(told, away) },
		})
		c.Submit(one(1, 1, "a", "1"), nil, a.ack("first"))
		a.want(t, "first away")
		for i := range 100 {
			c.Submit(one(1, 1, "a", fmt.Sprint(i)), lamp("l", fmt.Sprint(i)), a.ack("x"))
			synctest.Wait() // answered without time passing
		}
		a.want(t, slices.Repeat([]string{"x away"}, 100)...)
		if !c.Away() || c.Pending() != 2 {
			t.Errorf("away %v, pending %d", c.Away(), c.Pending())
		}
		time.Sleep(time.Minute)
		d.set(func() { d.fails = nil })
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if c.Away() || c.Pending() != 0 || d.data["1/a"] != "99" || d.data["l"] != "99" {
			t.Errorf("away %v, pending %d, stored %v", c.Away(), c.Pending(), d.data)
		}
		if !slices.Equal(told, []bool{true, false}) {
			t.Errorf("OnAway was told %v", told)
		}
		for i := range d.calls[1:] {
			pause := d.calls[i+1].Sub(d.calls[i])
			most := min(time.Second<<i, 8*time.Second)
			if pause < most/2 || pause > most {
				t.Errorf("pause %d was %v, want %v to %v", i, pause, most/2, most)
			}
		}
		c.Submit(one(1, 1, "a", "back"), nil, a.ack("last"))
		a.want(t, "last ok")
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestHangingStoreCountsAsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a := &disk{takes: time.Hour}, &answers{}
		c := store.NewCommitter(d, store.CommitterConfig{Timeout: 2 * time.Second})
		c.Submit(one(1, 1, "a", "1"), nil, a.ack("first"))
		time.Sleep(2*time.Second - 1)
		a.want(t)
		time.Sleep(time.Nanosecond)
		a.want(t, "first away")
		time.Sleep(500 * time.Millisecond) // the next try hangs
		c.Submit(one(1, 1, "b", "1"), nil, a.ack("second"))
		a.want(t, "second away")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.Close(ctx)
		if !errors.Is(err, store.ErrAway) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 entries") {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestFencedSubmissions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a := &disk{takes: time.Millisecond, fenced: map[store.Fence]bool{{Shard: 2, Epoch: 1}: true, {Shard: 0, Epoch: 0}: true}}, &answers{}
		c := store.NewCommitter(d, store.CommitterConfig{})
		c.Submit(one(1, 1, "warm", "up"), nil, nil)
		c.Submit(one(1, 1, "a", "1"), lamp("l", "1"), a.ack("fine"))
		c.Submit(one(2, 1, "a", "1"), nil, a.ack("late"))
		half := append(one(1, 1, "b", "1"), one(2, 1, "b", "1")...)
		var named []store.Fence
		c.Submit(half, nil, func(err error) {
			a.ack("half")(err)
			var e *store.FencedError
			if errors.As(err, &e) {
				named = e.Fenced
			}
		})
		c.Submit(one(2, 2, "c", "new"), nil, a.ack("owner"))
		c.Submit(one(2, 1, "c", "old"), nil, a.ack("behind"))
		c.Submit(one(0, 0, "k", ""), nil, a.ack("never acquired"))
		c.Submit(nil, lamp("m", "1"), a.ack("lamp"))
		time.Sleep(time.Second)
		a.want(t, "fine ok", "late fenced", "half fenced", "owner ok", "behind fenced", "never acquired fenced", "lamp ok")
		if !slices.Equal(named, []store.Fence{{Shard: 2, Epoch: 1}}) {
			t.Errorf("%v is named as lost: the owner must know which shards to drop", named)
		}
		if c.Away() || c.Pending() != 0 {
			t.Errorf("away %v, pending %d: a fenced change must not be tried again", c.Away(), c.Pending())
		}
		if d.data["1/b"] != "1" || d.data["2/c"] != "new" || d.data["2/a"] != "" {
			t.Errorf("stored %v", d.data)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// A big group is written in parts of whole shards; what is written is not written again.
func TestParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a := &disk{fails: func(call int) error {
			if call == 3 {
				return errors.New("hiccup")
			}
			return nil
		}}, &answers{}
		c := store.NewCommitter(d, store.CommitterConfig{MaxBatch: 2, MaxDelay: time.Second})
		var deltas []store.Delta
		for shard := range uint16(4) {
			for i := range 3 {
				deltas = append(deltas, one(shard, 1, fmt.Sprint(i), "v")...)
			}
		}
		c.Submit(deltas, []store.LampDelta{{Key: "l"}, {Key: "m"}, {Key: "n"}}, a.ack("all"))
		time.Sleep(time.Minute)
		a.want(t, "all away")
		seen := map[string]int{}
		for _, b := range d.batches {
			if len(b) > 5 {
				t.Errorf("a part of %d", len(b))
			}
			perShard := map[byte]int{}
			for _, kv := range b {
				seen[kv]++
				if strings.Contains(kv, "/") {
					perShard[kv[0]]++
				}
			}
			for shard, n := range perShard {
				if n != 3 {
					t.Errorf("shard %c was split: %v", shard, b)
				}
			}
		}
		if len(seen) != 15 || c.Away() {
			t.Errorf("%d entries written, want 15; away %v", len(seen), c.Away())
		}
		for kv, n := range seen {
			if n != 1 {
				t.Errorf("%s written %d times", kv, n)
			}
		}
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestMaxDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a := &disk{}, &answers{}
		c := store.NewCommitter(d, store.CommitterConfig{MaxDelay: 10 * time.Millisecond})
		for i := range 25 {
			c.Submit(one(1, 1, fmt.Sprint(i), ""), nil, nil)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(d.batches); n != 3 {
			t.Errorf("%d commits in 25 ms, want 3", n)
		}
		c.Submit(one(1, 1, "x", ""), nil, a.ack("x"))
		if err := c.Flush(t.Context()); err != nil { // does not wait
			t.Fatal(err)
		}
		a.want(t, "x ok")
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestGather: after a group of many the next one waits for more; who comes alone does not.
func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		c := store.NewCommitter(d, store.CommitterConfig{Gather: 10 * time.Millisecond})
		commits := func() (n int) {
			synctest.Wait()
			d.set(func() { n = len(d.batches) })
			return n
		}
		submit := func(n int) {
			var all []store.Delta
			for i := range n {
				all = append(all, one(1, 1, fmt.Sprint(i), "")...)
			}
			c.Submit(all, nil, nil)
		}
		submit(1)
		if n := commits(); n != 1 {
			t.Errorf("%d commits, want one at once", n)
		}
		submit(100)
		if n := commits(); n != 2 {
			t.Errorf("%d commits, want one of many at once", n)
		}
		for i := range 5 {
			submit(1)
			if n := commits(); n != 2 {
				t.Errorf("%d commits, want no other within %d ms", n, 2*i)
			}
			time.Sleep(2 * time.Millisecond)
		}
		time.Sleep(time.Millisecond)
		if n := commits(); n != 3 {
			t.Errorf("%d commits, want one more after 10 ms", n)
		}
		submit(1)
		if n := commits(); n != 4 {
			t.Errorf("%d commits, want one at once after one of few", n)
		}
		submit(100)
		submit(1)
		if err := c.Flush(t.Context()); err != nil { // does not wait
			t.Fatal(err)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCloseAndInvalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a := &disk{takes: time.Second}, &answers{}
		c := store.NewCommitter(d, store.CommitterConfig{})
		c.Submit(append(one(1, 1, "good", ""), one(1, 1, "", "")...), nil, a.ack("key"))
		c.Submit(nil, lamp("", ""), a.ack("lamp"))
		a.want(t, "key invalid", "lamp invalid")
		c.Submit(one(1, 1, "a", ""), nil, a.ack("first"))
		c.Submit(one(1, 1, "b", ""), nil, a.ack("second"))
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.want(t, "first ok", "second ok")
		c.Submit(one(1, 1, "c", ""), nil, a.ack("late"))
		a.want(t, "late closed")
		if err := c.Flush(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Flush after Close: %v", err)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Errorf("second Close: %v", err)
		}
		if len(d.data) != 2 {
			t.Errorf("stored %v", d.data)
		}
	})
}

func TestCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a := &disk{takes: time.Hour}, &answers{}
		c := store.NewCommitter(d, store.CommitterConfig{Timeout: 2 * time.Hour})
		c.Submit(one(1, 1, "a", ""), nil, a.ack("first"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		a.want(t, "first closed")
	})
}

// Whatever fails whenever: every submission is answered once, what was answered with
// nil is stored (or something newer), and in the end all is.
func TestRandomOutages(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			flaky := rand.New(rand.NewPCG(seed, 1))
			d := &disk{takes: time.Millisecond, fails: func(int) error {
				if flaky.IntN(3) == 0 {
					return errors.New("hiccup")
				}
				return nil
			}}
			c := store.NewCommitter(d, store.CommitterConfig{MaxBatch: 1 + r.IntN(8), MaxDelay: time.Duration(r.IntN(3)) * time.Millisecond,
				RetryMin: time.Millisecond, RetryMax: 20 * time.Millisecond})
			latest := map[string]int{}
			answered := make([]int, 500)
			for n := range answered {
				shard, key := uint16(r.IntN(4)), fmt.Sprint(r.IntN(5))
				full := fmt.Sprintf("%d/%s", shard, key)
				latest[full] = n
				c.Submit(one(shard, 1, key, fmt.Sprint(n)), nil, func(err error) {
					answered[n]++
					stored := -1
					d.set(func() { _, _ = fmt.Sscan(d.data[full], &stored) })
					if err == nil && stored < n {
						t.Errorf("seed %d: %s answered with nil at %d, stored is %d", seed, full, n, stored)
					}
				})
				time.Sleep(time.Duration(r.IntN(2000)) * time.Microsecond)
			}
			if err := c.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			for n, times := range answered {
				if times != 1 {
					t.Errorf("seed %d: submission %d was answered %d times", seed, n, times)
				}
			}
			for full, n := range latest {
				if d.data[full] != fmt.Sprint(n) {
					t.Errorf("seed %d: %s is %s, want %d", seed, full, d.data[full], n)
				}
			}
		})
	}
}

func TestCommitterMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		down := true
		d := &disk{fails: func(int) error {
			if down {
				return errors.New("no")
			}
			return nil
		}}
		c := store.NewCommitter(d, store.CommitterConfig{Registerer: reg})
		c.Submit(one(1, 1, "a", ""), lamp("l", ""), nil)
		synctest.Wait()
		expect := func(text string) {
			t.Helper()
			if err := testutil.GatherAndCompare(reg, strings.NewReader(text),
				"blfbridge_store_pending", "blfbridge_store_away", "blfbridge_store_commits_total"); err != nil {
				t.Error(err)
			}
		}
		const format = `
# HELP blfbridge_store_away 1 while the store cannot be written.
# TYPE blfbridge_store_away gauge
blfbridge_store_away %d
# HELP blfbridge_store_commits_total Groups written durably.
# TYPE blfbridge_store_commits_total counter
blfbridge_store_commits_total %d
# HELP blfbridge_store_pending Keys that wait to be written or are being written.
# TYPE blfbridge_store_pending gauge
blfbridge_store_pending %d
`
		expect(fmt.Sprintf(format, 1, 0, 2))
		d.set(func() { down = false })
		time.Sleep(time.Minute)
		expect(fmt.Sprintf(format, 0, 1, 0))
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
