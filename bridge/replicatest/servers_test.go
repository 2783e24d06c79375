package replicatest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"blfbridge/bridge/store/storetest"
)

// downAfter is when a Sentinel or a Cluster takes a server for dead that does not answer.
const downAfter = 1500 * time.Millisecond

// sentinels are a master, its replica and a Sentinel.
type sentinels struct {
	master, replica, sentinel *storetest.RedisControl
}

func startSentinels(t *testing.T) *sentinels {
	t.Helper()
	s := &sentinels{}
	var addr string
	addr, s.master = storetest.StartRedis(t)
	host, port, _ := net.SplitHostPort(addr)
	_, s.replica = storetest.StartRedis(t, "--replicaof", host+" "+port)
	Eventually(t, 20*time.Second, "the replica to follow", func() error {
		if !strings.Contains(s.replica.Do("INFO", "replication"), "master_link_status:up") {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor blf %s %s 1\nsentinel down-after-milliseconds blf %d\nsentinel failover-timeout blf 4000\n", host, port, downAfter.Milliseconds())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, s.sentinel = storetest.StartRedis(t, conf, "--sentinel")
	Eventually(t, 20*time.Second, "the Sentinel to find the replica", func() error {
		if info := s.sentinel.Do("INFO", "sentinel"); !strings.Contains(info, "slaves=1") {
			return fmt.Errorf("%s", info)
		}
		return nil
	})
	return s
}

// config is that of a fleet whose replicas ask the Sentinel.
func (s *sentinels) config(t *testing.T) Config {
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "blf", SentinelAddrs: []string{s.sentinel.Addr()}})
	t.Cleanup(func() { _ = c.Close() })
	return Config{Client: c, Store: func(int) string {
		return fmt.Sprintf("store: {type: redis, url: [%q], master: blf, timeout: 1s}\n", s.sentinel.URL())
	}}
}

// redisCluster are three masters, and a replica of each.
type redisCluster struct {
	masters, replicas []*storetest.RedisControl
}

func startCluster(t *testing.T) *redisCluster {
	t.Helper()
	c := &redisCluster{}
	start := func() *storetest.RedisControl {
		_, n := storetest.StartRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", strconv.FormatInt(downAfter.Milliseconds(), 10),
			"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0")
		return n
	}
	ok := func(n *storetest.RedisControl, args ...string) {
		t.Helper()
		if reply := n.Do(args...); reply != "+OK" {
			t.Fatalf("%v: %s", args, reply)
		}
	}
	slots := [][2]string{{"0", "5460"}, {"5461", "10922"}, {"10923", "16383"}}
	for i := range 6 {
		n := start()
		if i < 3 {
			ok(n, "CLUSTER", "ADDSLOTSRANGE", slots[i][0], slots[i][1])
			c.masters = append(c.masters, n)
		} else {
			c.replicas = append(c.replicas, n)
		}
		ok(n, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		host, port, _ := net.SplitHostPort(n.Addr())
		ok(c.masters[0], "CLUSTER", "MEET", host, port)
	}
	all := append(append([]*storetest.RedisControl{}, c.masters...), c.replicas...)
	for _, n := range all {
		Eventually(t, 30*time.Second, "the servers to know each other", func() error {
			if info := n.Do("CLUSTER", "INFO"); !strings.Contains(info, "cluster_known_nodes:6") || !strings.Contains(info, "cluster_state:ok") {
				return fmt.Errorf("%s", info)
			}
			return nil
		})
	}
	for i, n := range c.replicas {
		id := strings.TrimSpace(c.masters[i].Do("CLUSTER", "MYID"))
		ok(n, "CLUSTER", "REPLICATE", id)
	}
	for _, n := range c.replicas {
		Eventually(t, 30*time.Second, "the replica to follow", func() error {
			if info := n.Do("INFO", "replication"); !strings.Contains(info, "master_link_status:up") {
				return fmt.Errorf("%s", info)
			}
			return nil
		})
	}
	return c
}

func (c *redisCluster) config(t *testing.T) Config {
	var addrs, urls []string
	for _, n := range append(append([]*storetest.RedisControl{}, c.masters...), c.replicas...) {
		addrs, urls = append(addrs, n.Addr()), append(urls, strconv.Quote(n.URL()))
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { _ = client.Close() })
	return Config{Client: client, Store: func(int) string {
		return fmt.Sprintf("store: {type: redis, url: [%s], cluster: true, timeout: 1s}\n", strings.Join(urls, ", "))
	}}
}
