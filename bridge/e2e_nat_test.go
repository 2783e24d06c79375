//go:build pbx && linux

package bridge_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/certs/certstest"
	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/lab"
)

// home is a bridge in front of a real Asterisk, and phones behind a NAT that know nothing
// but the bridge's public address.
type home struct {
	*server
	nat   *lab.NAT
	at    map[string]string // "TLS" → "198.18.7.1:23000"
	ca    *certstest.Authority
	trust *tls.Config
}

// homeName is the bridge's name in its certificate; who resolves it is a test's affair.
const homeName = "edge.test"

// homeConfig is what a home may have; all may be left out.
type homeConfig struct {
	natTimeout time.Duration // how long the router remembers UDP and connections
	policy     string        // a policy document
	advertise  string        // what the phones are told to reach the bridge by
}

// newHome starts the bridge.
func newHome(t *testing.T, a *pbx, c homeConfig) *home {
	t.Helper()
	nat, err := lab.NewNAT(t.Context(), lab.NATConfig{UDPTimeout: cmp.Or(c.natTimeout, time.Minute), TCPTimeout: c.natTimeout})
	if err != nil {
		t.Fatalf("%v; scripts/test installs what it needs, and runs as root", err)
	}
	t.Cleanup(func() {
		if err := nat.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &home{nat: nat, at: map[string]string{}, ca: certstest.New(t, "ca")}
	h.trust = &tls.Config{RootCAs: h.ca.Pool()}
	cert, key := h.ca.Write(t, t.TempDir(), certstest.Leaf{Names: []string{nat.Public.String(), homeName}})
	listen := ""
	for transport, port := range map[string]string{"UDP": "5060", "TCP": "5060", "TLS": "5061", "WS": "80", "WSS": "443"} {
		h.at[transport] = net.JoinHostPort(nat.Public.String(), port)
		listen += ", " + strings.ToLower(transport) + "://" + h.at[transport]
	}
	sip := "  tls: {cert_file: " + cert + ", key_file: " + key + "}\n"
	if c.advertise != "" {
		sip += "  advertise: " + c.advertise + "\n"
	}
	h.server = newServer(t, setup{
		store: newStorage(t, "bolt"), pbx: a.yaml("nat", "sip: udp://"+a.addr.SIP), more: edgeYAML, policy: c.policy,
		listen: strings.TrimPrefix(listen, ", "), sip: sip,
	})
	h.start()
	return h
}

// phone is a phone behind the NAT; it is not registered yet.
func (h *home) phone(number, transport string) *siptest.Phone {
	h.t.Helper()
	c := siptest.Config{
		User: number, Password: "pw" + number, Proxy: h.at[transport], Domain: "127.0.0.1",
		Transport: transport, TLS: h.trust, DialTCP: h.nat.Dial, NoMedia: true,
	}
	if transport == "UDP" {
		var err error
		if c.PacketConn, err = h.nat.ListenPacket(); err != nil {
			h.t.Fatal(err)
		}
	}
	return h.open(c)
}

// open makes a phone of its configuration.
func (h *home) open(c siptest.Config) *siptest.Phone {
	h.t.Helper()
	if testing.Verbose() {
		c.Trace = func(at time.Time, sent bool, m *siptest.Message) {
			h.t.Logf("%s %s sent=%v\n%s", at.Format("05.000"), c.User, sent, m)
		}
	}
	p, err := siptest.NewPhone(c)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(p.Close)
	return p
}

// joined waits until Asterisk has joined the two of each call; before, it refuses a transfer.
func (h *home) joined(a *pbx, calls int) {
	h.t.Helper()
	h.eventually(lampTime, fmt.Sprintf("%d pairs in Asterisk", calls), func() error {
		bridges := a.cli(h.t, "bridge show all")
		n := 0
		for line := range strings.Lines(bridges) { // …, channels, type, technology, duration
			if f := strings.Fields(line); len(f) > 4 && f[len(f)-4] == "2" {
				n++
			}
		}
		if n != calls {
			return fmt.Errorf("%s", bridges)
		}
		return nil
	})
}

// TestEdgeNAT: phones behind a NAT register at a real Asterisk through the bridge, call
// and are called, hold, transfer, watch, and keep their call while the bridge is killed,
// over each transport.
func TestEdgeNAT(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "nat")
	h := newHome(t, a, homeConfig{})
	outside := edgePhone(t, h.server, "1002", false)
	for _, transport := range []string{"UDP", "TCP", "TLS", "WS", "WSS"} {
		t.Run(transport, func(t *testing.T) {
			h.t = t
			h.everything(a, transport, outside)
		})
	}
}

// attend lets a phone join the far ends of its two calls.
func (h *home) attend(ctx context.Context, in, ask *siptest.Call) {
	h.t.Helper()
	err := in.ReferTo(ctx, ask)
	if err == nil {
		var status int
		if status, err = in.WaitTransfer(ctx); status != 200 {
			h.t.Errorf("the transfer ended with %d", status)
		}
	}
	if err == nil {
		err = in.HangUp(ctx)
	}
	if err == nil {
		err = ask.WaitEnded(ctx) // a CANCEL of one that rings could come too early for Asterisk
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) everything(a *pbx, transport string, outside *siptest.Phone) {
	t := h.t
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p := h.phone("1001", transport)
	must(p.Register(ctx, 10*time.Minute))
	if contact := a.cli(t, "pjsip show contacts"); !strings.Contains(contact, "1001/sip:1001@"+h.nat.Inside.String()) {
		t.Fatalf("Asterisk knows\n%s", contact)
	}
	var schemas siptest.Schemas
	lamp, err := p.Subscribe(ctx, siptest.SubscribeConfig{Target: "1002", Schemas: &schemas})
	must(err)
	show := func(want device.State) {
		t.Helper()
		_, err := lamp.WaitLamp(want, lampTime)
		must(err)
	}
	show(device.Idle)

	t.Log("out, in; each side hangs up")
	c := ring(t, p, outside)
	show(device.Ringing)
	in, err := outside.Incoming(ctx)
	must(err)
	must(in.Answer())
	must(c.WaitAnswered(ctx))
	show(device.Busy)
	must(c.Hold(ctx))
	must(c.Unhold(ctx))
	must(in.Hold(ctx))
	must(in.Bye(ctx))
	must(c.WaitEnded(ctx))
	show(device.Idle)
	c, in = talk(t, outside, p)
	must(in.Hold(ctx))
	must(in.Bye(ctx))
	must(c.WaitEnded(ctx))

	t.Log("cancelled by each side")
	c = ring(t, outside, p)
	in, err = p.Incoming(ctx)
	must(err)
	must(c.Cancel(ctx))
	must(in.WaitEnded(ctx))
	c = ring(t, p, outside)
	in, err = outside.Incoming(ctx)
	must(err)
	must(c.Cancel(ctx))
	must(in.WaitEnded(ctx))

	t.Log("the NATed phone transfers to another one behind the NAT, and that picks up")
	other := h.phone("1003", transport)
	must(other.Register(ctx, 10*time.Minute))
	c, in = talk(t, outside, p)
	other.ForgetIncoming()
	h.joined(a, 1)
	must(in.Refer(ctx, "1003"))
	third, err := other.Incoming(ctx)
	must(err)
	must(third.Answer())
	if status, err := in.WaitTransfer(ctx); status != 200 || err != nil {
		t.Errorf("the transfer ended with %d, %v", status, err)
	}
	must(in.HangUp(ctx))
	h.joined(a, 1)
	must(c.Bye(ctx))
	must(third.WaitEnded(ctx))

	t.Log("with consultation, of one that has answered and one that rings")
	c, in = talk(t, outside, p)
	must(in.Hold(ctx))
	ask, third := talk(t, p, other)
	h.joined(a, 2)
	h.attend(ctx, in, ask)
	h.joined(a, 1)
	must(c.Bye(ctx))
	must(third.WaitEnded(ctx))
	c, in = talk(t, outside, p)
	must(in.Hold(ctx))
	ask = ring(t, p, other)
	h.attend(ctx, in, ask)
	third, err = other.Incoming(ctx)
	must(err)
	must(third.Answer())
	h.joined(a, 1)
	must(c.Bye(ctx))
	must(third.WaitEnded(ctx))
	c = ring(t, outside, p)
	var pick *siptest.Call
	h.eventually(lampTime, "the pickup", func() error { // what it needs follows the ringing within milliseconds
		if pick, err = other.Dial(ctx, "*891001"); err != nil {
			return err
		}
		if status, err := pick.WaitFinal(ctx); status != 200 || err != nil {
			return fmt.Errorf("it ended with %d, %v", status, err)
		}
		return nil
	})
	must(c.WaitAnswered(ctx))
	must(c.Bye(ctx))
	must(pick.WaitEnded(ctx))

	t.Log("the bridge is killed in mid-call")
	c, in = talk(t, p, outside)
	h.kill()
	lamp.AllowGap() // not before: the last NOTIFY of the old process may come late
	h.start()
	if transport != "UDP" {
		must(p.Register(ctx, 10*time.Minute))
		must(lamp.Refresh(ctx, 600))
	}
	must(in.Hold(ctx))
	must(c.Bye(ctx))
	must(in.WaitEnded(ctx))
	must(other.Register(ctx, 10*time.Minute))
	must(call(t, outside, other).Bye(ctx))
	show(device.Idle)
	must(other.Unregister(ctx))
	must(p.Unregister(ctx))
	if v := lamp.Violations(); len(v) > 0 {
		t.Errorf("the lamp: %s", siptest.Describe(v))
	}
}
