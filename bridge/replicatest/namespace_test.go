//go:build pbx && linux

package replicatest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest/lab"
)

// apart is a fleet of two replicas, each in a network namespace of its own with a link to Redis,
// one to the phones and one to the PBX. cut cuts or mends one. It needs root.
func apart(t *testing.T) (f *Fleet, cut func(r *Replica, side int, yes bool)) {
	t.Helper()
	m, err := lab.NewMachines(t.Context(), 2, Sides)
	if err != nil {
		t.Fatalf("%v; it needs root", err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	f = fleet(t, Config{Replicas: 2, Net: m, SIP: "  trusted_networks: [198.18.0.0/15]\n"})
	return f, func(r *Replica, side int, yes bool) {
		t.Helper()
		f.Mark("replica %s, side %d: cut is %v", r.Name, side, yes)
		if err := m.Cut(t.Context(), slices.Index(f.Replicas, r), side, yes); err != nil {
			t.Fatal(err)
		}
	}
}

// at are the phones whose home is a replica.
func (f *Fleet) at(r *Replica) (udp, tcp []*Watcher) {
	for _, w := range f.Watchers() {
		switch {
		case w.Home() != r:
		case w.TCP:
			tcp = append(tcp, w)
		default:
			udp = append(udp, w)
		}
	}
	return udp, tcp
}

// rights waits until the lamps of some phones are right.
func rights(f *Fleet, some []*Watcher, most time.Duration) {
	f.T.Helper()
	Eventually(f.T, most, "some lamps to be right", func() error {
		for _, w := range some {
			if err := w.Right(); err != nil {
				return fmt.Errorf("%v: %w\n%s", w, err, f.Story(w, time.Now(), 15*time.Second))
			}
		}
		return nil
	})
}

// TestApartFromRedis: the packets between the feed's holder and Redis vanish, those to its phones
// and to the PBX do not. The other one takes over the feed and the phones that datagrams reach;
// those over TCP are the first one's, and right when it is back.
func TestApartFromRedis(t *testing.T) {
	t.Parallel()
	f, cut := apart(t)
	flips(f, device.Ringing, 2*time.Second)
	a := f.Holder()
	b := f.Others(a)[0]
	udp, _ := f.at(a)
	others, tcp := f.at(b)
	cut(a, SideRedis, true)
	for _, n := range f.Numbers {
		f.PBX.Set(n, device.Busy)
	}
	rights(f, slices.Concat(others, tcp, udp), gone(f.Config.Lease))
	time.Sleep(3 * f.Config.Lease) // every connection to Redis that hung has been given up
	for _, n := range f.Numbers {
		f.PBX.Set(n, device.Idle)
	}
	rights(f, slices.Concat(others, tcp, udp), 2*time.Second)
	if _, body := a.Get("/readyz"); !strings.Contains(body, `"store","ok":false`) {
		t.Errorf("replica %s is cut from Redis, and says %s", a.Name, body)
	}
	if h, _ := b.Metric("blfbridge_feed_held"); h != 1 {
		t.Errorf("replica %s does not hold the feed, and the other one is cut from Redis", b.Name)
	}
	if n, _ := b.Metric("blfbridge_cluster_adopted_total"); n < float64(len(udp)) {
		t.Errorf("replica %s adopted %v subscriptions of %d", b.Name, n, len(udp))
	}
	cut(a, SideRedis, false)
	f.AllRight(gone(f.Config.Lease))
	flips(f, device.Ringing, 2*time.Second)
	f.Judge(a)
	counted(f, a)
	f.Tidy(15 * time.Second)
}

// TestApartFromPhones: the packets between a replica and its phones vanish, those to Redis do
// not. Nobody takes over what it has; a phone that refreshes elsewhere goes on there, as do
// those over TCP, which notice; all others hear of it when the link is back.
func TestApartFromPhones(t *testing.T) {
	t.Parallel()
	f, cut := apart(t)
	flips(f, device.Ringing, 2*time.Second)
	a := f.Holder()
	b := f.Others(a)[0]
	udp, connected := f.at(a)
	moving, staying := udp[:2], udp[2:]
	others, tcp := f.at(b)
	cut(a, SidePhones, true)
	for _, n := range f.Numbers {
		f.PBX.Set(n, device.Busy)
	}
	rights(f, slices.Concat(others, tcp), 2*time.Second)
	var refreshed sync.WaitGroup
	for _, w := range moving {
		w.GoTo(b)
		refreshed.Go(func() {
			if err := w.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	refreshed.Wait()
	rights(f, moving, 2*time.Second)
	rights(f, connected, answerTime+2*pingEvery) // they notice, and ask elsewhere
	time.Sleep(3 * f.Config.Lease)
	for _, w := range staying {
		if w.Home() == a && w.Right() == nil {
			t.Errorf("%v is right, and its replica cannot have told it", w)
		}
	}
	if h := f.Holder(); h != a {
		t.Errorf("replica %s holds the feed", h.Name)
	}
	cut(a, SidePhones, false)
	f.AllRight(5 * time.Second)
	flips(f, device.Idle, 2*time.Second)
	keepsShards(t, f)
	f.Judge(a)
	counted(f, a)
	f.Tidy(15 * time.Second)
}
