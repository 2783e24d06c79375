package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/store"
	"blfbridge/bridge/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pbx is a PBX with any number of clients; each gets what it does, from a snapshot on.
type pbx struct {
	mu      sync.Mutex
	devices map[string]device.Status
	clients map[*client]bool
	lost    bool
}

func newPBX() *pbx { return &pbx{devices: map[string]device.Status{}, clients: map[*client]bool{}} }

// client is the source of one replica.
type client struct {
	p    *pbx
	sink compositor.Sink
}

func (c *client) Name() string { return "pbx1" }

func (c *client) Run(ctx context.Context, sink compositor.Sink) error {
	c.p.connect(c, sink)
	<-ctx.Done()
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	delete(c.p.clients, c)
	return nil
}

func (p *pbx) connect(c *client, sink compositor.Sink) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.sink = sink
	p.clients[c] = true
	if p.lost {
		sink.Down(errGone)
		return
	}
	sink.Snapshot(slices.Collect(maps.Values(p.devices)))
}

func (p *pbx) set(name string, s device.State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := device.Status{Name: name, Number: strings.TrimPrefix(name, "PJSIP/"), State: s, At: time.Now()}
	if s != device.Idle {
		d.Calls = []device.Call{{ID: "c-" + name, Phase: device.Confirmed, Remote: device.Party{Number: "7", Name: "Zoë"}, Since: time.Unix(1, 0)}}
	}
	p.devices[name] = d
	for c := range p.clients {
		c.sink.Change(d)
	}
}

func (p *pbx) remove(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.devices, name)
	for c := range p.clients {
		c.sink.Remove(name)
	}
}

var errGone = errors.New("gone")

// lose lets every client lose its connection; back gives them a snapshot again.
func (p *pbx) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = true
	for c := range p.clients {
		c.sink.Down(errGone)
	}
}

func (p *pbx) back() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = false
	for c := range p.clients {
		c.sink.Snapshot(slices.Collect(maps.Values(p.devices)))
	}
}

// lamps is a sink that notes the state.
type lamps struct {
	mu      sync.Mutex
	devices map[string]device.Status
	up      bool
	why     string
	joins   int
	wrong   []string
}

func (l *lamps) do(fn func()) { l.mu.Lock(); defer l.mu.Unlock(); fn() }

func (l *lamps) Snapshot(all []device.Status) {
	l.do(func() {
		l.devices = map[string]device.Status{}
		for _, d := range all {
			l.devices[d.Name] = d
		}
		l.up, l.joins = true, l.joins+1
	})
}

func (l *lamps) Change(d device.Status) {
	l.do(func() {
		if l.devices == nil {
			l.wrong = append(l.wrong, "a change before a snapshot")
			return
		}
		if old := l.devices[d.Name]; d.At.Before(old.At) {
			l.wrong = append(l.wrong, fmt.Sprintf("%s went back from %v to %v", d.Name, old.State, d.State))
		}
		l.devices[d.Name] = d
	})
}
func (l *lamps) Repair(d device.Status) { l.Change(d) }
func (l *lamps) Remove(name string)     { l.do(func() { delete(l.devices, name) }) }
func (l *lamps) Down(why error)         { l.do(func() { l.up, l.why = false, why.Error() }) }

// same reports how a sink differs from the PBX.
func (p *pbx) differs(l *lamps) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(p.devices) != len(l.devices) || l.devices == nil {
		return fmt.Sprintf("%d devices, want %d", len(l.devices), len(p.devices))
	}
	for name, d := range p.devices {
		got := l.devices[name]
		same := func(a, b device.Call) bool { return a.ID == b.ID && a.Remote == b.Remote && a.Since.Equal(b.Since) }
		if got.State != d.State || got.Number != d.Number || !got.At.Equal(d.At) || !slices.EqualFunc(got.Calls, d.Calls, same) {
			return fmt.Sprintf("%s is %+v, want %+v", name, got, d)
		}
	}
	return ""
}

// replica is one process that takes part.
type replica struct {
	t      *testing.T
	name   string
	addr   string
	p      *pbx
	lamps  *lamps
	feed   *Feed
	cancel context.CancelFunc
	wg     sync.WaitGroup
	store  *store.Redis
	group  *Cluster
}

func openStore(t *testing.T, addr string) *store.Redis {
	t.Helper()
	const wait = 300 * time.Millisecond
	b, err := store.Open(t.Context(), store.Config{Kind: "redis", URLs: []string{"redis://" + addr}, DialTimeout: wait, ReadTimeout: wait, WriteTimeout: wait})
	if err != nil {
		t.Fatal(err)
	}
	return b.(*store.Redis)
}

const testLease = 300 * time.Millisecond

