//go:build pbx && linux

package bridge_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// natSocket is a UDP phone's socket that can ask by STUN what it looks like outside, as
// phones do to keep the NAT's mapping (RFC 5626 §4.4.2).
type natSocket struct {
	net.PacketConn
	server net.Addr
	seen   atomic.Pointer[netip.AddrPort] // as the last answer says
}

// ask sends a binding request.
func (s *natSocket) ask() error {
	b := make([]byte, 20)
	_, _ = rand.Read(b)
	copy(b, []byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42})
	_, err := s.WriteTo(b, s.server)
	return err
}

// ReadFrom keeps the answers from the phone. XOR-MAPPED-ADDRESS is the only attribute
// (RFC 5389 §15.2).
func (s *natSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.PacketConn.ReadFrom(b)
		if err != nil || n != 32 || !bytes.HasPrefix(b, []byte{1, 1}) {
			return n, from, err
		}
		port := uint16(b[26])<<8 | uint16(b[27])
		ip := [4]byte(b[28:32])
		for i, x := range [4]byte{0x21, 0x12, 0xa4, 0x42} {
			ip[i] ^= x
		}
		at := netip.AddrPortFrom(netip.AddrFrom4(ip), port^0x2112)
		s.seen.Store(&at)
	}
}

// mapped is what the phone looks like outside.
func (h *home) mapped(s *natSocket) netip.AddrPort {
	h.t.Helper()
	s.seen.Store(nil)
	if err := s.ask(); err != nil {
		h.t.Fatal(err)
	}
	var at *netip.AddrPort
	h.eventually(lampTime, "the answer to STUN", func() error {
		if at = s.seen.Load(); at == nil {
			return fmt.Errorf("none")
		}
		return nil
	})
	if at.Addr() != h.nat.Router {
		h.t.Errorf("STUN tells %v, want the router's %v", at, h.nat.Router)
	}
	return *at
}

// TestNATMapping: STUN keeps a UDP phone's mapping, so that calls and lamps reach it long
// after its last request; without, nothing does, until it registers and subscribes again.
func TestNATMapping(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "nat")
	const natTimeout = 3 * time.Second
	h := newHome(t, a, homeConfig{natTimeout: natTimeout})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	outside := edgePhone(t, h.server, "1002", false)
	raw, err := h.nat.ListenPacket()
	must(err)
	socket := &natSocket{PacketConn: raw, server: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(h.at["UDP"]))}
	p := h.open(siptest.Config{User: "1001", Password: "pw1001", Proxy: h.at["UDP"], Domain: "127.0.0.1", PacketConn: socket, NoMedia: true})
	must(p.Register(ctx, 10*time.Minute))
	lamp, err := p.Subscribe(ctx, siptest.SubscribeConfig{Target: "1002"})
	must(err)
	first := h.mapped(socket)
	for range 6 {
		time.Sleep(natTimeout / 3)
		must(socket.ask())
	}
	if now := h.mapped(socket); now != first {
		t.Fatalf("the mapping became %v, was %v", now, first)
	}
	c := ring(t, outside, p)
	_, err = lamp.WaitLamp(device.Busy, lampTime)
	must(err)
	must(c.Cancel(ctx))
	_, err = lamp.WaitLamp(device.Idle, lampTime)
	must(err)

	t.Log("the router forgets")
	time.Sleep(natTimeout + 2*time.Second)
	_, err = outside.Dial(ctx, "1001")
	must(err)
	time.Sleep(time.Second)
	if lamp.Lamp() != device.Idle {
		t.Error("a NOTIFY went through a mapping that is gone")
	}
	must(p.Register(ctx, 10*time.Minute))
	if now := h.mapped(socket); now == first {
		t.Fatal("the router has not forgotten")
	}
	must(lamp.Refresh(ctx, 600))
	_, err = lamp.WaitLamp(device.Busy, lampTime)
	must(err)
	must(call(t, outside, p).Bye(ctx))
}
