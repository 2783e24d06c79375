package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/eventpkg/dialoginfo"
	"blfbridge/bridge/siptest"
)

// pickupPolicy: 1003 is the secretary of 1002; 1006 watches both and may pick nothing of
// 1002 up.
const pickupPolicy = `
tenants:
- name: default
  presence_groups: [{name: Boss}, {name: Secretary}]
  permissions:
  - {from: Secretary, to: Boss, subscribe: allow}
  - {from: Secretary, to: Standard, subscribe: allow, pickup: false}
  - {from: Standard, to: Boss, subscribe: allow, pickup: false}
  lines: [{number: "1002", presence_group: Boss}]
  phones:
  - {name: SEC, lines: ["1003"], presence_group: Secretary}
  - {name: SEC2, lines: ["1004"], presence_group: Secretary}
  - {name: DESK, lines: ["1006"]}
`

// heard keeps what a phone received.
type heard struct {
	mu  sync.Mutex
	all []*siptest.Message
}

func (h *heard) trace(t *testing.T, number string) func(time.Time, bool, *siptest.Message) {
	return func(_ time.Time, sent bool, m *siptest.Message) {
		if testing.Verbose() {
			t.Logf("%s sent=%v\n%s", number, sent, m)
		}
		if !sent {
			h.mu.Lock()
			h.all = append(h.all, m)
			h.mu.Unlock()
		}
	}
}

// has reports whether something was received that contains all the words.
func (h *heard) has(words ...string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.all {
		n := 0
		for _, w := range words {
			if strings.Contains(m.String(), w) {
				n++
			}
		}
		if n == len(words) {
			return true
		}
	}
	return false
}

// pickupOffice is a bridge in front of a real Asterisk, and phones behind it.
type pickupOffice struct {
	t      *testing.T
	s      *server
	phones map[string]*siptest.Phone
	heard  map[string]*heard
}

func newPickupOffice(t *testing.T, pbx string, numbers ...string) *pickupOffice {
	t.Helper()
	o := &pickupOffice{t, newServer(t, setup{store: newStorage(t, "bolt"), pbx: pbx, policy: pickupPolicy, more: edgeYAML}), map[string]*siptest.Phone{}, map[string]*heard{}}
	o.s.start()
	for _, n := range numbers {
		h := &heard{}
		p, err := siptest.NewPhone(siptest.Config{User: n, Password: "pw" + n, Proxy: o.s.udp, Domain: "127.0.0.1", Trace: h.trace(t, n)})
		o.must(err)
		t.Cleanup(p.Close)
		o.must(p.Register(t.Context(), 10*time.Minute))
		o.phones[n], o.heard[n] = p, h
	}
	return o
}

func (o *pickupOffice) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// lamp watches a line from a phone, as a phone of that make.
func (o *pickupOffice) lamp(from, target, agent string) *watch {
	o.t.Helper()
	return watching(o.t, o.s.udp, siptest.Config{User: from, Domain: "127.0.0.1", UserAgent: agent}, siptest.SubscribeConfig{Target: target})
}

// ringing lets 1001 call 1002 and waits until the lamp shows by what it can be picked up.
func (o *pickupOffice) ringing(w *watch) (caller, callee *siptest.Call, seen dialoginfo.Element) {
	o.t.Helper()
	caller = ring(o.t, o.phones["1001"], o.phones["1002"])
	callee, err := o.phones["1002"].Incoming(o.t.Context())
	o.must(err)
	// The lamp rings first; what Asterisk is asked for follows within milliseconds.
	o.s.eventually(lampTime, "the identifiers of the call", func() error {
		s := w.shows(device.Ringing)
		doc, err := dialoginfo.Parse(s.Body)
		if err != nil {
			return err
		}
		seen = *doc.Lamp()
		if seen.CallID == "" {
			return fmt.Errorf("the lamp shows %+v", seen)
		}
		return nil
	})
	return caller, callee, seen
}

// refused dials and expects a status.
func (o *pickupOffice) refused(status int, from, target string, extra ...siptest.Header) {
	o.t.Helper()
	c, err := o.phones[from].Dial(o.t.Context(), target, extra...)
	o.must(err)
	got, err := c.WaitFinal(o.t.Context())
	if got != status || err != nil {
		o.t.Errorf("%s dials %s: %d, %v, want %d", from, target, got, err, status)
	}
}

