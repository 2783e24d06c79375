package replicatest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// befalls plays one fault with every line changing before, within and after it. Lamps are right
// within the fault's bound, and nothing is left in Redis.
func befalls(t *testing.T, name string, d time.Duration) *Fleet {
	t.Helper()
	return happens(t, Config{}, name, d)
}

func happens(t *testing.T, c Config, name string, d time.Duration) *Fleet {
	t.Helper()
	f := fleet(t, c)
	all := Faults(f.Config.Lease)
	fault := all[slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })]
	flips(f, device.Ringing, 2*time.Second)
	r := f.Holder()
	f.Mark("%s begins, replica %s", name, r.Name)
	half := time.AfterFunc(d/2, func() {
		for _, n := range f.Numbers {
			f.PBX.Set(n, device.Busy)
		}
	})
	fault.Play(f, r, d)
	half.Stop()
	f.Mark("%s is over", name)
	f.AllRight(fault.Settle)
	flips(f, device.Idle, fault.Settle)
	if fault.Impairs {
		f.Judge(r)
	} else {
		f.Judge()
	}
	f.Tidy(15 * time.Second)
	return f
}

// keepsShards: nobody took over what a phone's connection is to; else its lamp would be dark.
func keepsShards(t *testing.T, f *Fleet) {
	t.Helper()
	for _, r := range f.Replicas {
		if n, ok := r.Metric("blfbridge_cluster_adopted_total"); !ok || n != 0 {
			t.Errorf("replica %s took over %v subscriptions, and nobody was gone", r.Name, n)
		}
	}
}

// TestRedisRestarted: Redis is away for three leases, and all who live are taken for alive.
func TestRedisRestarted(t *testing.T) {
	t.Parallel()
	keepsShards(t, befalls(t, "redis-restarted", 3*time.Second))
}

// TestRedisFull: no subscription can be written for three leases (maxmemory).
func TestRedisFull(t *testing.T) {
	t.Parallel()
	keepsShards(t, befalls(t, "redis-full", 3*time.Second))
}

// TestRedisSlow: every answer takes 200 ms, so that a replica tells that it lives twice in a
// lease of 2 s.
func TestRedisSlow(t *testing.T) {
	t.Parallel()
	keepsShards(t, happens(t, Config{Lease: 2 * time.Second}, "redis-slow", 3*time.Second))
}

// TestCutFromRedis: the holder of the feed does not reach Redis for three leases, and its
// phones do reach it. Those over TCP are its own again afterwards.
func TestCutFromRedis(t *testing.T) {
	t.Parallel()
	befalls(t, "cut-from-redis", 3*time.Second)
}

// TestCutFromPhones: the reverse. Nobody takes over, because it lives.
func TestCutFromPhones(t *testing.T) {
	t.Parallel()
	keepsShards(t, befalls(t, "cut-from-phones", 3*time.Second))
}

// TestPBXMoved: the PBX goes on at another address, which a reload tells.
func TestPBXMoved(t *testing.T) {
	t.Parallel()
	keepsShards(t, befalls(t, "pbx-moved", time.Second))
}

// TestMoveLost: Redis loses the move of a subscription (it was killed before it wrote, or its
// replica took its place without it), and has it where it was again. That replica does not hold
// it, and deletes it: who takes its shard over when it dies tells the phone nothing.
func TestMoveLost(t *testing.T) {
	t.Parallel()
	f := New(t, Config{Lines: 1})
	a, b := f.Replicas[0], f.Replicas[1]
	w := f.Watch(f.Numbers[0], a, false)
	ctx := t.Context()
	find := func() (hash, key, value string) {
		t.Helper()
		owners, err := f.Redis.HGetAll(ctx, "{blf}:shards").Result()
		if err != nil {
			t.Fatal(err)
		}
		for id := range owners {
			hash := fmt.Sprintf("{blf:s%02s}:subs", id)
			for k, v := range f.Redis.HGetAll(ctx, hash).Val() {
				return hash, k, v
			}
		}
		t.Fatal("it is not stored")
		return "", "", ""
	}
	hash, key, value := find()
	w.GoTo(b)
	if err := w.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if now, _, _ := find(); now == hash {
		t.Fatal("it did not move")
	}
	f.Redis.HSet(ctx, hash, key, value)
	f.Redis.Del(ctx, strings.TrimSuffix(hash, "subs")+"moved")
	f.Server.Kill()
	f.Server.Restart()
	Eventually(t, 10*time.Second, "it to be in one shard", f.untidy)
	a.Kill()
	flips(f, device.Busy, gone(f.Config.Lease))
	time.Sleep(2 * f.Config.Lease) // who took over what A had would have told it by now
	flips(f, device.Idle, 2*time.Second)
	f.Judge()
}
