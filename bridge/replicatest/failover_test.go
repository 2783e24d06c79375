package replicatest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/store/storetest"
)

// rewritten waits until every replica that runs has written anew what it has.
func rewritten(f *Fleet) {
	f.T.Helper()
	for _, r := range f.Replicas {
		Eventually(f.T, 30*time.Second, "replica "+r.Name+" to write its subscriptions anew", func() error {
			if n, _ := r.Metric("blfbridge_cluster_rewrites_total"); n < 1 {
				return fmt.Errorf("%v times", n)
			}
			return nil
		})
	}
}

// more are further phones at every replica.
func more(f *Fleet) {
	f.T.Helper()
	for i, r := range f.Replicas {
		for j := range 3 {
			f.Watch(f.Numbers[i+j], r, false)
		}
	}
}

// adoptedWhole kills a replica: what it had must be in Redis, else a phone's lamp stays wrong.
func adoptedWhole(f *Fleet) {
	f.T.Helper()
	time.Sleep(500 * time.Millisecond) // the groups are committed
	dead := f.Holder()
	f.Mark("replica %s is killed", dead.Name)
	dead.Kill()
	flips(f, device.Idle, 15*time.Second)
	flips(f, device.Busy, 5*time.Second)
	f.Judge()
}

// TestSentinel: the master dies with writes that its replica has not (replication is
// asynchronous). The owners write what the new master lacks, and when one of them dies then,
// the others have all that it had.
func TestSentinel(t *testing.T) {
	t.Parallel()
	s := startSentinels(t)
	f := fleet(t, s.config(t))
	flips(f, device.Ringing, 5*time.Second)
	s.replica.Pause()
	f.Mark("the replica of Redis is paused")
	more(f) // acknowledged by the master alone
	flips(f, device.Busy, 5*time.Second)
	f.Mark("the master of Redis is killed")
	s.master.Kill()
	s.replica.Resume()
	flips(f, device.Ringing, 20*time.Second)
	rewritten(f)
	if info := s.replica.Do("INFO", "replication"); !strings.Contains(info, "role:master") {
		t.Fatalf("no failover: %s", info)
	}
	f.Judge()
	adoptedWhole(f)
}

// TestRedisCluster: the master that has the PBX's feed and a third of the shards dies with
// writes that its replica has not, and the replica takes its place.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	f := fleet(t, c.config(t))
	flips(f, device.Ringing, 5*time.Second)
	spread(t, c)
	lost := slices.IndexFunc(c.masters, func(n *storetest.RedisControl) bool {
		return n.Do("EXISTS", "{blf:pbx:"+Source+"}:lease") == ":1"
	})
	if lost < 0 {
		t.Fatal("no master has the lease of the feed")
	}
	c.replicas[lost].Pause()
	more(f)
	flips(f, device.Busy, 5*time.Second)
	f.Mark("a master of the Cluster is killed")
	c.masters[lost].Kill()
	c.replicas[lost].Resume()
	flips(f, device.Ringing, 30*time.Second)
	rewritten(f)
	f.Judge()
	adoptedWhole(f)
}

// spread shows how many shards of subscriptions each master has: no master may have more
// than half, with three replicas of eight shards each.
func spread(t *testing.T, c *redisCluster) {
	t.Helper()
	all := make([]int, len(c.masters))
	for i, n := range c.masters {
		for shard := 64; shard < 64+24; shard++ {
			if n.Do("EXISTS", fmt.Sprintf("{blf:s%02d}:epoch", shard)) == ":1" {
				all[i]++
			}
		}
	}
	t.Logf("shards of subscriptions at the masters: %v", all)
	if sum := all[0] + all[1] + all[2]; sum < 24 || slices.Max(all) > 12 || slices.Min(all) == 0 {
		t.Errorf("the shards are spread %v over the masters", all)
	}
}
