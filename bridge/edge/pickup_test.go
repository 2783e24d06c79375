package edge

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/pickup"
	"blfbridge/bridge/siptest"
	"blfbridge/policy"
)

// pickupPolicy: 1001 may pick up at 1002, 1003 may watch it only.
const pickupPolicy = `
tenants:
- name: t
  domains: [pbx.test]
  presence_groups: [{name: Boss}, {name: Secretary}]
  permissions:
  - {from: Secretary, to: Boss, subscribe: allow}
  - {from: Standard, to: Boss, subscribe: allow, pickup: false}
  lines:
  - {number: "1002", presence_group: Boss}
  phones:
  - {name: SEC, lines: ["1001"], presence_group: Secretary}
  - {name: DESK, lines: ["1003"]}
`

// rings is what rings, without a PBX.
type rings struct {
	mu    sync.Mutex // guards legs
	legs  []compositor.Ringing
	calls []compositor.Leg
}

func (r *rings) Legs(callID string) (out []compositor.Leg) {
	for _, l := range r.calls {
		if l.Call.CallID == callID {
			out = append(out, l)
		}
	}
	return out
}

func (r *rings) Ringing() []compositor.Ringing {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.legs)
}

// tell sets the identifiers of the call that rings.
func (r *rings) tell(d device.SIPDialog) {
	r.mu.Lock()
	r.legs[0].Call.Dialog = d
	r.mu.Unlock()
}

func (r *rings) Learned(string, string) bool    { return false }
func (r *rings) Intern(compositor.Key) uint32   { return 0 }
func (r *rings) Lamp(id uint32) compositor.Lamp { return compositor.Lamp{State: device.Idle} }

var theCall = device.SIPDialog{CallID: "c9", LocalTag: "pbx9", RemoteTag: "phone9"}

// withPickup rings 1002 at the second PBX, an Asterisk.
func withPickup(r *rings) func(*Config) { return withPickupAt(r, pickup.PBX{Code: "*8"}) }

// withPickupAt rings 1002 at the second PBX.
func withPickupAt(r *rings, two pickup.PBX) func(*Config) {
	r.legs = []compositor.Ringing{{
		Source: "two", Device: "PJSIP/1002", Line: policy.Line{Tenant: "t", Number: "1002"},
		Call: device.Call{ID: "x", Direction: device.Recipient, Phase: device.Early, Dialog: theCall, Remote: device.Party{Number: "4711", Name: `An "Ann" B`}},
	}}
	return func(c *Config) {
		d, err := policy.Load([]byte(pickupPolicy))
		if err != nil {
			panic(err)
		}
		snap, err := policy.Compile(d)
		if err != nil {
			panic(err)
		}
		c.Pickup = pickup.New(pickup.Config{
			Lines: r, Policy: func() *policy.Snapshot { return snap },
			PBX: map[string]pickup.PBX{"one": {Code: "*8"}, "two": two},
		})
	}
}

var phoneThree = notifier.Flow{Transport: phoneUDP.Transport, Local: outside, Remote: addr("203.0.113.7:33003")}

// pickupRig has the phones 1001 (phoneUDP) and 1003 (phoneThree) registered.
func pickupRig(t *testing.T, rg *rings, test func(t *testing.T, r *rig)) {
	t.Helper()
	inRig(t, withPickup(rg), func(t *testing.T, r *rig) {
		r.register(phoneUDP, "1001")
		r.register(phoneThree, "1003")
		test(t, r)
	})
}

// callOf is an answered call of a number, as its PBX tells of it.
func callOf(number, callID string) compositor.Leg {
	return compositor.Leg{Source: "one", Number: number, Tenants: []string{"t"}, Call: device.Call{CallID: callID, Phase: device.Confirmed}}
}

func from(n string) string { return "<sip:" + n + "@pbx.test>;tag=a" }

