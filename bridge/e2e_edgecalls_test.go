package bridge_test

import (
	"context"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// edgeOffice is phones behind the edge of a bridge in front of a real PBX.
type edgeOffice struct {
	t  *testing.T
	s  *server
	at front
	// phone registers one; kind tells what the first and the third, and the second and
	// the fourth of them are: true = over TCP, or whatever else phone makes of it.
	phone func(number string, kind bool) *siptest.Phone
	kind  [2]bool
}

// server is a bridge that runs in front of this PBX, for everybody's lines.
func (f *front) server(t *testing.T) *server {
	t.Helper()
	o := setup{store: newStorage(t, "bolt"), pbx: f.yaml, more: edgeYAML}
	if f.aliases != "" {
		o.policy = "tenants: [{name: default, domains: [" + f.aliases + "]}]\n"
	}
	s := newServer(t, o)
	s.start()
	return s
}

// newEdgeOffice has phones over UDP or TCP.
func newEdgeOffice(t *testing.T, s *server, at front, tcp [2]bool) *edgeOffice {
	return &edgeOffice{t: t, s: s, at: at, kind: tcp, phone: func(number string, tcp bool) *siptest.Phone {
		return at.phone(t, s.udp, number, func(c *siptest.Config) { c.TCP = tcp })
	}}
}

// register is the i-th user's phone.
func (o *edgeOffice) register(i int) *siptest.Phone {
	o.t.Helper()
	return o.phone(o.at.number(i), o.kind[i%2])
}

func (o *edgeOffice) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// waits bounds a wait that nothing else ends.
func (o *edgeOffice) waits(wait func(context.Context) error) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), callTime)
	defer cancel()
	o.must(wait(ctx))
}

// final waits for the final answer to a call.
func (o *edgeOffice) final(c *siptest.Call, want int) {
	o.t.Helper()
	o.waits(func(ctx context.Context) error {
		status, err := c.WaitFinal(ctx)
		if err == nil && status != want {
			o.t.Errorf("the call ended with %d, want %d", status, want)
		}
		return err
	})
}

// incoming is the next call of a phone.
func (o *edgeOffice) incoming(p *siptest.Phone) (c *siptest.Call) {
	o.t.Helper()
	o.waits(func(ctx context.Context) (err error) { c, err = p.Incoming(ctx); return err })
	return c
}

// edgeCalls: three phones that know nothing but the bridge call each other in every way,
// and one watches another's lamp.
func edgeCalls(o *edgeOffice) {
	t, must, ctx := o.t, o.must, o.t.Context()
	p1, p2 := o.register(0), o.register(1)
	var schemas siptest.Schemas
	lamp, err := p1.Subscribe(ctx, siptest.SubscribeConfig{Target: p2.User(), Schemas: &schemas})
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
	in := o.incoming(p2)
	must(in.Answer())
	o.waits(c.WaitAnswered)
	show(device.Busy)
	must(c.Hold(ctx))
	must(in.Hold(ctx))
	must(c.Unhold(ctx))
	must(in.Unhold(ctx))
	must(c.Bye(ctx))
	o.waits(in.WaitEnded)
	show(device.Idle)
	c, in = talk(t, p2, p1)
	must(in.Bye(ctx))
	o.waits(c.WaitEnded)

	t.Log("cancel, reject, busy")
	c = ring(t, p1, p2)
	in = o.incoming(p2)
	must(c.Cancel(ctx))
	o.waits(in.WaitEnded)
	if c.Status() != 487 {
		t.Errorf("a cancelled call ended with %d", c.Status())
	}
	c = ring(t, p1, p2)
	must(o.incoming(p2).Reject(486))
	o.final(c, 486)
	p2.SetPolicy(siptest.RejectBusy)
	c, err = p1.Dial(ctx, p2.User())
	must(err)
	o.final(c, 486)
	p2.SetPolicy(siptest.Ring)
	show(device.Idle)

	t.Log("blind transfer, attended transfer")
	p3 := o.register(2)
	c, in = talk(t, p1, p2)
	must(in.Refer(ctx, p3.User()))
	third := o.incoming(p3)
	must(third.Answer())
	o.waits(func(ctx context.Context) error {
		status, err := in.WaitTransfer(ctx)
		if status != 200 {
			t.Errorf("the transfer ended with %d", status)
		}
		return err
	})
	must(in.HangUp(ctx))
	time.Sleep(o.at.settle)
	must(c.Bye(ctx))
	o.waits(third.WaitEnded)
	c, in = talk(t, p1, p2)
	must(in.Hold(ctx))
	ask, third := talk(t, p2, p3)
	must(in.ReferTo(ctx, ask))
	o.waits(ask.WaitEnded)
	time.Sleep(o.at.settle)
	must(third.Bye(ctx))
	o.waits(c.WaitEnded)
	show(device.Idle)

	edgeRequests(o, p1)
	for _, p := range []*siptest.Phone{p1, p2, p3} {
		must(p.Unregister(ctx))
	}
	if v := lamp.Violations(); len(v) > 0 {
		t.Errorf("the lamp: %s", siptest.Describe(v))
	}
}

