package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// ReplicaOptions say how replicas are measured.
type ReplicaOptions struct {
	// Counts are the numbers of replicas, one run for each.
	Counts []int
	// Lines change, Changes of them a second in all, for Duration. Every line has Watchers
	// watchers at every replica. Lines must have no divisor in common with a count.
	Lines, Watchers int
	Changes         float64
	Duration        time.Duration
	// Idle is how long nothing happens before it.
	Idle time.Duration
	// Lease is replicas.lease.
	Lease time.Duration
	// Server makes the command that runs ServeChild, Redis is the server's program.
	Server func() *exec.Cmd
	Redis  string
	// Progress may be nil.
	Progress func(string)
}

// ReplicaResult is one run: one process on the embedded store and then so many replicas
// on a Redis of their own, under the same phones and changes.
type ReplicaResult struct {
	Replicas      int     `json:"replicas"`
	Subscriptions int     `json:"subscriptions"`
	Changes       float64 `json:"changes"` // of the loaded time
	Seconds       float64 `json:"seconds"`
	Notifies      uint64  `json:"notifies"`

	// Embedded, Holder and Followers are change → NOTIFY at the phones of the process that is
	// alone, of the replica that is connected to the PBX, and of the others.
	Embedded  *Latency `json:"embedded"`
	Holder    *Latency `json:"holder"`
	Followers *Latency `json:"followers"`

	// Subscribing, Idle and Loaded are what Redis did: while the phones subscribed, in
	// IdleSeconds without a change, and under the changes.
	Subscribing RedisUse `json:"subscribing"`
	Idle        RedisUse `json:"idle"`
	IdleSeconds float64  `json:"idle_seconds"`
	Loaded      RedisUse `json:"loaded"`
	// Memory is what the subscriptions take in Redis, in all.
	Memory float64 `json:"memory_bytes"`

	// HolderCPU and FollowerCPU are a process's, µs for each change.
	HolderCPU   float64 `json:"holder_cpu_us"`
	FollowerCPU float64 `json:"follower_cpu_us"`

	// Adopted subscriptions of the holder that was killed; Adoption is the time until the
	// last was, Failover that until another replica was connected to the PBX, in seconds.
	Adopted  int      `json:"adopted"`
	Adoption float64  `json:"adoption_s"`
	Failover float64  `json:"failover_s"`
	Rescue   RedisUse `json:"rescue"`
}

