//go:build live

package bridge_test

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/pickup"
	"blfbridge/bridge/siptest"
)

// switchProgram is the FreeSWITCH to start, as scripts/live says.
func switchProgram(t *testing.T) string {
	t.Helper()
	p := os.Getenv("BLFBRIDGE_LIVE_PROGRAM")
	if p == "" {
		t.Fatal("BLFBRIDGE_LIVE_PROGRAM names no FreeSWITCH; run scripts/test-live --program, which sets it")
	}
	return p
}

// TestLivePaste: a FreeSWITCH that knows nothing of blfbridge, and what pbx-config prints:
// phones behind the edge register, call, are called, light lamps and pick up, over UDP,
// TCP and WebSocket, with both ways to pick up and to log in; doctor finds nothing wrong.
// Before the paste it says what to do.
func TestLivePaste(t *testing.T) {
	for name, more := range map[string][]string{
		"native": nil, "dialplan": {"username: blf@office.test", "pickup: dialplan", `pickup_code: "**"`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBareSwitch(t, switchProgram(t))
			o := pickupPhones(t, b.front(more...))
			ws := freePort(t)
			o.s = newServer(t, setup{store: newStorage(t, "bolt"), pbx: o.at.yaml, listen: "ws://" + ws, more: edgeYAML, policy: o.policy()})
			o.s.everywhere()
			b.start()
			o.s.run()
			if good, text := o.s.examine(); good || !strings.Contains(text, "pbx-config freeswitch") {
				t.Errorf("before the paste doctor says\n%s", text)
			}
			text, err := o.s.command("pbx-config", "freeswitch")
			o.must(err)
			b.paste(text, "")
			b.restart()
			o.s.ready()
			pasted(o, ws, "presence_id", "profile")
			answeredStays(o, b)
			stranger, err := siptest.NewPhone(siptest.Config{User: "blf", Proxy: o.s.udp, Domain: o.at.domain})
			o.must(err)
			t.Cleanup(stranger.Close)
			if got := siptest.StatusOf(stranger.Register(t.Context(), time.Minute)); got != 403 && got != 401 {
				t.Errorf("a phone registers as blfbridge's user: %d", got)
			}
		})
	}
}

// answeredStays: FreeSWITCH leaves a call alone that was answered before a pickup reached it,
// which is asked for in the form that bridge/pickup writes for it; the phone here gives it
// to FreeSWITCH itself, since the bridge would not.
func answeredStays(o *pickupOffice, b *bareSwitch) {
	t, ctx := o.t, o.t.Context()
	caller, callee := talk(t, o.phones["1001"], o.phones["1002"])
	r := callee.Replaces()
	direct := o.at.phone(t, b.sip, "1004", nil)
	c, err := direct.Dial(ctx, "blfbridge-pickup", siptest.Header{Name: "Replaces", Value: r.CallID + ";early-only=true;to-tag=" + r.FromTag + ";from-tag=" + r.ToTag})
	o.must(err)
	if status, err := c.WaitFinal(ctx); status != 603 || err != nil {
		t.Errorf("a pickup of an answered call: %d, %v", status, err)
	}
	if callee.Ended() || caller.Ended() {
		t.Error("an answered call was touched")
	}
	o.must(callee.Bye(ctx))
	o.must(caller.WaitEnded(ctx))
}

// TestLivePasteNeeds: each line that is pasted is needed. Without it something does not
// work, and doctor says what.
func TestLivePasteNeeds(t *testing.T) {
	for _, c := range []struct {
		without string
		// finds is what doctor says then.
		finds string
		// works tries what the line is for.
		works func(o *edgeOffice) bool
	}{
		{"presence_id", "failed pbx office: presence_id who is called by bridge ${sofia_contact(*/$1@office.test)} in the context office lights no lamp", lightsLamp},
		{"auth-calls", "failed pbx office: profile internal: auth-calls is false: calls need no password", callRefused},
		{"accept-blind-reg", "failed pbx office: profile internal: accept-blind-reg is true: registrations need no password", registrationRefused},
		{"accept-blind-auth", "failed pbx office: profile internal: accept-blind-auth is true: any password is good", callRefused},
		{"manage-presence", "failed pbx office: profile internal: manage-presence is false: phones cannot PUBLISH do not disturb", publishes},
		{"apply-inbound-acl", "failed pbx office: profile internal: apply-inbound-acl=lan lets 127.0.0.1 in", callRefused},
		{"apply-register-acl", "failed pbx office: profile internal: apply-register-acl=lan lets 127.0.0.1 in", registrationRefused},
		{"blfbridge-pickup", `failed pbx office: pickup the extension "phones" of the context office takes whatever is dialled`, tooLateRefused},
		{"", "ok pbx office: profile internal: phones prove who they are", func(o *edgeOffice) bool {
			return lightsLamp(o) && callRefused(o) && registrationRefused(o) && publishes(o) && tooLateRefused(o)
		}},
	} {
		t.Run(cmp.Or(c.without, "nothing is left out"), func(t *testing.T) {
			b := newBareSwitch(t, switchProgram(t))
			at := b.front()
			s := newServer(t, setup{store: newStorage(t, "bolt"), pbx: at.yaml, more: edgeYAML, policy: "tenants: [{name: default, domains: [office.test]}]\n"})
			text, err := s.command("pbx-config", "freeswitch")
			if err != nil {
				t.Fatal(err)
			}
			b.paste(text, c.without)
			const plan = "dialplan/default.xml"
			switch c.without { // what stands in the user's own dialplan
			case "presence_id":
				b.write(plan, strings.Replace(b.read(plan), "user/$1@office.test", "${sofia_contact(*/$1@office.test)}", 1))
			case pickup.Nobody:
				b.write(plan, strings.Replace(strings.Replace(b.read(plan), `^(100\d)$`, "^(.+)$", 1), "user/$1@", "user/1002@", 1))
			}
			b.start()
			s.start()
			if got := c.works(newEdgeOffice(t, s, at, [2]bool{})); got != (c.without == "") {
				t.Errorf("it works: %v", got)
			}
			s.look(t, []fault{{name: c.without, finds: c.finds}})
		})
	}
}

