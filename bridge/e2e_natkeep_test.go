//go:build pbx && linux

package bridge_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// TestNATKeepAlive: what phones send to keep a mapping keeps it, so that lamps and calls
// reach them long after their last request: CRLF, NUL bytes and empty datagrams over UDP,
// CRLF over connections; a double CRLF is answered (RFC 5626 §3.5.1). A phone that sends
// nothing is not reached.
func TestNATKeepAlive(t *testing.T) {
	t.Parallel()
	const (
		natTimeout = 5 * time.Second
		pause      = natTimeout / 5
		ping       = "\r\n\r\n"
	)
	a := takeAsterisk(t, "nat")
	h := newHome(t, a, homeConfig{natTimeout: natTimeout, policy: "unknown_watchers: {trusted_networks: [198.18.0.0/15]}\n"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	outside := edgePhone(t, h.server, "1002", false)
	type kept struct {
		transport, text string
		number          string // registered, if it is called as well
		*siptest.Phone
		lamp *siptest.Subscription
	}
	phones := []*kept{
		{transport: "UDP", text: ping, number: "1001"},
		{transport: "UDP", text: "\r\n"},
		{transport: "UDP", text: "\x00\x00\x00\x00"},
		{transport: "UDP", text: ""},
		{transport: "TCP", text: ping, number: "1003"},
		{transport: "TLS", text: ping, number: "1006"},
		{transport: "WS", text: ping},
		{transport: "WSS", text: ping},
	}
	silent := []*kept{{transport: "UDP"}, {transport: "TCP"}}
	for i, p := range append(phones, silent...) {
		number := p.number
		if number == "" {
			number = fmt.Sprint(2000 + i)
		}
		p.Phone = h.phone(number, p.transport)
		if p.number != "" {
			must(p.Register(ctx, 10*time.Minute))
		}
		var err error
		p.lamp, err = p.Subscribe(ctx, siptest.SubscribeConfig{Target: "1002"})
		must(err)
		_, err = p.lamp.WaitLamp(device.Idle, lampTime)
		must(err)
	}
	for i := range int(2 * natTimeout / pause) {
		time.Sleep(pause)
		for _, p := range phones {
			must(p.KeepAlive(p.text))
		}
		for _, p := range phones {
			if p.text != ping {
				continue
			}
			h.eventually(lampTime, p.transport+"'s pong", func() error { return want(float64(p.Pongs()), float64(i+1)) })
		}
	}
	for _, p := range append(phones, silent...) {
		if n := len(p.lamp.History()); n != 1 {
			t.Errorf("%s %q: %d NOTIFYs, want the first only: the mapping was to live by the keep-alives", p.transport, p.text, n)
		}
	}

	t.Log("lamps")
	called, err := outside.Dial(ctx, "1001")
	must(err)
	for _, p := range phones {
		if _, err := p.lamp.WaitLamp(device.Busy, lampTime); err != nil {
			t.Errorf("%s %q: %v", p.transport, p.text, err)
		}
	}
	must(called.Cancel(ctx))

	t.Log("calls")
	for _, p := range phones {
		if p.number != "" {
			must(call(t, outside, p.Phone).Bye(ctx))
		}
	}
	for _, p := range silent {
		if n := len(p.lamp.History()); n != 1 {
			t.Errorf("%s: %d NOTIFYs went through a mapping that is gone", p.transport, n-1)
		}
	}
	for _, p := range phones {
		if v := p.lamp.Violations(); len(v) > 0 {
			t.Errorf("%s %q: %s", p.transport, p.text, siptest.Describe(v))
		}
		if p.text != ping && p.Pongs() != 0 {
			t.Errorf("%s: %q was answered", p.transport, p.text)
		}
	}
}