func start(t *testing.T, name, addr string, p *pbx) *replica {
	r := &replica{t: t, name: name, addr: addr, p: p, lamps: &lamps{}}
	r.store = openStore(t, addr)
	r.group = New(Config{Store: r.store, Replica: name, Lease: testLease, Registerer: prometheus.NewRegistry()})
	r.feed = r.group.Source(&client{p: p})
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	r.wg.Go(func() {
		if err := r.feed.Run(ctx, r.lamps); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *replica) stop() {
	if r.store == nil {
		return
	}
	r.cancel()
	r.wg.Wait()
	if err := errors.Join(r.group.Close(), r.store.Close()); err != nil {
		r.t.Error(err)
	}
	r.store = nil
	r.lamps.do(func() {
		for _, w := range r.lamps.wrong {
			r.t.Errorf("%s: %s", r.name, w)
		}
	})
}

func eventually(t *testing.T, what string, ok func() string) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for {
		why := ok()
		if why == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %s", what, why)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// right waits until every replica knows what the PBX does.
func right(t *testing.T, what string, p *pbx, all ...*replica) {
	t.Helper()
	for _, r := range all {
		eventually(t, what+": "+r.name, func() string { return p.differs(r.lamps) })
	}
}

// holder is the replica whose source is connected, once there is exactly one.
func holder(t *testing.T, p *pbx, all ...*replica) (h *replica) {
	t.Helper()
	eventually(t, "one replica holds the feed", func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, r := range all {
			if p.clients[r.feed.source.(*client)] {
				h = r
			}
		}
		if len(p.clients) != 1 || h == nil {
			return fmt.Sprintf("%d do", len(p.clients))
		}
		return ""
	})
	return h
}

// TestFeed: one of three replicas is connected to the PBX, all know what it does; the feed
// goes on when its holder stops, when it is robbed of the lease, and when the PBX is lost.
func TestFeed(t *testing.T) {
	addr, ctl := storetest.StartRedis(t)
	p := newPBX()
	for i := range 1200 { // more than one chunk
		p.set(fmt.Sprintf("PJSIP/%d", 1000+i), device.Idle)
	}
	all := []*replica{start(t, "a", addr, p), start(t, "b", addr, p), start(t, "c", addr, p)}
	h := holder(t, p, all...)
	right(t, "at the start", p, all...)

	p.set("PJSIP/1001", device.Ringing)
	p.remove("PJSIP/1002")
	right(t, "after a change", p, all...)
	p.lose()
	for _, r := range all {
		eventually(t, "the PBX is lost", func() string {
			r.lamps.mu.Lock()
			defer r.lamps.mu.Unlock()
			if r.lamps.up || r.lamps.why != "gone" {
				return r.name + " does not know, but " + r.lamps.why
			}
			return ""
		})
	}
	late := start(t, "d", addr, p) // that it is lost is known to who comes later too
	right(t, "who comes later", p, late)
	eventually(t, "the PBX is lost", func() string {
		late.lamps.mu.Lock()
		defer late.lamps.mu.Unlock()
		if late.lamps.up {
			return "who came later does not know"
		}
		return ""
	})
	p.back()
	p.set("PJSIP/1003", device.Busy)
	all = append(all, late)
	right(t, "the PBX is back", p, all...)

	t.Log("its holder stops")
	h.stop()
	rest := slices.DeleteFunc(slices.Clone(all), func(r *replica) bool { return r == h })
	h2 := holder(t, p, rest...)
	p.set("PJSIP/1001", device.Idle)
	right(t, "another holds it", p, rest...)

	t.Log("its holder is robbed")
	ctl.Do("HSET", h2.feed.keys.lease, "token", "1000", "holder", "x", "until", "0")
	p.set("PJSIP/1004", device.Ringing)
	eventually(t, "somebody takes it", func() string {
		if s, err := rest[0].feed.look(t.Context()); err != nil || s.token <= 1000 || s.left == 0 {
			return fmt.Sprint(s, err)
		}
		return ""
	})
	holder(t, p, rest...)
	p.set("PJSIP/1004", device.Idle)
	right(t, "after the robbery", p, rest...)
	if keys := strings.Fields(ctl.Do("KEYS", h2.feed.keys.devices+"*")); len(keys) != 1 {
		t.Errorf("there are %d hashes of devices: %v", len(keys), keys)
	}
}

// TestFeedOverFaults: whatever happens to Redis and to the replicas, in the end every
// replica knows what the PBX does, and no device went back in time.
func TestFeedOverFaults(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test
	addr, ctl := storetest.StartRedis(t)
	p := newPBX()
	for i := range 50 {
		p.set(fmt.Sprintf("PJSIP/%d", 1000+i), device.Idle)
	}
	all := []*replica{start(t, "a", addr, p), start(t, "b", addr, p), start(t, "c", addr, p)}
	right(t, "at the start", p, all...)
	faults := map[string]func(){
		"the stream is gone":        func() { ctl.Do("DEL", all[0].feed.keys.feed) },
		"the stream is cut":         func() { ctl.Do("XTRIM", all[0].feed.keys.feed, "MAXLEN", "0") },
		"Redis lost everything":     func() { ctl.Do("FLUSHALL") },
		"Redis lost some":           func() { ctl.Do("HINCRBY", all[0].feed.keys.lease, "n", "-3") },
		"Redis was killed":          func() { ctl.Kill(); time.Sleep(testLease / 2); ctl.Restart() },
		"Redis was away for longer": func() { ctl.Kill(); time.Sleep(2 * testLease); ctl.Restart() },
		"Redis was paused":          func() { ctl.Pause(); time.Sleep(2 * testLease); ctl.Resume() },
		"its clock was set back":    func() { ctl.Do("HINCRBY", all[0].feed.keys.lease, "until", "3600000") },
		"the PBX was lost":          func() { p.lose(); p.back() },
		"a replica began anew": func() {
			i := rnd.IntN(len(all))
			all[i].stop()
			all[i] = start(t, all[i].name+"'", addr, p)
		},
	}
	names := slices.Sorted(maps.Keys(faults))
	rnd.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		stop := make(chan struct{})
		var busy sync.WaitGroup
		busy.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				d := fmt.Sprintf("PJSIP/%d", 1000+i*7%60)
				if i%11 == 0 {
					p.remove(d)
					continue
				}
				p.set(d, []device.State{device.Idle, device.Ringing, device.Busy}[i%3])
			}
		})
		time.Sleep(30 * time.Millisecond)
		faults[name]()
		time.Sleep(30 * time.Millisecond)
		close(stop)
		busy.Wait()
		right(t, name, p, all...)
		holder(t, p, all...)
	}
}
