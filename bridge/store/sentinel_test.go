package store_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"blfbridge/bridge/store"
	"blfbridge/bridge/store/storetest"
)

type sentinelSet struct {
	master, replica, sentinel *storetest.RedisControl
}

func startSentinel(t *testing.T) sentinelSet {
	t.Helper()
	var s sentinelSet
	var addr string
	addr, s.master = storetest.StartRedis(t)
	host, port, _ := net.SplitHostPort(addr)
	_, s.replica = storetest.StartRedis(t, "--replicaof", host+" "+port)
	storetest.Eventually(t, 20*time.Second, "the replica follows", func() bool {
		return storetest.HasLine(s.replica.Do("INFO", "replication"), "master_link_status:up")
	})
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(conf, []byte(`sentinel monitor blf-master `+host+` `+port+` 1
sentinel down-after-milliseconds blf-master 500
sentinel failover-timeout blf-master 2000
`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, s.sentinel = storetest.StartRedis(t, conf, "--sentinel")
	storetest.Eventually(t, 20*time.Second, "the sentinel finds the replica", func() bool {
		return storetest.HasLine(s.sentinel.Do("INFO", "sentinel"),
			"master0:name=blf-master,status=ok,address="+addr+",slaves=1,sentinels=1")
	})
	return s
}

// A master that dies with acknowledged commits: with WAIT its replica has them, and
// the committer goes on there by itself.
func TestSentinelFailover(t *testing.T) {
	set := startSentinel(t)
	b := open(t, store.Config{Kind: "redis", URLs: []string{set.sentinel.URL()}, Master: "blf-master", WaitReplicas: 1})
	defer b.Close()
	l := startLoad(t, b)
	storetest.Eventually(t, 20*time.Second, "some commits", func() bool { return l.acked() > 200 })
	// The new master has no replica left to wait for.
	noWait := open(t, store.Config{Kind: "redis", URLs: []string{set.sentinel.URL()}, Master: "blf-master"})
	defer noWait.Close()
	set.master.Kill()
	storetest.Eventually(t, 20*time.Second, "away", l.c.Away)
	before := l.acked()
	l.swap(noWait)
	storetest.Eventually(t, 30*time.Second, "commits on the new master", func() bool { return l.acked() > before+200 })
	l.stop()
	l.verify(noWait)
}
