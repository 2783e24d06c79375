package replicatest

import (
	"cmp"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"blfbridge/bridge/siptest/lab"
	"blfbridge/bridge/store/storetest"
)

const (
	adminToken = "fleet-token"
	// Source is the name of the PBX in the replicas' configuration.
	Source = "pbx1"
)

// Config is what New needs; the zero value of a field has the default that it names.
type Config struct {
	// Replicas is how many there are; default 3.
	Replicas int
	// Lines is how many lines the PBX has, from 1001 on; default 20.
	Lines int
	// Lease is replicas.lease; default 1 s.
	Lease time.Duration
	// Grace is the PBX's grace; default 30 s: lamps are never unknown in a fault's time.
	Grace time.Duration
	// Tags are those of the program (Build).
	Tags string
	// Store is the section store of the configuration of the replica with this number, where
	// it is another Redis than the one that New starts; Client is a connection to it then.
	Store  func(replica int) string
	Client redis.UniversalClient
	// Clocks: the wall clocks of the replicas and of Redis can be set.
	Clocks bool
	// SIP are further entries of the configuration's section sip, More further lines of the configuration.
	SIP, More string
	// Net: each replica runs in a network of its own, not beside the test, and nothing stands
	// between it and Redis or the PBX; nil = beside the test.
	Net Net
}

// Fleet is some replicas with what they need. Its methods are for the test's goroutine, if
// they do not say more.
type Fleet struct {
	T        T
	Config   Config
	Replicas []*Replica
	PBX      *PBX
	Wires    *Wires
	// Server is the Redis that New started; nil with Config.Store.
	Server *storetest.RedisControl
	// Clock is its wall clock, with Config.Clocks.
	Clock *Clock
	// Redis is a connection of the test's own.
	Redis redis.UniversalClient
	// Numbers are the lines.
	Numbers []string
	// Began is when the fleet did; times in what is told count from it.
	Began time.Time

	stall stalls

	mu       sync.Mutex // guards what follows
	watchers []*Watcher
	marks    []Mark
}

// New starts a fleet and waits until every replica serves.
func New(t T, c Config) *Fleet {
	t.Helper()
	c.Replicas, c.Lines = cmp.Or(c.Replicas, 3), cmp.Or(c.Lines, 20)
	c.Lease, c.Grace = cmp.Or(c.Lease, time.Second), cmp.Or(c.Grace, 30*time.Second)
	f := &Fleet{T: t, Config: c, Wires: newWires(), Redis: c.Client}
	for i := range c.Lines {
		f.Numbers = append(f.Numbers, fmt.Sprint(1001+i))
	}
	program := Build(t, c.Tags, c.Clocks)
	f.Began = time.Now()
	f.stall.begin(t)
	f.PBX = newPBX(t, c.here(SidePBX), f.Numbers)
	if c.Store == nil {
		var addr string
		var env []string
		if c.Clocks {
			f.Clock = newClock(t)
			env = []string{f.Clock.env(), "LD_PRELOAD=" + clockLibrary(t)}
		}
		addr, f.Server = storetest.StartRedisIn(t, env, c.redisArgs()...)
		client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: 20})
		t.Cleanup(func() { _ = client.Close() })
		f.Redis = client
	}
	for i := range c.Replicas {
		f.add(i, program)
	}
	for _, r := range f.Replicas {
		r.Start()
	}
	for _, r := range f.Replicas {
		r.Ready()
	}
	return f
}

func (f *Fleet) add(i int, program string) {
	f.T.Helper()
	dir := f.T.TempDir()
	r := &Replica{
		Name: string(rune('A' + i)), SIP: freeAddress(f.T), Admin: freeAddress(f.T), t: f.T, program: program,
		path: filepath.Join(dir, "blfbridge.yaml"), log: &logBuffer{}, command: exec.Command,
	}
	if f.Config.Net != nil {
		f.place(i, r)
	} else {
		r.PBX = NewProxy(f.T, f.PBX.Addr())
	}
	if f.Config.Clocks {
		r.Clock = newClock(f.T)
		r.env = []string{r.Clock.env()}
	}
	if f.Server != nil && f.Config.Net == nil {
		r.Redis = NewProxy(f.T, f.Server.Addr())
	}
	f.Replicas = append(f.Replicas, r)
	f.configure(i)
	f.T.Cleanup(r.end)
}

// configure writes the configuration of a replica.
func (f *Fleet) configure(i int) {
	f.T.Helper()
	r, c := f.Replicas[i], &f.Config
	pbx, redis := f.ways(r)
	var b strings.Builder
	fmt.Fprintf(&b, "sip:\n  listen: [udp://%s, tcp://%s]\n%s", r.SIP, r.SIP, c.SIP)
	fmt.Fprintf(&b, "pbx:\n  - {name: %s, type: asterisk, url: \"http://%s\", username: blfbridge, password: %s, app: replicas, grace: %v}\n",
		Source, pbx, ariPassword, c.Grace)
	if c.Store != nil {
		b.WriteString(c.Store(i))
	} else {
		fmt.Fprintf(&b, "store: {type: redis, url: [\"redis://%s\"], timeout: 1s}\n", redis)
	}
	fmt.Fprintf(&b, "replicas: {enabled: true, name: %s, lease: %v}\n", r.Name, c.Lease)
	fmt.Fprintf(&b, "admin: {listen: %s, token: %s}\nlog: {level: debug}\n%s", r.Admin, adminToken, c.More)
	r.configure(b.String())
}

// MovePBX lets the PBX go on at another address, which every replica is told of.
func (f *Fleet) MovePBX() {
	f.T.Helper()
	f.PBX.Move()
	for i, r := range f.Replicas {
		if r.PBX != nil {
			r.PBX.Reset()
			r.PBX = NewProxy(f.T, f.PBX.Addr())
		}
		f.configure(i)
		if r.Runs() {
			r.Reload()
		}
	}
}

// At is the replica with this SIP address; nil = none. It is safe for concurrent use.
func (f *Fleet) At(addr string) *Replica {
	for _, r := range f.Replicas {
		if r.SIP == addr {
			return r
		}
	}
	return nil
}

// Holder waits until one replica holds the PBX's feed, and returns it.
func (f *Fleet) Holder() *Replica {
	f.T.Helper()
	var holder *Replica
	Eventually(f.T, 10*time.Second, "one replica to hold the feed", func() error {
		var all []string
		for _, r := range f.Replicas {
			if !r.Runs() {
				continue
			}
			if held, _ := r.Metric("blfbridge_feed_held"); held == 1 {
				all, holder = append(all, r.Name), r
			}
		}
		if len(all) != 1 {
			return fmt.Errorf("%v do", all)
		}
		return nil
	})
	return holder
}

// Others are all replicas but one.
func (f *Fleet) Others(r *Replica) (all []*Replica) {
	for _, o := range f.Replicas {
		if o != r {
			all = append(all, o)
		}
	}
	return all
}

// freeAddress is an address of this test's own.
func freeAddress(t T) string {
	t.Helper()
	port, err := lab.Port()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}
