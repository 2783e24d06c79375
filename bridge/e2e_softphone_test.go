//go:build pbx && linux

package bridge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// softphone is somebody else's SIP phone, number 1001, registered from behind the NAT and
// watching 1002. Each verb returns when the program has been told; what follows is seen at
// the other end.
type softphone interface {
	dial(number string)
	// rung waits until the program rings; answer takes that call.
	rung()
	answer()
	// up waits until the program says that its newest call is answered.
	up()
	hold()
	resume()
	// transfer sends the far end of the only call to a number.
	transfer(number string)
	hangUp()
	// left waits until the program says that one of its calls is over.
	left()
	// lamp waits until the watched line is shown so.
	lamp(device.State)
	// again waits until the program has registered and subscribed after a restart of the
	// bridge, as it does by itself or when it is told.
	again()
}

// attends is a softphone that can transfer with consultation.
type attends interface {
	// consult calls a number while the first call waits.
	consult(number string)
	// attend joins the far ends of both calls.
	attend()
}

// softphonePolicy lets nobody watch who is not known: by its registration, as these are.
const softphonePolicy = "unknown_watchers: {trusted_networks: [192.0.2.1], others: challenge}\n"

// office is what a softphone is tried with.
type softOffice struct {
	*home
	a        *pbx
	bob, cat *siptest.Phone        // 1002 and 1003, outside the NAT
	own      *siptest.Subscription // cat watches the softphone's line
	ctx      context.Context
}

// softTrial is how a softphone is tried: over each transport.
type softTrial struct {
	make       func(o *softOffice, transport string) softphone
	advertise  string // the name by which it reaches the bridge; empty: its address
	transports []string
}

func (trial softTrial) run(t *testing.T) {
	a := takeAsterisk(t, "clients")
	h := newHome(t, a, homeConfig{policy: softphonePolicy, advertise: trial.advertise})
	o := &softOffice{home: h, a: a, bob: edgePhone(t, h.server, "1002", false), cat: edgePhone(t, h.server, "1003", false)}
	for _, transport := range trial.transports {
		t.Run(transport, func(t *testing.T) {
			h.t = t
			var cancel context.CancelFunc
			o.ctx, cancel = context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			o.everything(trial.make(o, transport))
		})
	}
}

func (o *softOffice) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// shows waits until 1003's lamp of the softphone's line is as wanted.
func (o *softOffice) shows(want device.State) {
	o.t.Helper()
	_, err := o.own.WaitLamp(want, lampTime)
	o.must(err)
}

// held waits until 1002 is on hold or no more, as Asterisk says.
func (o *softOffice) held(want string) {
	o.t.Helper()
	o.eventually(lampTime, "Asterisk's state of 1002 to be "+want, func() error {
		if hint := o.a.cli(o.t, "core show hint 1002"); !strings.Contains(hint, "State:"+want+" ") {
			return fmt.Errorf("%s", hint)
		}
		return nil
	})
}

// comes is the next call at a phone, answered.
func (o *softOffice) comes(to *siptest.Phone) *siptest.Call {
	o.t.Helper()
	in, err := to.Incoming(o.ctx)
	o.must(err)
	o.must(in.Answer())
	return in
}

// calls lets a phone call the softphone, which answers.
func (o *softOffice) calls(from *siptest.Phone, p softphone) *siptest.Call {
	o.t.Helper()
	c, err := from.Dial(o.ctx, "1001")
	o.must(err)
	p.rung()
	p.answer()
	o.must(c.WaitAnswered(o.ctx))
	p.up()
	o.joined(o.a, 1)
	return c
}