// TestPickupSent: the INVITE that takes a call over goes to the PBX that has it, names it,
// and its 200 tells who calls; "no such call" becomes what people understand.
func TestPickupSent(t *testing.T) {
	pickupRig(t, &rings{}, func(t *testing.T, r *rig) {
		for i, q := range []req{
			{uri: "sip:*891002@pbx.test"}, {uri: "sip:%2A891002@pbx.test;user=phone"}, {uri: "sip:*89@pbx.test:5062"}, {uri: "sip:*81002@pbx.test"},
			{uri: "sip:1002@pbx.test", lines: []string{"Replaces: c9;to-tag=x;from-tag=y", "Require: replaces"}},
		} {
			q.method, q.branch = "INVITE", fmt.Sprint("z9hG4bKp", i)
			r.mustGive(phoneUDP, q.String())
			r.to(phoneUDP)
			inv := r.next(pbxTwo)
			if u := inv.URI; u != "sip:1002@pbx.test" && u != "sip:1002@pbx.test:5062" {
				t.Errorf("%s became %s", q.uri, u)
			}
			if got := inv.All("Replaces"); len(got) != 1 || got[0] != "c9;to-tag=pbx9;from-tag=phone9;early-only" {
				t.Errorf("%s: Replaces %q", q.uri, got)
			}
			if got := inv.All("Require"); len(got) != 1 || got[0] != "replaces" {
				t.Errorf("%s: Require %q", q.uri, got)
			}
			if i%2 == 0 {
				r.mustGive(pbxTwo, answerTo(inv, 200))
				if res := r.next(phoneUDP); res.Code != 200 || res.Get("P-Asserted-Identity") != `"An \"Ann\" B" <sip:4711@127.0.0.12>` {
					t.Error(res)
				}
				continue
			}
			r.mustGive(pbxTwo, answerTo(inv, []int{481, 603}[i/2]))
			if res := r.to(phoneUDP); len(res) != 1 || res[0].Code != 480 || res[0].Reason != "Nothing To Pick Up" || !strings.Contains(res[0].Get("Reason"), "meanwhile") {
				t.Error(res)
			}
			r.mustGive(phoneUDP, req{method: "ACK", branch: q.branch, to: "<sip:1002@pbx.test>;tag=b"}.String())
			r.drain()
		}
	})
}

// TestPickupFreeSWITCH: what a FreeSWITCH answers when the call does not ring any more
// becomes what people understand; what its dialplan answers to its own code does not.
func TestPickupFreeSWITCH(t *testing.T) {
	const native = "c9;early-only=true;to-tag=phone9;from-tag=pbx9"
	for _, c := range []struct {
		at               pickup.PBX
		uri, replaces    string
		answered, answer int
		reason           string
	}{
		{at: pickup.PBX{Type: pickup.FreeSWITCH}, uri: "sip:blfbridge-pickup@pbx.test", replaces: native, answered: 404, answer: 480, reason: "meanwhile"}, // no such call: a new one, to nobody
		{at: pickup.PBX{Type: pickup.FreeSWITCH}, uri: "sip:blfbridge-pickup@pbx.test", replaces: native, answered: 603, answer: 480, reason: "meanwhile"}, // answered: early-only
		{at: pickup.PBX{Type: pickup.FreeSWITCH}, uri: "sip:blfbridge-pickup@pbx.test", replaces: native, answered: 481, answer: 480, reason: "meanwhile"},
		{at: pickup.PBX{Type: pickup.FreeSWITCH}, uri: "sip:blfbridge-pickup@pbx.test", replaces: native, answered: 486, answer: 486},
		{at: pickup.PBX{Type: pickup.FreeSWITCH}, uri: "sip:blfbridge-pickup@pbx.test", replaces: native, answered: 407, answer: 407}, // who are you?
		{at: pickup.PBX{Type: pickup.FreeSWITCH, Mode: pickup.Dialplan, Code: "**"}, uri: "sip:**1002@pbx.test", answered: 404, answer: 404},
	} {
		inRig(t, withPickupAt(&rings{}, c.at), func(t *testing.T, r *rig) {
			r.register(phoneUDP, "1001")
			r.mustGive(phoneUDP, req{method: "INVITE", uri: "sip:*891002@pbx.test", branch: "z9hG4bKf"}.String())
			r.to(phoneUDP)
			inv := r.next(pbxTwo)
			if inv.URI != c.uri || inv.Get("Replaces") != c.replaces {
				t.Errorf("FreeSWITCH is sent %s with Replaces %q", inv.URI, inv.Get("Replaces"))
			}
			r.mustGive(pbxTwo, answerTo(inv, c.answered))
			res := r.to(phoneUDP)
			if len(res) != 1 || res[0].Code != c.answer || !strings.Contains(res[0].Get("Reason"), c.reason) {
				t.Errorf("its %d became %v", c.answered, res)
			}
		})
	}
}