// edgeRequests: what is no call is answered by the PBX, but for what asks the bridge itself.
func edgeRequests(o *edgeOffice, p *siptest.Phone) {
	t, own, other := o.t, "sip:"+o.at.number(0)+"@"+o.at.domain, "sip:"+o.at.number(1)+"@"+o.at.domain
	t.Log("what is no call")
	for _, r := range []struct {
		method, uri string
		extra       []siptest.Header
		body        string
		pbx         bool // who answers
	}{
		{"OPTIONS", "sip:600@" + o.at.domain, nil, "", true},
		{"OPTIONS", "sip:" + o.s.udp, nil, "", false},
		{"MESSAGE", other, []siptest.Header{{Name: "Content-Type", Value: "text/plain"}}, "hello", true},
		{"SUBSCRIBE", own, []siptest.Header{{Name: "Event", Value: "message-summary"}, {Name: "Expires", Value: "600"}}, "", true},
		{"PUBLISH", own, []siptest.Header{{Name: "Event", Value: "presence"}}, "", true},
		{"INFO", own, nil, "", true},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), callTime)
		res, err := p.Do(ctx, r.method, r.uri, r.extra, []byte(r.body))
		cancel()
		if res == nil {
			t.Fatalf("%s: %v", r.method, err)
		}
		t.Logf("%s %s: %s", r.method, r.uri, res.Summary())
		// The bridge gives itself no name.
		if got := res.Get("Server")+res.Get("User-Agent") != ""; got != r.pbx {
			t.Errorf("%s %s was answered by the PBX: %v\n%s", r.method, r.uri, got, res)
		}
	}
}

// talk makes an answered call whose two ends the PBX has joined, and returns both.
func talk(t *testing.T, from, to *siptest.Phone) (out, in *siptest.Call) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), callTime)
	defer cancel()
	out = ring(t, from, to)
	in, err := to.Incoming(ctx)
	if err == nil {
		err = in.Answer()
	}
	if err == nil {
		err = out.WaitAnswered(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // before that, Asterisk refuses a transfer
	return out, in
}

// edgeRestart: calls go on while the bridge is killed and comes back. Each side of a call
// can hang up, and hears of it when the other does: over TCP as soon as its phone's connection
// is there again.
func edgeRestart(o *edgeOffice) {
	t, must, ctx := o.t, o.must, o.t.Context()
	p1, p2, p3, p4 := o.register(0), o.register(1), o.register(2), o.register(3)
	c, in := talk(t, p1, p2)
	d, din := talk(t, p3, p4)
	o.s.kill()
	o.s.start()
	must(c.Hold(ctx))
	must(c.Bye(ctx))
	must(din.Bye(ctx))
	if o.kind[0] {
		// The PBX's BYE waits for the phone.
		time.Sleep(time.Second)
		if d.Ended() || in.Ended() {
			t.Error("a BYE reached a phone without a connection")
		}
		for _, p := range []*siptest.Phone{p2, p3} {
			must(p.Register(ctx, 10*time.Minute))
		}
	}
	o.waits(in.WaitEnded)
	o.waits(d.WaitEnded)
	for _, p := range []*siptest.Phone{p1, p2, p3, p4} {
		must(p.Unregister(ctx))
	}
}
