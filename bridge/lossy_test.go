package bridge_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/ladder"
)

// lossyRelay is a network between phones and a server that loses datagrams both ways. The
// server sees each phone at a socket of the relay's.
type lossyRelay struct {
	t      *testing.T
	front  *net.UDPConn
	server netip.AddrPort
	wg     sync.WaitGroup

	mu              sync.Mutex // guards all below
	rand            *rand.Rand
	loss            float64
	phones          map[netip.AddrPort]*net.UDPConn
	passed, dropped int
}

func newLossyRelay(t *testing.T, server netip.AddrPort, loss float64) *lossyRelay {
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed of the losses: %d", seed)
	r := &lossyRelay{t: t, front: front, server: server, loss: loss, rand: rand.New(rand.NewPCG(seed, 0)), phones: map[netip.AddrPort]*net.UDPConn{}}
	r.wg.Go(func() {
		r.pump(front, func(from netip.AddrPort, b []byte) error {
			back, err := r.backOf(from)
			if err == nil {
				_, err = back.WriteToUDPAddrPort(b, server)
			}
			return err
		})
	})
	t.Cleanup(r.close)
	return r
}

func (r *lossyRelay) addr() string { return r.front.LocalAddr().String() }

// pump hands on what a socket gets, less what is lost, until it is closed.
func (r *lossyRelay) pump(c *net.UDPConn, to func(netip.AddrPort, []byte) error) {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if !r.loses() {
			_ = to(from, buf[:n])
		}
	}
}

func (r *lossyRelay) loses() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rand.Float64() < r.loss {
		r.dropped++
		return true
	}
	r.passed++
	return false
}

// backOf is the socket by which a phone reaches the server.
func (r *lossyRelay) backOf(phone netip.AddrPort) (*net.UDPConn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.phones[phone]; c != nil {
		return c, nil
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	r.phones[phone] = c
	r.wg.Go(func() {
		r.pump(c, func(_ netip.AddrPort, b []byte) error {
			_, err := r.front.WriteToUDPAddrPort(b, phone)
			return err
		})
	})
	return c, nil
}

func (r *lossyRelay) close() {
	_ = r.front.Close()
	r.mu.Lock()
	for _, c := range r.phones {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

// TestLossyNetwork: one datagram in twenty is lost each way. Every watcher ends at the
// final state of its line; no version was left out, none went back (which strict phones
// check), and nobody was dropped.
func TestLossyNetwork(t *testing.T) {
	w := newWorld(t, nil, "udp://127.0.0.1:0")
	w.cfg.SIP.NAT = "source"
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.stop() })
	net := newLossyRelay(t, w.addr("UDP"), 0.05)
	lines := []string{"101", "102", "103"}
	const each = 12
	watches := make([]*watch, len(lines)*each)
	var wg sync.WaitGroup
	for i := range watches {
		wg.Go(func() {
			watches[i] = overLoss(t, net.addr(), fmt.Sprint(2000+i), lines[i%len(lines)])
		})
	}
	if wg.Wait(); t.Failed() {
		return
	}
	states := []device.State{device.Ringing, device.Busy, device.Idle}
	var last [3]device.State
	for i := range 90 {
		line, state := i%len(lines), states[rand.IntN(len(states))]
		if last[line] = state; i >= 87 {
			last[line] = states[line] // all three in the end
		}
		w.pbx.report(ladder.PBX{Line: lines[line], State: last[line]})
		time.Sleep(10 * time.Millisecond)
	}
	for i, v := range watches {
		if _, err := v.WaitLamp(last[i%len(lines)], 40*time.Second); err != nil {
			t.Errorf("watcher %d of %s shows %v, want %v: %v", i, lines[i%len(lines)], v.Lamp(), last[i%len(lines)], err)
		}
	}
	if n := w.metric("blfbridge_subscriptions"); n != float64(len(watches)) {
		t.Errorf("%v subscriptions stand, want %d", n, len(watches))
	}
	net.mu.Lock()
	defer net.mu.Unlock()
	if t.Logf("%d datagrams passed, %d were lost", net.passed, net.dropped); net.dropped < net.passed/40 {
		t.Error("the network is too good")
	}
}

// overLoss is a strict watch that knows what is nobody's fault on such a network: a 200 that
// is lost comes after its NOTIFY, and a NOTIFY that is sent again tells the time that was
// left when it was sent first.
func overLoss(t *testing.T, server, user, target string) *watch {
	p, err := siptest.NewPhone(siptest.Config{User: user, Domain: "127.0.0.1", Proxy: server, Timeout: 32 * time.Second})
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(p.Close)
	s, err := p.Subscribe(t.Context(), siptest.SubscribeConfig{Target: target, Foreign: true})
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(func() {
		for _, v := range append(s.Violations(), p.Strays()...) {
			if !strings.Contains(v.Detail, "s are left") {
				t.Errorf("the watch of %s saw a breach:\n%s", target, siptest.Describe([]siptest.Violation{v}))
			}
		}
	})
	return &watch{s, t, p}
}

// TestFlowLost: the connections of two phones are gone. The subscription of the one that
// comes back stood all the while, and its next request brings the lamp, without a gap; that
// of the other ends when it runs out.
func TestFlowLost(t *testing.T) {
	w := newWorld(t, nil, "tcp://127.0.0.1:0")
	w.cfg.SIP.MinExpires = time.Second
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.stop() })
	server := w.addr("TCP").String()
	back := watching(t, server, siptest.Config{TCP: true}, siptest.SubscribeConfig{Target: "101", Expires: 600})
	gone := watching(t, server, siptest.Config{TCP: true, User: "1007"}, siptest.SubscribeConfig{Target: "101", Expires: 6})
	for _, v := range []*watch{back, gone} {
		v.shows(device.Idle)
	}
	// An answer that comes later would open a connection.
	w.eventually("both NOTIFYs are answered", func() bool { return w.metric("blfbridge_notifies_total") == 2 })
	for _, v := range []*watch{back, gone} {
		v.phone.DropConnection()
	}
	// What is sent before the server knows is lost with the connection.
	w.eventually("the connections are gone", func() bool { return w.metric("blfbridge_sip_connections") == 0 })
	w.pbx.report(ladder.PBX{Line: "101", State: device.Busy})
	w.pbx.report(ladder.PBX{Line: "101", State: device.Ringing})
	if n := w.metric("blfbridge_subscriptions"); n != 2 {
		t.Errorf("%v subscriptions stand, want 2", n)
	}
	before := len(back.History())
	if err := back.Refresh(t.Context(), 600); err != nil {
		t.Fatal(err)
	}
	back.shows(device.Ringing)
	if n := len(back.History()) - before; n != 1 {
		t.Errorf("the phone that came back was told %d times", n)
	}
	w.eventually("the subscription of the phone that is gone has run out", func() bool { return w.metric("blfbridge_subscriptions") == 1 })
	w.pbx.report(ladder.PBX{Line: "101", State: device.Idle})
	back.shows(device.Idle)
}

func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("never: %s", what)
		}
	}
}

// metric sums what a metric of the bridge says, over all labels.
func (w *world) metric(name string) (sum float64) {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