// TestPickupRefused: whoever may not, however it asks, and whoever it says it is.
func TestPickupRefused(t *testing.T) {
	pickupRig(t, &rings{}, func(t *testing.T, r *rig) {
		for i, c := range []struct {
			q    req
			want int
		}{
			{req{uri: "sip:*891002@pbx.test"}, 403}, {req{uri: "sip:*89@pbx.test"}, 403}, {req{uri: "sip:*8-1002@pbx.test"}, 403},
			{req{uri: "sip:1003@pbx.test", lines: []string{"replaces: c9;to-tag=pbx9;from-tag=phone9"}}, 403},
			{req{uri: "sip:1003@pbx.test", lines: []string{"Join: c9;to-tag=pbx9;from-tag=phone9"}}, 403},
			{req{uri: "sip:1002@pbx.test?Replaces=c9%3Bto-tag%3Dpbx9%3Bfrom-tag%3Dphone9"}, 400},
			{req{uri: "sip:*891002@pbx.test", from: from("1001")}, 403}, // registered as 1003
		} {
			c.q.method, c.q.branch = "INVITE", fmt.Sprint("z9hG4bKr", i)
			if c.q.from == "" {
				c.q.from = from("1003")
			}
			r.mustGive(phoneThree, c.q.String())
			res := r.next(phoneThree)
			if res.Code != c.want || !strings.HasPrefix(res.Get("Warning"), "399 ") || res.Get("Reason") == "" {
				t.Errorf("%s %v: %s", c.q.uri, c.q.lines, res)
			}
		}
		// A stranger who says that he is 1001, from a public address.
		r.mustGive(stranger, req{method: "INVITE", uri: "sip:*891002@pbx.test", branch: "z9hG4bKs"}.String())
		if res := r.next(stranger); res.Code != 403 {
			t.Error(res)
		}
	})
}

// TestPickupWaits: a pickup that comes before the PBX has told which call it is waits for
// that; not for ever, and the phone can give up.
func TestPickupWaits(t *testing.T) {
	rg := &rings{}
	pickupRig(t, rg, func(t *testing.T, r *rig) {
		begin := func(branch string) req {
			t.Helper()
			rg.tell(device.SIPDialog{})
			q := req{method: "INVITE", uri: "sip:*891002@pbx.test", branch: branch}
			r.mustGive(phoneUDP, q.String())
			if res := r.next(phoneUDP); res.Code != 100 {
				t.Fatal(res)
			}
			r.pass(500 * time.Millisecond)
			r.nothing()
			return q
		}
		q := begin("z9hG4bKw1")
		r.mustGive(phoneUDP, q.String())
		if res := r.next(phoneUDP); res.Code != 100 {
			t.Error("a retransmission got", res)
		}
		rg.tell(theCall)
		r.pass(200 * time.Millisecond)
		r.to(phoneUDP)
		inv := r.next(pbxTwo)
		if inv.Get("Replaces") == "" || inv.Get("Max-Forwards") != "69" || len(inv.All("Via")) != 2 {
			t.Error(inv)
		}
		r.mustGive(pbxTwo, answerTo(inv, 200))
		r.next(phoneUDP)

		q = begin("z9hG4bKw2")
		r.pass(1600 * time.Millisecond)
		res := r.next(phoneUDP)
		if res.Code != 480 || !strings.Contains(res.Get("Warning"), "pbx.dialogs") {
			t.Error(res)
		}
		r.pass(600 * time.Millisecond)
		if again := r.next(phoneUDP); again.Code != 480 || again.Get("To") != res.Get("To") {
			t.Error("repeated until its ACK:", again)
		}
		q.method, q.to = "ACK", res.Get("To")
		r.mustGive(phoneUDP, q.String())

		q = begin("z9hG4bKw3")
		q.method = "CANCEL"
		r.mustGive(phoneUDP, q.String())
		got := r.to(phoneUDP)
		if c := codes(got); !slices.Equal(c, []int{200, 487}) || len(got[1].All("Via")) != 1 {
			t.Fatal(c)
		}
		rg.tell(theCall)
		q.method, q.to = "ACK", got[1].Get("To")
		r.mustGive(phoneUDP, q.String())
		r.pass(time.Minute)
		r.nothing()
		if n := r.e.transactions(); n != 0 {
			t.Errorf("%d transactions stay", n)
		}
	})
}

