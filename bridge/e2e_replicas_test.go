package bridge_test

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// goesTo lets a roaming phone send to another bridge from now on, as a load balancer would.
func (p *rawPhone) goesTo(s *server) {
	p.t.Helper()
	to, err := net.ResolveUDPAddr("udp", s.udp)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.wire.(*packetWire).peer = to
	p.mu.Unlock()
	p.crashed() // the next one cannot know how far the last one got
}

// holders are the servers that are connected to the PBX.
func holders(all []*server) (out []int) {
	for i, s := range all {
		if s.cmd != nil && s.metric("blfbridge_feed_held") == 1 {
			out = append(out, i)
		}
	}
	return out
}

// TestReplicas: three bridges on one Redis. One of them follows the PBX, all show its lamps;
// a phone refreshes where it likes; one that is killed and one that is stopped are replaced
// by the others, and no phone has to subscribe again.
func TestReplicas(t *testing.T) {
	t.Parallel()
	st := newStorage(t, "redis")
	ast := takeAsterisk(t, st.kind)
	phones := ast.phones(t, "1001", "1002")
	var all []*server
	for range 3 {
		s := newServer(t, setup{store: st, pbx: ast.yaml("replicas"), more: "replicas: {enabled: true, lease: 2s}\n"})
		all = append(all, s)
		s.start()
	}
	var watching []*rawPhone
	for _, s := range all {
		p := roaming(t, s.udp, "1001")
		p.responds(200)
		p.shows(device.Idle)
		watching = append(watching, p)
	}
	calls := func() {
		t.Helper()
		c := call(t, phones[0], phones[1])
		for _, p := range watching {
			p.shows(device.Busy)
		}
		if err := c.HangUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, p := range watching {
			p.shows(device.Idle)
		}
	}
	if h := holders(all); len(h) != 1 {
		t.Fatalf("%v hold the feed", h)
	}
	calls()
	for i, s := range all {
		if n := s.metric("blfbridge_subscriptions"); n != 1 {
			t.Errorf("replica %d has %v subscriptions", i, n)
		}
	}

	t.Log("a phone refreshes at another one")
	watching[0].goesTo(all[1])
	watching[0].subscribe("1001")
	watching[0].responds(200)
	watching[0].shows(device.Idle)
	all[0].eventually(lampTime, "the first one to let go of it", func() error {
		return want(all[0].metric("blfbridge_subscriptions"), 0)
	})
	if n := all[1].metric("blfbridge_subscriptions"); n != 2 {
		t.Errorf("the second one has %v subscriptions", n)
	}
	calls()

	t.Log("and comes back")
	watching[0].goesTo(all[0])
	watching[0].subscribe("1001")
	watching[0].responds(200)
	watching[0].shows(device.Idle)
	all[1].eventually(lampTime, "the second one to let go of it", func() error {
		return want(all[1].metric("blfbridge_subscriptions"), 1)
	})
	calls()
	if n := all[0].metric("blfbridge_subscriptions"); n != 1 {
		t.Errorf("the first one has %v subscriptions", n)
	}

	t.Log("the one that follows the PBX is killed")
	dead := holders(all)[0]
	for _, p := range watching {
		p.crashed()
	}
	had := all[dead].metric("blfbridge_subscriptions")
	all[dead].kill()
	rest := slices.Delete(slices.Clone(all), dead, dead+1)
	rest[0].eventually(15*time.Second, "another one to follow the PBX", func() error {
		if h := holders(all); len(h) != 1 {
			return fmt.Errorf("%v do", h)
		}
		return want(rest[0].metric("blfbridge_subscriptions")+rest[1].metric("blfbridge_subscriptions"), 3)
	})
	if n := rest[0].metric("blfbridge_cluster_adopted_total") + rest[1].metric("blfbridge_cluster_adopted_total"); n != had {
		t.Errorf("%v were adopted, want %v", n, had)
	}
	calls()

	t.Log("it comes back, and another one is stopped")
	all[dead].start()
	for _, p := range watching {
		p.crashed()
	}
	rest[1].stop()
	rest = []*server{rest[0], all[dead]}
	rest[0].eventually(10*time.Second, "the others to take over", func() error {
		if h := holders(all); len(h) != 1 {
			return fmt.Errorf("%v follow the PBX", h)
		}
		return want(rest[0].metric("blfbridge_subscriptions")+rest[1].metric("blfbridge_subscriptions"), 3)
	})
	calls()
	if n := rest[0].metric("blfbridge_cluster_replicas"); n != 2 {
		t.Errorf("%v replicas live", n)
	}
}
