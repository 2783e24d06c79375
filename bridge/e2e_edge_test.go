package bridge_test

import (
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// edgeYAML is the configuration's section.
const edgeYAML = "edge: {enabled: true, check_interval: 1s}\n"

// edgePhone is a phone whose only server is the bridge.
func edgePhone(t *testing.T, s *server, number string, tcp bool) *siptest.Phone {
	t.Helper()
	c := siptest.Config{User: number, Password: "pw" + number, Proxy: s.udp, Domain: "127.0.0.1", TCP: tcp}
	if testing.Verbose() {
		c.Trace = func(_ time.Time, sent bool, m *siptest.Message) { t.Logf("%s sent=%v\n%s", number, sent, m) }
	}
	p, err := siptest.NewPhone(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if err := p.Register(t.Context(), 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEdgeCalls: phones that know nothing but the bridge register at a real Asterisk
// through it, call each other in every way, and watch their lamps, over UDP and TCP.
func TestEdgeCalls(t *testing.T) {
	a := takeAsterisk(t, "edge")
	s := newServer(t, setup{store: newStorage(t, "bolt"), pbx: a.yaml("edge", "sip: udp://"+a.addr.SIP), more: edgeYAML})
	s.start()
	for name, tcp := range map[string][2]bool{"udp": {false, false}, "tcp": {true, true}, "udp and tcp": {false, true}} {
		t.Run(name, func(t *testing.T) { edgeCalls(t, s, tcp) })
	}
}

func edgeCalls(t *testing.T, s *server, tcp [2]bool) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	p1, p2 := edgePhone(t, s, "1001", tcp[0]), edgePhone(t, s, "1002", tcp[1])
	var schemas siptest.Schemas
	lamp, err := p1.Subscribe(ctx, siptest.SubscribeConfig{Target: "1002", Schemas: &schemas})
	must(err)
	show := func(want device.State) {
		t.Helper()
		_, err := lamp.WaitLamp(want, 3*time.Second)
		must(err)
	}
	show(device.Idle)

	t.Log("each hangs up once; both hold")
	c := ring(t, p1, p2)
	show(device.Ringing)
	in, err := p2.Incoming(ctx)
	must(err)
	must(in.Answer())
	must(c.WaitAnswered(ctx))
	show(device.Busy)
	must(c.Hold(ctx))
	must(in.Hold(ctx))
	must(c.Unhold(ctx))
	must(in.Unhold(ctx))
	must(c.Bye(ctx))
	must(in.WaitEnded(ctx))
	show(device.Idle)
	c = call(t, p2, p1)
	must(c.Bye(ctx))

	t.Log("cancel, reject")
	c = ring(t, p1, p2)
	in, err = p2.Incoming(ctx)
	must(err)
	must(c.Cancel(ctx))
	must(in.WaitEnded(ctx))
	if c.Status() != 487 {
		t.Errorf("a cancelled call ended with %d", c.Status())
	}
	c = ring(t, p1, p2)
	in, err = p2.Incoming(ctx)
	must(err)
	must(in.Reject(486))
	if status, err := c.WaitFinal(ctx); status != 486 || err != nil {
		t.Errorf("a rejected call ended with %d, %v", status, err)
	}
	show(device.Idle)
	must(p1.Unregister(ctx))
	must(p2.Unregister(ctx))
}