// TestReferToCode: a transfer to a pickup code is for who may pick up, and is made by the
// PBX's own code.
func TestReferToCode(t *testing.T) {
	rg := &rings{}
	pickupRig(t, rg, func(t *testing.T, r *rig) {
		rg.legs[0].Source = "one"
		rg.calls = []compositor.Leg{callOf("1001", "own"), callOf("1002", "hers")}
		for i, c := range []struct {
			flow  notifier.Flow
			from  string
			lines []string
			want  int
			to    string
		}{
			{phoneUDP, "1001", []string{"Refer-To: <sip:*891002@pbx.test>"}, 0, "<sip:*81002@pbx.test>"},
			{phoneUDP, "1001", []string{`r: "A, B" <sip:%2A89@pbx.test;user=phone>;x=y`}, 0, `"A, B" <sip:*81002@pbx.test>;x=y`},
			{phoneUDP, "1001", []string{"Refer-To: sip:*891002@[2001:db8::1]:5070"}, 0, "<sip:*81002@[2001:db8::1]:5070>"},
			{phoneUDP, "1001", []string{"Refer-To: <sip:1004@pbx.test?Replaces=own%3Bto-tag%3Da%3Bfrom-tag%3Db>"}, 0, "<sip:1004@pbx.test?Replaces=own%3Bto-tag%3Da%3Bfrom-tag%3Db>"},
			{
				phoneUDP, "1001", []string{"Refer-To: <sip:1002@pbx.test?x=y&replaces=c9%3Bto-tag%3Dpbx9%3Bfrom-tag%3Dphone9&a=b>"}, 0,
				"<sip:1002@pbx.test?x=y&replaces=c9%3Bto-tag%3Dpbx9%3Bfrom-tag%3Dphone9%3Bearly-only&a=b>",
			},
			{
				phoneUDP, "1001", []string{"Refer-To: <sip:1002@pbx.test?Replaces=c9;to-tag%3Dpbx9;from-tag%3Dphone9%3bEarly-Only>"}, 0,
				"<sip:1002@pbx.test?Replaces=c9;to-tag%3Dpbx9;from-tag%3Dphone9%3bEarly-Only>",
			},
			{phoneUDP, "1001", []string{"Refer-To: <sip:1002@pbx.test?Replaces=hers%3Bto-tag%3Da%3Bfrom-tag%3Db>"}, 403, ""},
			{phoneUDP, "1001", []string{"Refer-To: <sip:1002@pbx.test?%52eplaces=nobody%3Bto-tag%3Da%3Bfrom-tag%3Db>"}, 403, ""},
			{phoneUDP, "1001", []string{"Refer-To: <sip:1002@pbx.test?Join=own%3Bto-tag%3Da%3Bfrom-tag%3Db>"}, 403, ""},
			{phoneThree, "1003", []string{"Refer-To: <sip:1004@pbx.test?Replaces=own%3Bto-tag%3Da%3Bfrom-tag%3Db>"}, 403, ""},
			{phoneThree, "1003", []string{"Refer-To: <sip:*891002@pbx.test>"}, 403, ""},
			{phoneThree, "1003", []string{"Refer-To: <sip:1004@pbx.test>, <sip:*891002@pbx.test>"}, 400, ""},
			{phoneThree, "1003", []string{"Refer-To: <sip:1004@pbx.test>", "r: <sip:*891002@pbx.test>"}, 400, ""},
			{phoneThree, "1003", []string{"Refer-To: <sip:1004@pbx.test?Replaces=c9%3Bto-tag%3Dpbx9%3Bfrom-tag%3Dphone9>"}, 403, ""},
		} {
			r.mustGive(c.flow, req{method: "REFER", branch: fmt.Sprint("z9hG4bKf", i), from: from(c.from), to: "<sip:1002@pbx.test>;tag=b", lines: c.lines}.String())
			if c.want != 0 {
				if res := r.next(c.flow); res.Code != c.want {
					t.Errorf("%q: %s", c.lines, res)
				}
				continue
			}
			m := r.next(pbxOne)
			got := m.Get("Refer-To")
			if got == "" {
				got = m.Get("r")
			}
			if got != c.to {
				t.Errorf("%q became %q, want %q", c.lines, got, c.to)
			}
		}
	})
}