// picks dials, expects to be answered, and ends the call.
func (o *pickupOffice) picks(caller, callee *siptest.Call, from, target string, extra ...siptest.Header) {
	o.t.Helper()
	ctx := o.t.Context()
	c, err := o.phones[from].Dial(ctx, target, extra...)
	o.must(err)
	if status, err := c.WaitFinal(ctx); status != 200 || err != nil {
		o.t.Fatalf("%s dials %s: %d, %v", from, target, status, err)
	}
	o.must(callee.WaitEnded(ctx))
	o.must(caller.WaitAnswered(ctx))
	o.must(c.Bye(ctx))
	o.must(caller.WaitEnded(ctx))
}

func replacesOf(d dialoginfo.Element) siptest.Header {
	return siptest.Header{Name: "Replaces", Value: siptest.Replaces{CallID: d.CallID, ToTag: d.RemoteTag, FromTag: d.LocalTag}.String()}
}

// TestPickupNative: every way to pick up works on an Asterisk that has no pickup code
// in its dialplan, and none gets round the permission.
func TestPickupNative(t *testing.T) {
	a := takeAsterisk(t, "pickup")
	a.cli(t, "dialplan remove extension _*89X.@office")
	t.Cleanup(func() {
		if _, err := a.CLI(context.Background(), "dialplan reload"); err != nil {
			t.Error(err)
		}
	})
	o := newPickupOffice(t, a.yaml("pickupnative", "sip: udp://"+a.addr.SIP), "1001", "1002", "1003", "1004", "1006")
	ctx := t.Context()
	secretary, desk, snom := o.lamp("1003", "1002", ""), o.lamp("1006", "1002", ""), o.lamp("1003", "1002", "snomD785/10.1")
	line1, line3, bare := o.lamp("1006", "1001", ""), o.lamp("1006", "1003", ""), o.lamp("1003", "*89", "")

	t.Log("nothing rings")
	o.refused(480, "1003", "*891002")
	o.refused(480, "1003", "*89")
	o.refused(404, "1003", "*899999")
	if !o.heard["1003"].has("480 Nothing To Pick Up", "Warning: 399", "1002 does not ring") {
		t.Error("the refusal does not say why")
	}

	t.Log("by code; the lamps of all three, and who calls on the phone that picked up")
	caller, callee, seen := o.ringing(secretary)
	if bare.shows(device.Ringing).Lamp.State != device.Ringing || !strings.HasPrefix(seen.CallID, "blf-") {
		t.Errorf("the secretary is shown %+v", seen)
	}
	c, err := o.phones["1003"].Dial(ctx, "*891002")
	o.must(err)
	o.must(c.WaitAnswered(ctx))
	o.must(callee.WaitEnded(ctx))
	o.must(caller.WaitAnswered(ctx))
	secretary.shows(device.Idle)
	bare.shows(device.Idle)
	line1.shows(device.Busy)
	line3.shows(device.Busy)
	o.s.eventually(lampTime, "the caller's name on the phone that picked up", func() error {
		if !o.heard["1003"].has("P-Asserted-Identity", "1001") {
			return errors.New("it is not told")
		}
		return nil
	})
	o.must(c.Bye(ctx))
	o.must(caller.WaitEnded(ctx))

	t.Log("by the bare code")
	caller, callee, _ = o.ringing(secretary)
	o.picks(caller, callee, "1003", "*89")

	t.Log("by the target that a Snom calls")
	caller, callee, _ = o.ringing(secretary)
	doc, err := dialoginfo.Parse(snom.shows(device.Ringing).Body)
	o.must(err)
	seen = *doc.Lamp()
	if seen.CallID != "" || seen.Remote.Target != "sip:*891002@127.0.0.1" {
		t.Errorf("a Snom is shown %+v", seen)
	}
	o.picks(caller, callee, "1003", seen.Remote.Target)

	t.Log("by Replaces of what the lamp shows, whichever way round the tags are")
	caller, callee, seen = o.ringing(secretary)
	o.picks(caller, callee, "1003", "1002", replacesOf(seen))
	caller, callee, seen = o.ringing(secretary)
	seen.LocalTag, seen.RemoteTag = seen.RemoteTag, seen.LocalTag
	o.picks(caller, callee, "1003", "1002", replacesOf(seen))

	t.Log("who may not: no code, no Replaces, no transfer gets round it")
	caller, callee, seen = o.ringing(secretary)
	if d := desk.shows(device.Ringing); strings.Contains(string(d.Body), "call-id") || strings.Contains(string(d.Body), "*89") {
		t.Errorf("who may not pick up is shown\n%s", d.Body)
	}
	raw := callee.Replaces() // Asterisk's own identifiers, as if the phone had them from somewhere
	o.refused(403, "1006", "*891002")
	o.refused(403, "1006", "sip:%2A%38%391002@127.0.0.1")
	o.refused(403, "1006", "*8-91002")
	o.refused(403, "1006", "*89")
	o.refused(403, "1006", "1002", replacesOf(seen))
	o.refused(403, "1006", "1002", siptest.Header{Name: "Replaces", Value: raw.String()})
	o.refused(403, "1006", "1003", siptest.Header{Name: "replaces", Value: raw.String()})
	o.refused(403, "1006", "1002", siptest.Header{Name: "Join", Value: raw.String()})
	o.refused(400, "1006", "sip:1002@127.0.0.1?Replaces="+url.QueryEscape(raw.String()))
	o.refused(481, "1006", "1002", siptest.Header{Name: "Replaces", Value: "made-up;to-tag=a;from-tag=b"})
	own := call(t, o.phones["1006"], o.phones["1004"])
	for _, to := range []string{
		"*891002", "sip:%2a891002@127.0.0.1", "sip:1002@127.0.0.1?Replaces=" + url.QueryEscape(raw.String()),
		"sip:1002@127.0.0.1?X=1&rEPLACES=" + url.QueryEscape(replacesOf(seen).Value),
	} {
		if err := own.Refer(ctx, to); siptest.StatusOf(err) != 403 {
			t.Errorf("REFER to %s: %v", to, err)
		}
	}
	if callee.Ended() || callee.Answered() {
		t.Error("the ringing call was touched")
	}
	o.must(own.Bye(ctx))

	t.Log("answered meanwhile: the call goes on")
	o.must(callee.Answer())
	o.must(caller.WaitAnswered(ctx))
	secretary.shows(device.Busy)
	o.refused(486, "1003", "*891002")
	o.refused(480, "1003", "1002", replacesOf(seen))
	if caller.Ended() || callee.Ended() {
		t.Error("an answered call was touched")
	}
	o.must(caller.Bye(ctx))
	o.must(callee.WaitEnded(ctx))

	t.Log("two at once: one wins, the other is told")
	caller, callee, _ = o.ringing(secretary)
	one, err := o.phones["1003"].Dial(ctx, "*891002")
	o.must(err)
	two, err := o.phones["1004"].Dial(ctx, "*891002")
	o.must(err)
	first, err := one.WaitFinal(ctx)
	o.must(err)
	second, err := two.WaitFinal(ctx)
	o.must(err)
	if winner, loser := min(first, second), max(first, second); winner != 200 || loser != 480 && loser != 486 {
		t.Errorf("two at once: %d and %d", first, second)
	}
	o.must(callee.WaitEnded(ctx))
	o.must(caller.WaitAnswered(ctx))
	o.must(caller.Bye(ctx))
	secretary.shows(device.Idle)
}

// TestPickupDialplan: the bridge decides and dials the PBX's own code, which a phone that
// dials it itself gets no further with.
func TestPickupDialplan(t *testing.T) {
	a := takeAsterisk(t, "pickup")
	o := newPickupOffice(t, a.yaml("pickupdialplan", "sip: udp://"+a.addr.SIP, "pickup: dialplan", `pickup_code: "*89"`), "1001", "1002", "1003", "1006")
	secretary := o.lamp("1003", "1002", "")
	caller, callee, _ := o.ringing(secretary)
	o.refused(403, "1006", "*891002")
	o.picks(caller, callee, "1003", "*89")
	secretary.shows(device.Idle)
	o.refused(480, "1003", "*891002")

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
	a := takeAsterisk(t, "pickup")
	o := newPickupOffice(t, a.yaml("pickupown", "sip: udp://"+a.addr.SIP), "1001", "1002", "1006")
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
