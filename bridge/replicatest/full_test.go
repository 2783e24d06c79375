package replicatest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// TestFullRefuses: while Redis has no room a new subscription is refused with 503 and told when to
// come again, and what stands is refreshed. Lamps follow at all replicas, for longer than any lease
// and also when the PBX begins anew: what tells them is written all the same.
func TestFullRefuses(t *testing.T) {
	t.Parallel()
	f := fleet(t, Config{Lines: 6})
	flips(f, device.Ringing, 2*time.Second)
	f.Server.Do("CONFIG", "SET", "maxmemory", "1")
	f.Mark("Redis is full")
	time.Sleep(2 * f.Config.Lease)
	r := f.Holder()
	p, err := siptest.NewPhone(siptest.Config{User: "new", Proxy: r.SIP, Domain: "127.0.0.1", NoMedia: true, Timeout: answerTime})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	ask := func() error {
		_, err := p.Subscribe(context.Background(), siptest.SubscribeConfig{Target: f.Numbers[0]})
		return err
	}
	var refused *siptest.StatusError
	if err := ask(); !errors.As(err, &refused) || refused.Response.Code != 503 || refused.Response.Get("Retry-After") == "" {
		t.Errorf("a new subscription: %v; it must be refused with 503 and Retry-After", err)
	}
	for _, w := range f.Watchers() {
		if w.Home() == r {
			if err := w.Refresh(t.Context()); err != nil {
				t.Errorf("%v: %v", w, err)
			}
		}
	}
	flips(f, device.Busy, 2*time.Second)
	f.PBX.Restart()
	f.AllRight(4 * time.Second)
	flips(f, device.Ringing, 2*time.Second)
	if still := f.Holder(); still != r {
		t.Errorf("replica %s holds the feed now, and nothing happened to %s", still.Name, r.Name)
	}
	f.Server.Do("CONFIG", "SET", "maxmemory", "0")
	f.Mark("Redis has room")
	Eventually(t, 10*time.Second, "a new subscription", ask)
	f.AllRight(6 * time.Second)
	flips(f, device.Idle, 2*time.Second)
	keepsShards(t, f)
	f.Judge()
	if subs, _, err := f.shards(t.Context()); err != nil || len(subs) != len(f.Watchers())+1 {
		t.Errorf("%d subscriptions are stored, and %d and one stand: %v", len(subs), len(f.Watchers()), err)
	}
}

// stopBound is how long a process may take to end after SIGTERM, with a Redis that hangs: the
// chart gives it longer.
const stopBound = 10 * time.Second

// TestStopWhileRedisHangs: SIGTERM while Redis answers nothing. The process ends in time, and
// the others take over what it had.
func TestStopWhileRedisHangs(t *testing.T) {
	t.Parallel()
	f := fleet(t, Config{Lines: 6})
	flips(f, device.Ringing, 2*time.Second)
	r := f.Holder()
	r.mayFail = true // it says that it could not write
	f.Mark("Redis hangs for replica %s, which is stopped", r.Name)
	r.Redis.Cut(true)
	time.Sleep(f.Config.Lease / 2)
	begun := time.Now()
	r.Stop()
	took := time.Since(begun)
	t.Logf("it ended after %v", took.Round(time.Millisecond))
	if took > stopBound {
		t.Errorf("it took %v to end", took)
	}
	r.Redis.Cut(false)
	flips(f, device.Busy, gone(f.Config.Lease))
	r.Start()
	r.Ready()
	flips(f, device.Idle, 2*time.Second)
	f.Judge(r)
	f.Tidy(15 * time.Second)
}

// TestNonceElsewhere: a phone that one replica challenged refreshes at another with what it has,
// and is not challenged again. The same credentials a second time are refused there.
func TestNonceElsewhere(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	policy := "unknown_watchers: {trusted_networks: [203.0.113.0/24]}\ntenants:\n  - name: default\n    lines: [{number: \"1001\"}]\n    phones: [{name: P, lines: [\"1001\"], digest: {username: ann, password: s3cret}}]\n"
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	f := New(t, Config{Lines: 2, Replicas: 2, More: "policy: {file: " + file + "}\n"})
	var challenges atomic.Int32
	socket := newSocket(t, f.Wires, "127.0.0.1", f.Replicas[0].SIP)
	p, err := siptest.NewPhone(siptest.Config{
		User: "1001", AuthUser: "ann", Password: "s3cret", Proxy: f.Replicas[0].SIP, PacketConn: socket, Domain: "127.0.0.1", NoMedia: true, Timeout: answerTime,
		Trace: func(_ time.Time, sent bool, m *siptest.Message) {
			if !sent && m.Code == 401 {
				challenges.Add(1)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	s, err := p.Subscribe(t.Context(), siptest.SubscribeConfig{Target: f.Numbers[1], GapsAllowed: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := challenges.Swap(0); n != 1 {
		t.Fatalf("it was challenged %d times; the test needs it once", n)
	}
	for _, r := range []*Replica{f.Replicas[1], f.Replicas[0], f.Replicas[1]} {
		socket.goTo(r.SIP)
		if err := s.Refresh(t.Context(), 600); err != nil {
			t.Fatalf("at replica %s: %v", r.Name, err)
		}
		if n := challenges.Load(); n != 0 {
			t.Errorf("replica %s challenged a phone that has a nonce of another one", r.Name)
		}
	}
}