// TestRedirectToCode: a phone that sends a call on to a pickup code needs the permission
// itself; the caller's PBX then dials its own code.
func TestRedirectToCode(t *testing.T) {
	rg := &rings{}
	pickupRig(t, rg, func(t *testing.T, r *rig) {
		rg.legs[0].Source = "one"
		n := 0
		redirect := func(f notifier.Flow, user string, contacts ...string) *siptest.Message {
			t.Helper()
			n++
			path := r.register(f, user)
			r.mustGive(pbxOne, req{
				method: "INVITE", uri: "sip:" + user + "@" + f.Remote.String(), branch: fmt.Sprint("z9hG4bKi", n), from: from("1009"),
				to: "<sip:" + user + "@pbx.test>", lines: []string{"Route: " + path},
			}.String())
			r.to(pbxOne)
			r.mustGive(f, answerTo(r.next(f), 302, contacts...))
			r.to(f) // its ACK
			res := r.next(pbxOne)
			r.mustGive(pbxOne, req{method: "ACK", branch: fmt.Sprint("z9hG4bKi", n), to: res.Get("To")}.String())
			return res
		}
		if res := redirect(phoneUDP, "1001", "Contact: <sip:*891002@pbx.test>;q=1, <sip:1004@pbx.test>"); res.Code != 302 || res.Get("Contact") != "<sip:*81002@pbx.test>;q=1, <sip:1004@pbx.test>" {
			t.Error(res)
		}
		if res := redirect(phoneThree, "1003", "Contact: <sip:1004@pbx.test>"); res.Code != 302 || res.Get("Contact") != "<sip:1004@pbx.test>" {
			t.Error(res)
		}
		for _, contacts := range [][]string{
			{"Contact: <sip:*891002@pbx.test>"}, {"m: <sip:1004@pbx.test>, <sip:%2a891002@pbx.test>"}, {"Contact: <sip:1004@pbx.test>", "Contact: sip:*89@pbx.test"},
			{"Contact: <sip:1002@pbx.test?Replaces=c9%3Bto-tag%3Dpbx9%3Bfrom-tag%3Dphone9>"},
		} {
			if res := redirect(phoneThree, "1003", contacts...); res.Code != 403 || res.Get("Contact")+res.Get("m") != "" || res.Get("Warning") == "" {
				t.Errorf("%q: %s", contacts, res)
			}
		}
	})
}