// lightsLamp: the lamp of a called phone rings.
func lightsLamp(o *edgeOffice) bool {
	p1, p2 := o.register(0), o.register(1)
	lamp, err := p1.Subscribe(o.t.Context(), siptest.SubscribeConfig{Target: p2.User()})
	o.must(err)
	c := ring(o.t, p1, p2)
	_, err = lamp.WaitLamp(device.Ringing, 2*time.Second)
	o.must(c.Cancel(o.t.Context()))
	o.must(lamp.Unsubscribe(o.t.Context()))
	return err == nil
}

// wrongPassword is the phone of somebody who knows a number and no password.
func wrongPassword(o *edgeOffice, number string) *siptest.Phone {
	p, err := siptest.NewPhone(siptest.Config{User: number, Password: "guessed", Proxy: o.s.udp, Domain: o.at.domain})
	o.must(err)
	o.t.Cleanup(p.Close)
	return p
}

// callRefused: who has no password calls nobody.
func callRefused(o *edgeOffice) bool {
	p := o.register(1)
	p.SetPolicy(siptest.RejectBusy) // who is called says 486
	c, err := wrongPassword(o, o.at.number(0)).Dial(o.t.Context(), p.User())
	o.must(err)
	var status int
	o.waits(c.WaitEnded)
	status = c.Status()
	o.t.Log("a call with a wrong password:", status)
	return status == 401 || status == 403 || status == 407
}

// registrationRefused: who has no password registers nothing.
func registrationRefused(o *edgeOffice) bool {
	status := siptest.StatusOf(wrongPassword(o, o.at.number(0)).Register(o.t.Context(), time.Minute))
	o.t.Log("a registration with a wrong password:", status)
	return status == 401 || status == 403
}

// tooLateRefused: who picks up what does not ring any more calls nobody. FreeSWITCH takes an
// INVITE whose Replaces names no call for a new one, as this is.
func tooLateRefused(o *edgeOffice) bool {
	o.register(1).SetPolicy(siptest.RejectBusy)
	c, err := o.register(0).Dial(o.t.Context(), pickup.Nobody)
	o.must(err)
	o.waits(c.WaitEnded)
	o.t.Log("a pickup that comes too late:", c.Status())
	return c.Status() == 404
}

// publishes: do not disturb that a phone publishes is on its lamp.
func publishes(o *edgeOffice) bool {
	p1, p2 := o.register(0), o.register(1)
	lamp, err := p1.Subscribe(o.t.Context(), siptest.SubscribeConfig{Target: p2.User(), Event: "presence"})
	o.must(err)
	body := fmt.Sprintf(`<?xml version="1.0"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity=%q>
<tuple id="t1"><status><basic>open</basic></status></tuple>
<dm:person id="p1"><rpid:activities><rpid:busy/></rpid:activities><dm:note>Busy</dm:note></dm:person>
</presence>`, p2.AOR())
	res, err := p2.Do(o.t.Context(), "PUBLISH", p2.AOR(), []siptest.Header{
		{Name: "Event", Value: "presence"}, {Name: "Expires", Value: "600"}, {Name: "Content-Type", Value: "application/pidf+xml"}}, []byte(body))
	if res == nil {
		o.t.Fatal(err)
	}
	o.t.Log("PUBLISH:", res.Summary())
	_, err = lamp.WaitLamp(device.DND, 2*time.Second)
	o.must(lamp.Unsubscribe(o.t.Context()))
	return err == nil
}
