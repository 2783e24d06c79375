package bridge_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// nonDurable is what a subscription is granted at most while the store is away.
const nonDurable = 120

// TestRedisKilled: Redis dies while the bridge serves. Lamps go on from memory, new
// subscriptions are granted for a short while, and when it is back nothing is lost.
func TestRedisKilled(t *testing.T) {
	t.Parallel()
	st := newStorage(t, "redis")
	ast := takeAsterisk(t, st.kind)
	phones := ast.phones(t, "1001", "1002")
	s := newServer(t, setup{store: st, pbx: ast.yaml("rediskilled")})
	s.start()
	before := dialogWatch(t, s.udp, "1001")
	before.shows(device.Idle)
	if before.Granted() != 600 {
		t.Errorf("granted %d s, want 600", before.Granted())
	}

	st.redis.Kill()
	c := call(t, phones[0], phones[1])
	before.shows(device.Busy)
	during := dialogWatch(t, s.udp, "1002")
	during.shows(device.Busy)
	if g := during.Granted(); g > nonDurable {
		t.Errorf("granted %d s while the store is away, want at most %d", g, nonDurable)
	}
	if err := c.HangUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	before.shows(device.Idle)
	during.shows(device.Idle)
	s.logged(time.Second, "level=WARN", "store")

	st.redis.Restart()
	s.ready()
	after := dialogWatch(t, s.udp, "1001")
	if after.Granted() != 600 {
		t.Errorf("granted %d s with the store back, want 600", after.Granted())
	}
	all := []*watch{before, during, after}
	s.restored(all)
}

// restored kills the bridge; its successor must know every subscription.
func (s *server) restored(watches []*watch) {
	s.t.Helper()
	s.kill()
	n := make([]int, len(watches))
	for i, w := range watches {
		w.AllowGap()
		n[i] = len(w.History())
	}
	s.run()
	for i, w := range watches {
		if _, err := w.WaitNotify(n[i], 20*time.Second); err != nil {
			s.t.Fatalf("watch %d was lost: %v", i, err)
		}
	}
}

// TestRedisAwayAtStart: the bridge waits for its store, says so, and then serves what
// came meanwhile.
func TestRedisAwayAtStart(t *testing.T) {
	t.Parallel()
	st := newStorage(t, "redis")
	ast := takeAsterisk(t, st.kind)
	ast.phones(t, "1001")
	st.redis.Kill()
	s := newServer(t, setup{store: st, pbx: ast.yaml("redisaway")})
	s.run()
	s.eventually(lampTime, "the reason in /readyz", func() error {
		if code, body := s.get("/readyz"); code != 503 || !strings.Contains(body, "store") {
			return errors.New(body)
		}
		return nil
	})
	if code, body := s.get("/healthz"); code != 200 {
		t.Errorf("/healthz says %d %s", code, body)
	}
	s.logged(lampTime, "level=WARN", "store is away")
	p, err := siptest.NewPhone(siptest.Config{User: "1006", Proxy: s.udp, Timeout: 25 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	type result struct {
		s   *siptest.Subscription
		err error
	}
	done := make(chan result, 1)
	go func() {
		sub, err := p.Subscribe(t.Context(), siptest.SubscribeConfig{Target: "1001"})
		done <- result{sub, err}
	}()
	select {
	case r := <-done:
		t.Fatalf("answered without a store: %v", r.err)
	case <-time.After(300 * time.Millisecond):
	}
	st.redis.Restart()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	if _, err := r.s.WaitLamp(device.Idle, lampTime); err != nil {
		t.Fatal(err)
	}
	if g := r.s.Granted(); g != 600 {
		t.Errorf("granted %d s, want 600", g)
	}
	for _, v := range r.s.Violations() {
		t.Error(v)
	}
}

// TestDiskFull: the file system of the bolt store is full for a while.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatalf("a small tmpfs: %v; this test needs root, as Asterisk's do", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ast := takeAsterisk(t, "bolt")
	phones := ast.phones(t, "1001", "1002")
	st := &storage{kind: "bolt", yaml: "store: {type: bolt, path: " + dir + "/b.db}\n"}
	s := newServer(t, setup{store: st, pbx: ast.yaml("full")})
	s.start()
	first := dialogWatch(t, s.udp, "1001")
	first.shows(device.Idle)
	all := []*watch{first}

	fill(t, filepath.Join(dir, "filler"))
	for n := 0; all[len(all)-1].Granted() > nonDurable; n++ {
		if n == 500 {
			t.Fatal("500 subscriptions were stored on a full disk")
		}
		all = append(all, dialogWatch(t, s.udp, "1002"))
	}
	t.Logf("away after %d subscriptions", len(all))
	call(t, phones[0], phones[1])
	for _, w := range all {
		w.shows(device.Busy)
	}
	s.logged(time.Second, "level=ERROR", "store is away", "no space left")

	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
	s.ready()
	again := dialogWatch(t, s.udp, "1001")
	if g := again.Granted(); g != 600 {
		t.Errorf("granted %d s with room again, want 600", g)
	}
	s.restored(append(all, again))
}

// fill writes until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
