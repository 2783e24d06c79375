package bridge_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/eventpkg/dialoginfo"
	"blfbridge/bridge/siptest"
)

// TestPickupNative: every way to pick up works on an Asterisk that has no pickup code
// in its dialplan, and none gets round the permission.
func TestPickupNative(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "pickup")
	a.cli(t, "dialplan remove extension _*89X.@office")
	t.Cleanup(func() {
		if _, err := a.CLI(context.Background(), "dialplan reload"); err != nil {
			t.Error(err)
		}
	})
	pickupNative(newPickupOffice(t, a.front("pickupnative", "sip: udp://"+a.addr.SIP)))
}

// pickupNative is the scenario, on any PBX.
func pickupNative(o *pickupOffice) {
	secretary, desk, snom := o.lamp(o.secretary, o.boss, ""), o.lamp(o.desk, o.boss, ""), o.lamp(o.secretary, o.boss, "snomD785/10.1")
	callers, own, bare := o.lamp(o.desk, o.caller, ""), o.lamp(o.desk, o.secretary, ""), o.lamp(o.secretary, "*89", "")
	code := "*89" + o.boss
	all := func(s device.State) {
		o.t.Helper()
		secretary.shows(s)
		callers.shows(s)
		own.shows(s)
	}

	o.step("nothing rings", func() {
		o.refused(480, o.secretary, code)
		o.refused(480, o.secretary, "*89")
		o.refused(404, o.secretary, "*89999999")
		if !o.heard[o.secretary].has("480 Nothing To Pick Up", "Warning: 399", "Reason: SIP", o.boss+" does not ring") {
			o.t.Error("the refusal does not say why")
		}
	})
	o.step("by code, the lamps of all three and the caller shown", func() {
		ctx := o.t.Context()
		caller, callee, seen := o.ringing(secretary)
		if bare.shows(device.Ringing).Lamp.State != device.Ringing || !strings.HasPrefix(seen.CallID, "blf-") {
			o.t.Errorf("the secretary is shown %+v", seen)
		}
		o.heard[o.secretary].forget()
		c, err := o.phones[o.secretary].Dial(ctx, code)
		o.must(err)
		o.must(c.WaitAnswered(ctx))
		o.must(callee.WaitEnded(ctx))
		o.must(caller.WaitAnswered(ctx))
		secretary.shows(device.Idle)
		bare.shows(device.Idle)
		callers.shows(device.Busy)
		own.shows(device.Busy)
		o.s.eventually(lampTime, "the caller's name on the phone that picked up", func() error {
			if !o.heard[o.secretary].has("P-Asserted-Identity", o.caller+"@") {
				return errors.New("it is not told")
			}
			return nil
		})
		time.Sleep(o.at.settle)
		o.must(c.Bye(ctx))
		o.must(caller.WaitEnded(ctx))
		all(device.Idle)
	})
	o.step("the caller hangs up", func() {
		ctx := o.t.Context()
		caller, callee, _ := o.ringing(secretary)
		c, err := o.phones[o.secretary].Dial(ctx, code)
		o.must(err)
		o.must(c.WaitAnswered(ctx))
		o.must(callee.WaitEnded(ctx))
		o.must(caller.WaitAnswered(ctx))
		time.Sleep(o.at.settle)
		o.must(caller.Bye(ctx))
		o.must(c.WaitEnded(ctx))
		all(device.Idle)
	})
	o.step("by the bare code", func() {
		caller, callee, _ := o.ringing(secretary)
		o.picks(caller, callee, o.secretary, "*89")
	})
	o.step("by the target that a Snom calls", func() {
		caller, callee, _ := o.ringing(secretary)
		doc, err := dialoginfo.Parse(snom.shows(device.Ringing).Body)
		o.must(err)
		seen := *doc.Lamp()
		if seen.CallID != "" || seen.Remote.Target != "sip:"+code+"@"+o.at.domain {
			o.t.Errorf("a Snom is shown %+v", seen)
		}
		o.picks(caller, callee, o.secretary, seen.Remote.Target)
	})
	o.step("by Replaces of what the lamp shows, whichever way round the tags are", func() {
		caller, callee, seen := o.ringing(secretary)
		o.picks(caller, callee, o.secretary, o.boss, replacesOf(seen))
		all(device.Idle)
		caller, callee, seen = o.ringing(secretary)
		seen.LocalTag, seen.RemoteTag = seen.RemoteTag, seen.LocalTag
		o.picks(caller, callee, o.secretary, o.boss, replacesOf(seen))
		all(device.Idle)
	})
	o.step("who may not, and what is answered meanwhile", func() { o.untouched(secretary, desk) })
	o.step("two at once", func() { o.race(secretary, all) })
}