// TestOwnCallMoves: a phone replaces a call of its own, made or taken, at the PBX that has
// it; nobody else can, nor after its end.
func TestOwnCallMoves(t *testing.T) {
	pickupRig(t, &rings{}, func(t *testing.T, r *rig) {
		n := 0
		move := func(f notifier.Flow, user, replaces string) *siptest.Message {
			t.Helper()
			n++
			branch := fmt.Sprint("z9hG4bKm", n)
			r.mustGive(f, strings.Replace(req{method: "INVITE", uri: "sip:1004@pbx.test", branch: branch, from: from(user), lines: []string{"Replaces: " + replaces}}.String(), "Call-ID: c1", "Call-ID: move", 1))
			if got := r.to(pbxOne); len(got) == 1 {
				r.drain()
				r.mustGive(pbxOne, answerTo(got[0], 486))
				r.drain()
				r.mustGive(f, strings.Replace(req{method: "ACK", branch: branch, from: from(user), to: "<sip:1002@pbx.test>;tag=b"}.String(), "Call-ID: c1", "Call-ID: move", 1))
				return got[0]
			}
			return r.next(f)
		}
		passes := func(f notifier.Flow, user, replaces string) {
			t.Helper()
			if m := move(f, user, replaces); m.Method != "INVITE" || m.Get("Replaces") != replaces || m.URI != "sip:1004@pbx.test" {
				t.Error(m)
			}
		}
		refused := func(f notifier.Flow, user, replaces string) {
			t.Helper()
			if m := move(f, user, replaces); m.Code != 481 && m.Code != 403 {
				t.Error(m)
			}
		}
		transfer := func(f notifier.Flow, user string, want bool) {
			t.Helper()
			n++
			r.mustGive(f, req{
				method: "REFER", branch: fmt.Sprint("z9hG4bKt", n), from: from(user), to: "<sip:1002@pbx.test>;tag=c",
				lines: []string{"Refer-To: <sip:1004@pbx.test?Replaces=c1%3Bto-tag%3Db%3Bfrom-tag%3Da>"},
			}.String())
			passed := len(r.to(pbxOne)) == 1
			r.drain()
			if passed != want {
				t.Errorf("a transfer to the call by %s at %v: %v", user, f, passed)
			}
		}
		const out, in = "c1;to-tag=b;from-tag=a", "c5;to-tag=a;from-tag=b;early-only"
		refused(phoneUDP, "1001", out)
		r.mustGive(phoneUDP, req{method: "INVITE", uri: "sip:1004@pbx.test"}.String())
		r.to(phoneUDP)
		inv := r.next(pbxOne)
		refused(phoneUDP, "1001", out) // it is not answered yet
		transfer(phoneUDP, "1001", false)
		r.mustGive(pbxOne, answerTo(inv, 180))
		r.drain()
		refused(phoneUDP, "1001", out)
		transfer(phoneUDP, "1001", true) // to one that rings, before the PBX tells of it
		transfer(phoneThree, "1003", false)
		r.mustGive(pbxOne, answerTo(inv, 200))
		r.drain()
		passes(phoneUDP, "1001", out)
		passes(phoneUDP, "1001", "c1;from-tag=b;to-tag=a")
		refused(phoneThree, "1003", out)
		refused(phoneThree, "1001", out)
		refused(stranger, "1001", out)
		refused(phoneUDP, "1001", "c1;to-tag=b;from-tag=other")

		path := r.register(phoneThree, "1003")
		r.mustGive(pbxOne, strings.Replace(req{method: "INVITE", uri: "sip:1003@x", branch: "z9hG4bKin", from: from("1004"), to: "<sip:1003@pbx.test>", lines: []string{"Route: " + path}}.String(), "Call-ID: c1", "Call-ID: c5", 1))
		r.to(pbxOne)
		r.mustGive(phoneThree, answerTo(r.next(phoneThree), 200))
		r.drain()
		passes(phoneThree, "1003", in)
		refused(phoneUDP, "1001", in)

		transfer(phoneUDP, "1001", true)
		transfer(phoneThree, "1003", false)
		transfer(phoneThree, "1001", false)
		transfer(stranger, "1001", false)

		r.mustGive(phoneUDP, req{method: "BYE", uri: "sip:1004@127.0.0.11", branch: "z9hG4bKbye", to: "<sip:1004@pbx.test>;tag=b"}.String())
		r.drain()
		refused(phoneUDP, "1001", out)
		transfer(phoneUDP, "1001", false)

		// Who is not registered has calls for transfers, by the very flow.
		r.mustGive(stranger, req{method: "INVITE", uri: "sip:1004@pbx.test", branch: "z9hG4bKs"}.String())
		r.to(stranger)
		r.mustGive(pbxOne, answerTo(r.next(pbxOne), 200))
		r.drain()
		transfer(stranger, "1001", true)
		refused(stranger, "1001", out)
		transfer(phoneThree, "1003", false)
	})
}

// TestOwnCallAfterRestart: what was not relayed here is a phone's call by its PBX's word.
func TestOwnCallAfterRestart(t *testing.T) {
	rg := &rings{calls: []compositor.Leg{callOf("1001", "old"), callOf("1002", "hers"), callOf("1001", "both"), callOf("1002", "both")}}
	pickupRig(t, rg, func(t *testing.T, r *rig) {
		for i, c := range []struct {
			flow      notifier.Flow
			from, its string
			want      bool
		}{
			{phoneUDP, "1001", "old", true},
			{phoneThree, "1003", "old", false}, {phoneThree, "1001", "old", false}, {stranger, "1001", "old", false},
			{phoneUDP, "1001", "hers", false}, {phoneUDP, "1001", "both", false}, {phoneUDP, "1001", "unknown", false},
		} {
			for _, q := range []req{
				{method: "INVITE", uri: "sip:1004@pbx.test", lines: []string{"Replaces: " + c.its + ";to-tag=x;from-tag=y"}},
				{method: "REFER", to: "<sip:1002@pbx.test>;tag=b", lines: []string{"Refer-To: <sip:1004@pbx.test?Replaces=" + c.its + "%3Bto-tag%3Dx%3Bfrom-tag%3Dy>"}},
			} {
				q.branch, q.from = fmt.Sprint("z9hG4bKo", i, q.method), from(c.from)
				r.mustGive(c.flow, strings.Replace(q.String(), "Call-ID: c1", fmt.Sprint("Call-ID: new", i, q.method), 1))
				if passed := len(r.to(pbxOne)) == 1; passed != c.want {
					t.Errorf("%s to %s's call by %s at %v passed: %v\n%s", q.method, c.its, c.from, c.flow, passed, r.all())
				}
				r.drain()
			}
		}
	})
}