func (o *softOffice) everything(p softphone) {
	t, ctx := o.t, o.ctx
	// Its own contact, as it gave it: a browser has no address (RFC 7118 §5.3), and linphone
	// gives the router's.
	contact := o.a.cli(t, "pjsip show contacts")
	if !strings.Contains(contact, "@"+o.nat.Inside.String()) && !strings.Contains(contact, ".invalid") && !strings.Contains(contact, "@"+o.nat.Router.String()) {
		t.Errorf("Asterisk knows\n%s", contact)
	}
	var err error
	o.own, err = o.cat.Subscribe(ctx, siptest.SubscribeConfig{Target: "1001"})
	o.must(err)
	p.lamp(device.Idle)

	t.Log("it calls, holds, resumes and hangs up")
	p.dial("1002")
	in := o.comes(o.bob)
	p.up()
	o.shows(device.Busy)
	p.lamp(device.Busy)
	p.hold()
	o.held("Hold")
	p.resume()
	o.held("InUse")
	p.hangUp()
	o.must(in.WaitEnded(ctx))
	o.shows(device.Idle)
	p.lamp(device.Idle)

	t.Log("it is called; the other side holds and hangs up")
	c, err := o.bob.Dial(ctx, "1001")
	o.must(err)
	o.must(c.WaitRinging(ctx))
	o.shows(device.Ringing)
	p.rung()
	p.answer()
	o.must(c.WaitAnswered(ctx))
	p.up()
	o.must(c.Hold(ctx))
	o.must(c.Unhold(ctx))
	o.must(c.Bye(ctx))
	o.shows(device.Idle)
	p.lamp(device.Idle)

	t.Log("its call is cancelled before it answers, and by itself")
	c, err = o.bob.Dial(ctx, "1001")
	o.must(err)
	p.rung()
	o.must(c.Cancel(ctx))
	o.shows(device.Idle)
	p.dial("1002")
	in, err = o.bob.Incoming(ctx)
	o.must(err)
	o.shows(device.Busy)
	p.lamp(device.Ringing)
	p.hangUp()
	o.must(in.WaitEnded(ctx))
	o.shows(device.Idle)

	t.Log("it transfers")
	c = o.calls(o.bob, p)
	p.transfer("1003")
	third := o.comes(o.cat)
	p.left()
	o.shows(device.Idle)
	o.joined(o.a, 1)
	p.lamp(device.Busy)
	o.must(c.Bye(ctx))
	o.must(third.WaitEnded(ctx))
	if p, ok := p.(attends); ok {
		o.attended(p.(softphone), p)
	}

	t.Log("it picks up")
	c = ring(t, o.cat, o.bob)
	p.lamp(device.Ringing)
	in, err = o.bob.Incoming(ctx)
	o.must(err)
	p.dial("*891002")
	o.must(c.WaitAnswered(ctx))
	o.must(in.WaitEnded(ctx))
	p.up()
	o.shows(device.Busy)
	p.lamp(device.Idle)
	p.hangUp()
	o.must(c.WaitEnded(ctx))
	o.shows(device.Idle)

	t.Log("the bridge is killed in mid-call")
	p.dial("1002")
	in = o.comes(o.bob)
	p.up()
	o.shows(device.Busy)
	o.kill()
	o.own.AllowGap() // not before: the last NOTIFY of the old process may come late
	o.start()
	o.must(o.cat.Register(ctx, 10*time.Minute))
	p.hangUp()
	o.must(in.WaitEnded(ctx))
	o.shows(device.Idle)
	p.again()
	p.lamp(device.Idle)
	c = o.calls(o.bob, p)
	o.shows(device.Busy)
	o.must(c.Bye(ctx))
	o.shows(device.Idle)
	p.lamp(device.Idle)
	if v := o.own.Violations(); len(v) > 0 {
		t.Errorf("the lamp: %s", siptest.Describe(v))
	}
	o.must(o.own.Unsubscribe(ctx))
}

// attended: the softphone talks with 1002, asks 1003, and joins them.
func (o *softOffice) attended(p softphone, a attends) {
	o.t.Helper()
	o.t.Log("it transfers with consultation")
	c := o.calls(o.bob, p)
	a.consult("1003")
	third := o.comes(o.cat)
	p.up()
	o.joined(o.a, 2)
	a.attend()
	p.left()
	p.left()
	o.shows(device.Idle)
	o.joined(o.a, 1)
	p.lamp(device.Busy)
	o.must(c.Bye(o.ctx))
	o.must(third.WaitEnded(o.ctx))
}
