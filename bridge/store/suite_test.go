package store_test

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"blfbridge/bridge/store"
	"blfbridge/bridge/store/storetest"
)

func open(t testing.TB, cfg store.Config) store.Backend {
	t.Helper()
	b, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBolt(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func() store.Backend {
		path := filepath.Join(t.TempDir(), "new folder", "blf.db")
		return func() store.Backend { return open(t, store.Config{Path: path}) }
	})
}

func TestRedis(t *testing.T) {
	_, ctl := storetest.StartRedis(t)
	storetest.Run(t, redisOf(ctl, store.Config{URLs: []string{ctl.URL()}}))
}

// redisOf gives each test a prefix of its own.
func redisOf(ctl *storetest.RedisControl, cfg store.Config) storetest.Fresh {
	n := 0
	return func(t *testing.T) func() store.Backend {
		n++
		cfg.Kind, cfg.Prefix = "redis", fmt.Sprintf("t%d", n)
		return func() store.Backend { return open(t, cfg) }
	}
}

// A Cluster of three masters: the keys of a shard must live in one slot, and a
// batch must find all three.
func TestRedisCluster(t *testing.T) {
	nodes := startCluster(t)
	var urls []string
	for _, n := range nodes {
		urls = append(urls, n.URL())
	}
	storetest.Run(t, redisOf(nodes[0], store.Config{URLs: urls}))
	for i, n := range nodes {
		if size := n.Do("DBSIZE"); size == ":0" {
			t.Errorf("node %d has no keys", i)
		}
	}
}

func startCluster(t *testing.T) []*storetest.RedisControl {
	t.Helper()
	slots := [][2]string{{"0", "5460"}, {"5461", "10922"}, {"10923", "16383"}}
	var nodes []*storetest.RedisControl
	for i, s := range slots {
		addr, n := storetest.StartRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		nodes = append(nodes, n)
		if reply := n.Do("CLUSTER", "ADDSLOTSRANGE", s[0], s[1]); reply != "+OK" {
			t.Fatal(reply)
		}
		n.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		if i > 0 {
			host, port, _ := net.SplitHostPort(addr)
			if reply := nodes[0].Do("CLUSTER", "MEET", host, port); reply != "+OK" {
				t.Fatal(reply)
			}
		}
	}
	for _, n := range nodes {
		storetest.Eventually(t, 20*time.Second, "the cluster forms", func() bool {
			info := n.Do("CLUSTER", "INFO")
			return storetest.HasLine(info, "cluster_state:ok") && storetest.HasLine(info, "cluster_size:3")
		})
	}
	return nodes
}

// Sentinels know where the master is; WAIT asks its replica.
func TestRedisSentinel(t *testing.T) {
	set := startSentinel(t)
	storetest.Run(t, redisOf(set.sentinel, store.Config{
		URLs: []string{set.sentinel.URL()}, Master: "blf-master", WaitReplicas: 1,
	}))
}