// untouched: no code, no Replaces, no transfer of who may not gets at a ringing call, and
// nobody's at an answered one.
func (o *pickupOffice) untouched(secretary, desk *watch) {
	ctx := o.t.Context()
	code := "*89" + o.boss
	caller, callee, seen := o.ringing(secretary)
	if d := desk.shows(device.Ringing); strings.Contains(string(d.Body), "call-id") || strings.Contains(string(d.Body), "*89") {
		o.t.Errorf("who may not pick up is shown\n%s", d.Body)
	}
	raw := callee.Replaces() // the PBX's own identifiers, as if the phone had them from somewhere
	at := "@" + o.at.domain
	o.refused(403, o.desk, code)
	o.refused(403, o.desk, "sip:%2A%38%39"+o.boss+at)
	o.refused(403, o.desk, "*8-9"+o.boss)
	o.refused(403, o.desk, "*89")
	o.refused(403, o.desk, o.boss, replacesOf(seen))
	o.refused(403, o.desk, o.boss, siptest.Header{Name: "Replaces", Value: raw.String()})
	o.refused(403, o.desk, o.secretary, siptest.Header{Name: "replaces", Value: raw.String()})
	o.refused(403, o.desk, o.boss, siptest.Header{Name: "Join", Value: raw.String()})
	o.refused(400, o.desk, "sip:"+o.boss+at+"?Replaces="+url.QueryEscape(raw.String()))
	o.refused(481, o.desk, o.boss, siptest.Header{Name: "Replaces", Value: "made-up;to-tag=a;from-tag=b"})
	own := call(o.t, o.phones[o.desk], o.phones[o.deputy])
	for _, to := range []string{
		code, "sip:%2a89" + o.boss + at, "sip:" + o.boss + at + "?Replaces=" + url.QueryEscape(raw.String()),
		"sip:" + o.boss + at + "?X=1&rEPLACES=" + url.QueryEscape(replacesOf(seen).Value),
	} {
		if err := own.Refer(ctx, to); siptest.StatusOf(err) != 403 {
			o.t.Errorf("REFER to %s: %v", to, err)
		}
	}
	if callee.Ended() || callee.Answered() {
		o.t.Error("the ringing call was touched")
	}
	o.must(own.Bye(ctx))

	o.must(callee.Answer())
	o.must(caller.WaitAnswered(ctx))
	secretary.shows(device.Busy)
	o.refused(486, o.secretary, code)
	o.refused(480, o.secretary, o.boss, replacesOf(seen))
	if caller.Ended() || callee.Ended() {
		o.t.Error("an answered call was touched")
	}
	o.must(caller.Bye(ctx))
	o.must(callee.WaitEnded(ctx))
	secretary.shows(device.Idle)
}

// race: two pick up at once; one wins, the other is told.
func (o *pickupOffice) race(secretary *watch, all func(device.State)) {
	ctx := o.t.Context()
	caller, callee, _ := o.ringing(secretary)
	one, err := o.phones[o.secretary].Dial(ctx, "*89"+o.boss)
	o.must(err)
	two, err := o.phones[o.deputy].Dial(ctx, "*89"+o.boss)
	o.must(err)
	first, err := one.WaitFinal(ctx)
	o.must(err)
	second, err := two.WaitFinal(ctx)
	o.must(err)
	if winner, loser := min(first, second), max(first, second); winner != 200 || loser != 480 && loser != 486 {
		o.t.Errorf("two at once: %d and %d", first, second)
	}
	o.must(callee.WaitEnded(ctx))
	o.must(caller.WaitAnswered(ctx))
	time.Sleep(o.at.settle)
	o.must(caller.Bye(ctx))
	all(device.Idle)
}

