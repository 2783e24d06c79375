package replicatest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// changing flips random lines until stop is called.
func changing(f *Fleet) (stop func()) {
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		for i := 0; sleep(ctx, 20*time.Millisecond); i++ {
			n := f.Numbers[rand.N(len(f.Numbers))]
			f.PBX.Set(n, []device.State{device.Idle, device.Ringing, device.Busy}[i%3])
		}
	})
	return func() { cancel(); wg.Wait() }
}

// longestWrong watches how long any lamp is wrong at a stretch, until stop is called.
func longestWrong(f *Fleet) (stop func() (time.Duration, *Watcher)) {
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	var most time.Duration
	var who *Watcher
	wg.Go(func() {
		since := map[*Watcher]time.Time{}
		for sleep(ctx, 5*time.Millisecond) {
			for _, w := range f.Watchers() {
				if w.Right() == nil {
					delete(since, w)
					continue
				}
				if _, was := since[w]; !was {
					since[w] = time.Now()
				}
				if d := time.Since(since[w]); d > most {
					most, who = d, w
				}
			}
		}
	})
	return func() (time.Duration, *Watcher) { cancel(); wg.Wait(); return most, who }
}

// streaming is a phone with a connection to a replica.
func streaming(f *Fleet, r *Replica, number string) (*siptest.Phone, *siptest.Subscription) {
	f.T.Helper()
	p, err := siptest.NewPhone(siptest.Config{User: "tcp" + number, Proxy: r.SIP, TCP: true, Domain: "127.0.0.1", NoMedia: true})
	if err != nil {
		f.T.Fatal(err)
	}
	f.T.Cleanup(func() { p.Close() })
	s, err := p.Subscribe(context.Background(), siptest.SubscribeConfig{Target: number})
	if err == nil {
		_, err = s.WaitNotify(0, 5*time.Second)
	}
	if err != nil {
		f.T.Fatal(err)
	}
	return p, s
}

// TestRolling: all replicas are stopped and started, one after the other, while lines
// change. No lamp is wrong for longer than two seconds, no phone subscribes again, but for
// those whose connection ends: they are told to.
func TestRolling(t *testing.T) {
	t.Parallel()
	f := New(t, Config{})
	for i, r := range f.Replicas {
		for j := range 6 {
			f.Watch(f.Numbers[(i+j)%len(f.Numbers)], r, false)
		}
	}
	f.AllRight(5 * time.Second)
	wrong := longestWrong(f)
	stop := changing(f)
	for _, r := range f.Replicas {
		var told []*siptest.Subscription
		for i := range 4 {
			_, s := streaming(f, r, f.Numbers[i])
			told = append(told, s)
		}
		f.Mark("replica %s is stopped", r.Name)
		begun := time.Now()
		unready := make(chan string, 1)
		go func() {
			for range 200 {
				code, body := r.Get("/readyz")
				if code != 200 {
					unready <- fmt.Sprint(code, " ", body)
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
			unready <- "ready for a second still"
		}()
		r.Stop()
		took := time.Since(begun)
		if said := <-unready; !strings.HasPrefix(said, "503") {
			t.Errorf("replica %s says while it stops: %s", r.Name, said)
		}
		deactivated(t, r, told)
		r.Start()
		r.Ready()
		f.Mark("replica %s is back", r.Name)
		t.Logf("replica %s stopped in %v", r.Name, took.Round(time.Millisecond))
		time.Sleep(500 * time.Millisecond)
	}
	stop()
	f.AllRight(5 * time.Second)
	most, who := wrong()
	t.Logf("no lamp was wrong for longer than %v", most.Round(time.Millisecond))
	if most > 2*time.Second {
		t.Errorf("a lamp was wrong for %v: %v\n%s", most, who, f.Story(who, time.Now(), time.Minute))
	}
	f.Judge()
	shown(f)
	for _, r := range f.Replicas {
		if log := r.Log(); strings.Contains(log, "not all could be handed over") {
			t.Errorf("replica %s could not hand all over", r.Name)
		}
	}
}

// shown: every replica tells who owns what.
func shown(f *Fleet) {
	f.T.Helper()
	holder := f.Holder()
	for _, r := range f.Replicas {
		Eventually(f.T, 5*time.Second, "replica "+r.Name+" to tell who owns what", func() error {
			var v api.Cluster
			_, body := r.Get("/api/v1/cluster")
			if err := json.Unmarshal([]byte(body), &v); err != nil {
				return fmt.Errorf("%w: %s", err, body)
			}
			total := 0
			for _, m := range v.Replicas {
				total += m.Subscriptions
				if len(m.Feeds) != 1 || m.Feeds[0].Behind != 0 || m.BeatAgo > 1.5 || m.Shards == 0 {
					return fmt.Errorf("%+v", m)
				}
			}
			if len(v.Replicas) != 3 || total != len(f.Watchers()) || len(v.Feeds) != 1 || v.Feeds[0].LeaseLeft <= 0 ||
				!strings.HasPrefix(v.Feeds[0].Holder, holder.Name+"/") || len(v.Shards) < 24 {
				return fmt.Errorf("%s", body)
			}
			return nil
		})
	}
}

// deactivated: every phone was told to subscribe again, not all at once, and its connection
// is over.
func deactivated(t *testing.T, r *Replica, told []*siptest.Subscription) {
	t.Helper()
	var at []time.Time
	for _, s := range told {
		h := s.History()
		last := h[len(h)-1]
		if last.Substate != "terminated" || last.Reason != "deactivated" {
			t.Errorf("a phone with a connection to replica %s was told %s %s last", r.Name, last.Substate, last.Reason)
		}
		at = append(at, last.At)
		for _, v := range s.Violations() {
			t.Error(v)
		}
	}
	first, last := at[0], at[0]
	for _, a := range at {
		if a.Before(first) {
			first = a
		}
		if a.After(last) {
			last = a
		}
	}
	if last.Sub(first) < 500*time.Millisecond {
		t.Errorf("all phones were told within %v", last.Sub(first))
	}
	if c, err := net.DialTimeout("tcp", r.SIP, time.Second); err == nil {
		_ = c.Close()
		t.Errorf("replica %s listens after its end", r.Name)
	}
}
