//go:build pbx

package siptest_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/lab"
)

// startAsterisk runs an instance of its own and returns its SIP address.
func startAsterisk(t *testing.T) string {
	t.Helper()
	a, err := lab.Fresh("../../scripts/pbx/asterisk", "siptest")
	if err != nil {
		t.Fatal(err)
	}
	addr, err := a.Up(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return addr.SIP
}

// office are registered phones of one Asterisk.
type office struct {
	t   *testing.T
	ctx context.Context
	sip string
}

func (o office) phone(user string, tcp bool) *siptest.Phone {
	o.t.Helper()
	cfg := siptest.Config{User: user, Password: "pw" + user, Proxy: o.sip, TCP: tcp}
	if os.Getenv("SIPTEST_TRACE") != "" {
		cfg.Trace = func(_ time.Time, sent bool, m *siptest.Message) {
			o.t.Logf("%s %v %s\n%s", user, sent, m.Summary(), m)
		}
	}
	p, err := siptest.NewPhone(cfg)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(p.Close)
	o.must(p.Register(o.ctx, 2*time.Minute))
	return p
}

func (o office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// talk makes an answered call and returns both legs.
func (o office) talk(a, b *siptest.Phone) (caller, callee *siptest.Call) {
	o.t.Helper()
	caller, err := a.Dial(o.ctx, b.User())
	o.must(err)
	callee, err = b.Incoming(o.ctx)
	o.must(err)
	o.must(caller.WaitRinging(o.ctx))
	o.must(callee.Answer())
	o.must(caller.WaitAnswered(o.ctx))
	time.Sleep(200 * time.Millisecond) // Asterisk refuses to transfer a call that it has not bridged yet
	return caller, callee
}

func (o office) lamp(s *siptest.Subscription, want device.State) {
	o.t.Helper()
	_, err := s.WaitLamp(want, 3*time.Second)
	o.must(err)
}

// TestAsteriskCalls drives every kind of call through a real Asterisk and watches its
// own hints strictly, over UDP and over TCP.
func TestAsteriskCalls(t *testing.T) {
	sip := startAsterisk(t)
	for _, tcp := range []bool{false, true} {
		t.Run(fmt.Sprintf("tcp=%v", tcp), func(t *testing.T) { asteriskCalls(t, sip, tcp) })
	}
}

func asteriskCalls(t *testing.T, sip string, tcp bool) {
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	o := office{t, ctx, sip}
	must := o.must
	p1, p2, p3, p6 := o.phone("1001", tcp), o.phone("1002", tcp), o.phone("1003", tcp), o.phone("1006", tcp)
	var schemas siptest.Schemas
	w := map[string]*siptest.Subscription{}
	for _, n := range []string{"1001", "1002", "1003"} {
		s, err := p6.Subscribe(ctx, siptest.SubscribeConfig{
			Target: n, Schemas: &schemas, Foreign: true})
		must(err)
		w[n] = s
		o.lamp(s, device.Idle)
	}

	t.Log("answered; the caller hangs up")
	a, b := o.talk(p1, p2)
	o.lamp(w["1002"], device.Busy)
	must(a.Bye(ctx))
	must(b.WaitEnded(ctx))
	o.lamp(w["1002"], device.Idle)

	t.Log("hold by both sides; the callee hangs up")
	a, b = o.talk(p1, p2)
	must(a.Hold(ctx))
	must(b.Hold(ctx))
	must(a.Unhold(ctx))
	must(b.Unhold(ctx))
	must(b.Bye(ctx))
	must(a.WaitEnded(ctx))

	t.Log("cancel")
	a, err := p1.Dial(ctx, "1002")
	must(err)
	b, err = p2.Incoming(ctx)
	must(err)
	o.lamp(w["1002"], device.Ringing)
	must(a.Cancel(ctx))
	must(b.WaitEnded(ctx))
	o.lamp(w["1002"], device.Idle)
	if a.Status() != 487 {
		t.Errorf("cancelled call ended with %d", a.Status())
	}

	t.Log("rejected, and busy at once")
	a, err = p1.Dial(ctx, "1002")
	must(err)
	b, err = p2.Incoming(ctx)
	must(err)
	must(b.Reject(486))
	if status, err := a.WaitFinal(ctx); status != 486 || err != nil {
		t.Errorf("rejected call ended with %d, %v", status, err)
	}
	p2.SetPolicy(siptest.RejectBusy)
	a, err = p1.Dial(ctx, "1002")
	must(err)
	if status, err := a.WaitFinal(ctx); status != 486 || err != nil {
		t.Errorf("busy call ended with %d, %v", status, err)
	}
	p2.SetPolicy(siptest.Ring)
	p2.ForgetIncoming()

	t.Log("blind transfer")
	a, b = o.talk(p1, p2)
	must(b.Refer(ctx, "1003"))
	c, err := p3.Incoming(ctx)
	must(err)
	o.lamp(w["1003"], device.Ringing)
	must(c.Answer())
	o.lamp(w["1003"], device.Busy)
	if status, err := b.WaitTransfer(ctx); status != 200 || err != nil {
		t.Errorf("transfer ended with %d, %v", status, err)
	}
	must(b.HangUp(ctx))
	must(a.Bye(ctx))
	must(c.WaitEnded(ctx))

	t.Log("attended transfer")
	a, b = o.talk(p1, p2)
	must(b.Hold(ctx))
	b2, c := o.talk(p2, p3)
	must(b.ReferTo(ctx, b2))
	must(b2.WaitEnded(ctx))
	o.lamp(w["1002"], device.Idle)
	must(c.Bye(ctx))
	must(a.WaitEnded(ctx))

	t.Log("pickup by code, then by Replaces")
	a, err = p1.Dial(ctx, "1002")
	must(err)
	b, err = p2.Incoming(ctx)
	must(err)
	must(a.WaitRinging(ctx))
	d, err := p6.Dial(ctx, "*891002")
	must(err)
	must(d.WaitAnswered(ctx))
	must(b.WaitEnded(ctx))
	must(a.WaitAnswered(ctx))
	must(d.Bye(ctx))
	must(a.WaitEnded(ctx))
	a, err = p1.Dial(ctx, "1002")
	must(err)
	b, err = p2.Incoming(ctx)
	must(err)
	must(a.WaitRinging(ctx))
	// The ringing leg as Asterisk knows it: its tag is the peer's of our leg.
	d, err = p6.DialReplaces(ctx, "1002", b.Replaces())
	must(err)
	must(d.WaitAnswered(ctx))
	must(b.WaitEnded(ctx))
	must(d.Bye(ctx))
	must(a.WaitEnded(ctx))

	t.Log("star codes, unregister")
	must(p1.DialCode(ctx, "*78"))
	a, err = p2.Dial(ctx, "1001")
	must(err)
	if status, err := a.WaitFinal(ctx); status != 486 || err != nil {
		t.Errorf("call to a phone in DND ended with %d, %v", status, err)
	}
	must(p1.DialCode(ctx, "*79"))
	must(p3.Unregister(ctx))
	for _, s := range w {
		if v := s.Violations(); len(v) > 0 {
			t.Errorf("unexpected breaches:\n%s", siptest.Describe(v))
		}
		// Asterisk repeats the version in the NOTIFY after a refresh: the strict
		// watcher must see it, and refuse.
		must(s.Refresh(ctx, 300))
		if !eventually(func() bool { return len(s.Violations()) == 1 }) || s.Violations()[0].Rule != "RFC 4235 §4.3" {
			t.Errorf("a repeated version gave: %s", siptest.Describe(s.Violations()))
		}
	}
	if err := w["1001"].Refresh(ctx, 300); siptest.StatusOf(err) != 481 && siptest.StatusOf(err) != 500 {
		t.Errorf("refused above, so Asterisk should not know the subscription any more: %v", err)
	}
	// Its element order breaks the schema of RFC 4235 as soon as there is a call.
	bad, err := schemas.Validate(ctx, map[string]string{
		"application/dialog-info+xml": "../eventpkg/testdata/schema/dialog-info.xsd"})
	must(err)
	if len(bad) == 0 || len(bad) == schemas.Count() {
		t.Errorf("%d of %d bodies break the schema; want all but the idle ones", len(bad), schemas.Count())
	}
	for _, v := range bad {
		if !strings.Contains(v.Text, "<local>") { // idle
			t.Errorf("not expected to be invalid: %s\n%s", v, v.Text)
		}
	}
}

func eventually(ok func() bool) bool {
	for range 100 {
		if ok() {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}