// TestPickupDialplan: the bridge decides and dials the PBX's own code, which a phone that
// dials it itself gets no further with.
func TestPickupDialplan(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "pickup")
	o := newPickupOffice(t, a.front("pickupdialplan", "sip: udp://"+a.addr.SIP, "pickup: dialplan", `pickup_code: "*89"`))
	secretary := o.lamp(o.secretary, o.boss, "")
	caller, callee, _ := o.ringing(secretary)
	o.refused(403, o.desk, "*89"+o.boss)
	o.picks(caller, callee, o.secretary, "*89")
	secretary.shows(device.Idle)
	o.refused(480, o.secretary, "*89"+o.boss)

	ctx := t.Context()
	for _, c := range []struct {
		way  string
		send func(by *siptest.Phone) (peer *siptest.Call, refused bool)
	}{
		{"a transfer to the code", func(by *siptest.Phone) (*siptest.Call, bool) {
			peer, in := talk(t, o.other(by), by)
			err := in.Refer(ctx, "*891002")
			if err != nil && siptest.StatusOf(err) != 403 {
				t.Error(err)
			}
			return peer, err != nil
		}},
		{"a redirection to the code", func(by *siptest.Phone) (*siptest.Call, bool) {
			peer := ring(t, o.other(by), by)
			in, err := by.Incoming(ctx)
			o.must(err)
			o.must(in.Redirect("*891002"))
			status, err := peer.WaitFinal(ctx)
			o.must(err)
			return peer, status != 200
		}},
	} {
		t.Log(c.way)
		caller, callee, _ = o.ringing(secretary)
		peer, refused := c.send(o.phones["1006"])
		if !refused || callee.Ended() || caller.Answered() {
			t.Errorf("%s by who may not pick up: refused %v, the ringing call ended %v", c.way, refused, callee.Ended())
		}
		if !peer.Ended() {
			o.must(peer.Bye(ctx))
		}
		peer, refused = c.send(o.phones["1003"])
		if refused {
			t.Fatalf("%s by who may pick up was refused", c.way)
		}
		o.must(callee.WaitEnded(ctx))
		o.must(caller.WaitAnswered(ctx))
		o.must(caller.Bye(ctx))
		o.must(peer.WaitEnded(ctx))
		secretary.shows(device.Idle)
	}
}

// other is a phone to talk to.
func (o *pickupOffice) other(p *siptest.Phone) *siptest.Phone {
	if p == o.phones["1003"] {
		return o.phones["1006"]
	}
	return o.phones["1003"]
}

// TestOwnCallMoves: a phone takes a call of its own over by Replaces, needing no permission;
// another cannot, whatever it knows of it.
func TestOwnCallMoves(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "pickup")
	o := newPickupOffice(t, a.front("pickupown", "sip: udp://"+a.addr.SIP))
	ctx := t.Context()
	c, in := talk(t, o.phones["1001"], o.phones["1002"])
	for _, own := range []struct {
		phone string
		call  *siptest.Call
		other *siptest.Call
	}{{"1001", c, in}, {"1002", in, nil}} {
		h := siptest.Header{Name: "Replaces", Value: own.call.Replaces().String()}
		o.refused(481, "1006", "1002", h)
		next, err := o.phones[own.phone].Dial(ctx, "1004", h)
		o.must(err)
		if status, err := next.WaitFinal(ctx); status != 200 || err != nil {
			t.Fatalf("%s moves its call: %d, %v", own.phone, status, err)
		}
		o.must(own.call.WaitEnded(ctx))
		if own.other != nil && own.other.Ended() {
			t.Error("the other party was cut off")
		}
		c = next
	}
	o.must(c.Bye(ctx))
}