// Replicas measures what several replicas cost.
func Replicas(ctx context.Context, o ReplicaOptions) ([]ReplicaResult, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	var out []ReplicaResult
	for _, n := range o.Counts {
		r := ReplicaResult{Replicas: n, Subscriptions: n * o.Watchers * o.Lines}
		alone, err := o.alone(ctx, &r)
		if err == nil {
			r.Embedded = alone
			err = o.together(ctx, &r)
		}
		if err != nil {
			return out, fmt.Errorf("%d replicas: %w", n, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// alone lets one process on the embedded store serve all.
func (o *ReplicaOptions) alone(ctx context.Context, r *ReplicaResult) (*Latency, error) {
	dir, err := os.MkdirTemp("", "blfbridge-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer os.RemoveAll(dir)
	s, err := startChild(o.Server(), childConfig{Listen: "127.0.0.1:0", Lines: o.Lines, Store: filepath.Join(dir, "bench.db")})
	if err != nil {
		return nil, err
	}
	g := &group{o: o, all: []*child{s}}
	defer g.kill()
	if err := g.subscribe(ctx, r.Replicas); err != nil {
		return nil, err
	}
	defer g.farm.close()
	c, err := g.load(ctx)
	if err != nil {
		return nil, err
	}
	return c.change.latency(), errors.Join(g.breaches(c), s.close())
}

// together lets several share a Redis.
func (o *ReplicaOptions) together(ctx context.Context, r *ReplicaResult) (err error) {
	redis, err := startRedis(o.Redis)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, redis.close()) }()
	g := &group{o: o}
	defer g.kill()
	for range r.Replicas {
		s, err := startChild(o.Server(), childConfig{Listen: "127.0.0.1:0", Lines: o.Lines, Store: "redis://" + redis.addr, Lease: o.Lease})
		if err != nil {
			return err
		}
		g.all = append(g.all, s)
	}
	if err := g.ready(ctx); err != nil {
		return err
	}
	empty, err := redis.use()
	if err != nil {
		return err
	}
	if err := g.subscribe(ctx, r.Replicas); err != nil {
		return err
	}
	defer g.farm.close()
	if err := sleep(ctx, time.Second); err != nil { // the last group is committed
		return err
	}
	stood, err := redis.use()
	if err != nil {
		return err
	}
	r.Subscribing = stood.since(empty)
	if r.Memory, err = redis.subscriptions(r.Replicas); err != nil {
		return err
	}
	if stood, err = redis.use(); err != nil {
		return err
	}
	if _, err = g.farm.play(ctx, phase{}, func(ctx context.Context) error { return sleep(ctx, o.Idle) }); err != nil {
		return err
	}
	before, err := redis.use()
	if err != nil {
		return err
	}
	r.Idle, r.IdleSeconds = before.since(stood), o.Idle.Seconds()
	if err := g.measure(ctx, r); err != nil {
		return err
	}
	after, err := redis.use()
	if err != nil {
		return err
	}
	r.Loaded = after.since(before)
	if err := g.rescue(ctx, r); err != nil {
		return err
	}
	rescued, err := redis.use()
	r.Rescue = rescued.since(after)
	return err
}

// group are the processes of a run; the first is connected to the PBX.
type group struct {
	o    *ReplicaOptions
	all  []*child
	farm *farm
	done int // changes

	holder, followers histogram // change → NOTIFY under the last load
}

func (g *group) kill() {
	for _, s := range g.all {
		if s != nil {
			_ = s.kill()
		}
	}
}

// ready waits until every replica has shards and knows the lamps, and puts the one that is
// connected to the PBX first.
func (g *group) ready(ctx context.Context) error {
	for range 1000 {
		known := 0
		for i, s := range g.all {
			a, err := s.ask("metrics")
			if err != nil {
				return err
			}
			holds := a.Metrics["blfbridge_feed_held"] == 1
			if a.Metrics["blfbridge_cluster_shards"] > 0 && (holds || a.Metrics["blfbridge_feed_joins_total"] > 0) {
				known++
			}
			if holds {
				g.all[0], g.all[i] = g.all[i], g.all[0]
			}
		}
		if known == len(g.all) {
			return sleep(ctx, 100*time.Millisecond)
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("bench: the replicas do not find each other")
}

// subscribe lets all phones subscribe, those of each of so many sockets at one server.
func (g *group) subscribe(ctx context.Context, sockets int) (err error) {
	var addrs []netip.AddrPort
	for _, s := range g.all {
		addrs = append(addrs, s.addr())
	}
	if g.farm, err = newFarm(addrs, sockets, g.o.Lines, 0); err != nil {
		return err
	}
	g.farm.grow(sockets * g.o.Watchers * g.o.Lines)
	c, err := g.farm.play(ctx, phase{kind: subscribe, window: 100}, nil)
	if err != nil {
		return err
	}
	return g.breaches(c)
}

// load changes lines by chance for the time of the run; all phones must show the last state
// in the end.
func (g *group) load(ctx context.Context) (*counters, error) {
	random := rand.New(rand.NewPCG(2, 3))
	g.done = 0
	c, err := g.farm.play(ctx, phase{}, func(ctx context.Context) error {
		for began := time.Now(); time.Since(began) < g.o.Duration; {
			for due := int(time.Since(began).Seconds() * g.o.Changes); g.done < due; g.done++ {
				line := random.IntN(g.o.Lines)
				g.farm.alter(line, 1)
				on := g.farm.lines[line].change.Load()&1 == 1
				for _, s := range g.all { // the PBX is all of theirs
					if err := s.set(ctx, line, 1, on); err != nil {
						return err
					}
				}
			}
			if err := sleep(ctx, 500*time.Microsecond); err != nil {
				return err
			}
		}
		return sleep(ctx, 200*time.Millisecond)
	})
	if err != nil {
		return nil, err
	}
	g.holder, g.followers = histogram{}, histogram{}
	for i, w := range g.farm.workers {
		if i%len(g.all) == 0 {
			g.holder.merge(&w.count.change)
		} else {
			g.followers.merge(&w.count.change)
		}
	}
	for range 50 { // retransmissions
		if g.farm.wrong() == 0 {
			break
		}
		if _, err := g.farm.play(ctx, phase{}, func(ctx context.Context) error { return sleep(ctx, 100*time.Millisecond) }); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// measure loads the replicas.
func (g *group) measure(ctx context.Context, r *ReplicaResult) error {
	cpu := make([]time.Duration, len(g.all))
	for i, s := range g.all {
		cpu[i] = cpuOf(s.pids())
	}
	began := time.Now()
	c, err := g.load(ctx)
	if err != nil {
		return err
	}
	r.Seconds, r.Changes, r.Notifies = time.Since(began).Seconds(), float64(g.done), c.Notifies
	for i, s := range g.all {
		used := float64(cpuOf(s.pids())-cpu[i]) / 1e3 / r.Changes
		if i == 0 {
			r.HolderCPU = round(used, 1)
		} else {
			r.FollowerCPU += used / float64(len(g.all)-1)
		}
	}
	r.FollowerCPU = round(r.FollowerCPU, 1)
	r.Holder, r.Followers = g.holder.latency(), g.followers.latency()
	return g.breaches(c)
}

// rescue kills the replica that is connected to the PBX, and waits until the others have
// what it had.
func (g *group) rescue(ctx context.Context, r *ReplicaResult) error {
	lost := g.o.Watchers * g.o.Lines
	if err := g.all[0].kill(); err != nil {
		g.o.Progress(fmt.Sprint(err)) // it was killed: that it says so is no error
	}
	g.all = g.all[1:]
	began := time.Now()
	var mu sync.Mutex // guards what the look at each finds
	for time.Since(began) < 10*g.o.Lease+patience {
		adopted, held := 0.0, 0.0
		var wg sync.WaitGroup
		for _, s := range g.all {
			wg.Go(func() {
				if a, err := s.ask("metrics"); err == nil {
					mu.Lock()
					adopted += a.Metrics["blfbridge_cluster_adopted_total"]
					held += a.Metrics["blfbridge_feed_held"]
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		now := round(time.Since(began).Seconds(), 3)
		if held > 0 && r.Failover == 0 {
			r.Failover = now
		}
		if int(adopted) == lost && r.Adoption == 0 {
			r.Adoption, r.Adopted = now, lost
		}
		if r.Failover > 0 && r.Adoption > 0 {
			return sleep(ctx, g.o.Lease) // what is written anew is
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("bench: what the killed replica had is not adopted")
}

// breaches is what no correct server does.
func (g *group) breaches(c *counters) error {
	r := Result{
		Scenario: "replicas", VersionGaps: c.VersionGaps, StepsBack: c.StepsBack, Reused: c.Reused, Wrong: g.farm.wrong(),
		Failed: c.Failed, Ended: c.Ended, Strange: c.Strange,
	}
	return r.Err()
}
