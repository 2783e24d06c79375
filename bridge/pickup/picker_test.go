package pickup

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/policy"
)

const office = `
tenants:
- name: t
  domains: [t.example]
  country_code: "1"
  presence_groups: [{name: Boss}, {name: Secretary}]
  permissions:
  - {from: Secretary, to: Boss, subscribe: allow}
  - {from: Standard, to: Boss, subscribe: allow, pickup: false}
  - {from: Standard, to: Secretary, subscribe: disallow}
  lines:
  - {number: "100", presence_group: Boss, aliases: ["13106341777"]}
  - {number: "101", presence_group: Secretary}
  - {number: "102"}
  - {number: "103"}
  - {number: "105"}
  - {number: "106"}
  phones:
  - {name: BOSS, lines: ["100"], presence_group: Boss}
  - {name: SEC, lines: ["101"], presence_group: Secretary}
  - {name: DESK, lines: ["102"]}
  - {name: TWO, lines: ["105", "106"]}
- name: other
  domains: [other.example]
  lines: [{number: "100"}]
`

// fakeLines is what rings, without a PBX; the compositor has its own tests.
type fakeLines struct {
	ringing []compositor.Ringing
	busy    map[policy.Line]bool
	lines   []policy.Line
	legs    []compositor.Leg
}

func (f *fakeLines) Ringing() []compositor.Ringing { return slices.Clone(f.ringing) }
func (f *fakeLines) Legs(callID string) (out []compositor.Leg) {
	for _, l := range f.legs {
		if l.Call.CallID == callID {
			out = append(out, l)
		}
	}
	return out
}

func (f *fakeLines) Learned(string, string) bool { return false }
func (f *fakeLines) Intern(k compositor.Key) uint32 {
	f.lines = append(f.lines, k.Line)
	return uint32(len(f.lines) - 1)
}

func (f *fakeLines) Lamp(id uint32) compositor.Lamp {
	if f.busy[f.lines[id]] {
		return compositor.Lamp{State: device.Busy, Calls: []device.Call{{Direction: device.Recipient, Phase: device.Confirmed}}}
	}
	return compositor.Lamp{State: device.Idle}
}

func leg(source, number, callID string) compositor.Ringing {
	return compositor.Ringing{
		Source: source, Device: "PJSIP/" + number, Line: policy.Line{Tenant: "t", Number: number},
		Call: device.Call{
			ID: "chan-" + callID, Direction: device.Recipient, Phase: device.Early,
			Dialog: device.SIPDialog{CallID: callID, LocalTag: "pbx" + callID, RemoteTag: "phone" + callID},
		},
	}
}

type desk struct {
	*Picker
	lines *fakeLines
}

func newDesk(t *testing.T, pbx map[string]PBX, ringing ...compositor.Ringing) desk {
	t.Helper()
	d, err := policy.Load([]byte(office))
	if err != nil {
		t.Fatal(err)
	}
	snap, err := policy.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	l := &fakeLines{ringing: ringing, busy: map[policy.Line]bool{}}
	return desk{New(Config{
		Lines: l, Policy: func() *policy.Snapshot { return snap }, PBX: pbx,
		Tokens: NewTokens([]byte(strings.Repeat("k", 32))),
	}), l}
}

func phoneOf(name string) policy.Watcher {
	return policy.Watcher{Tenant: "t", Kind: policy.WatcherPhone, ID: name, Trusted: true}
}

func (v Verdict) text() string {
	switch v.Action {
	case Pass:
		return "pass"
	case Refuse:
		return fmt.Sprint(v.Status)
	case Wait:
		return "wait"
	}
	return fmt.Sprintf("%s %s %s", v.Source, v.User, v.Replaces)
}

func TestInvite(t *testing.T) {
	const take100 = "a 100 c1;to-tag=pbxc1;from-tag=phonec1;early-only"
	raw := []string{"c1;to-tag=pbxc1;from-tag=phonec1"}
	for name, c := range map[string]struct {
		from, user string
		replaces   []string
		join       []string
		inDialog   bool
		want       string
	}{
		"an ordinary call":               {from: "SEC", user: "100", want: "pass"},
		"within a call":                  {from: "DESK", user: "*89100", inDialog: true, want: "pass"},
		"the secretary picks up":         {from: "SEC", user: "*89100", want: take100},
		"by the full number":             {from: "SEC", user: "*8913106341777", want: take100},
		"by the full number with plus":   {from: "SEC", user: "*89+13106341777", want: take100},
		"with escapes":                   {from: "SEC", user: "%2A89100", want: take100},
		"escapes do not hide the code":   {from: "DESK", user: "%2a%389100", want: "403"},
		"watching is not picking up":     {from: "DESK", user: "*89100", want: "403"},
		"nor may what may not be seen":   {from: "DESK", user: "*89101", want: "403"},
		"nobody there":                   {from: "DESK", user: "*89999", want: "404"},
		"does not ring":                  {from: "DESK", user: "*89103", want: "480"},
		"bare":                           {from: "SEC", user: "*89", want: take100},
		"bare, and nothing allowed":      {from: "DESK", user: "*89", want: "403"},
		"the PBX's own code":             {from: "DESK", user: "*8100", want: "403"},
		"the PBX's own code, allowed":    {from: "SEC", user: "**100", want: take100},
		"own Replaces":                   {from: "SEC", user: "100", replaces: raw, want: take100},
		"own Replaces, Cisco":            {from: "SEC", user: "100", replaces: []string{"pickup-c1;to-tag=1;from-tag=0"}, want: take100},
		"own Replaces, any orientation":  {from: "SEC", user: "100", replaces: []string{"c1;from-tag=pbxc1;to-tag=phonec1;early-only"}, want: take100},
		"own Replaces to another target": {from: "DESK", user: "102", replaces: raw, want: "403"},
		"Replaces of what is not known":  {from: "SEC", user: "100", replaces: []string{"c9;to-tag=a;from-tag=b"}, want: "481"},
		"Replaces behind the code":       {from: "DESK", user: "*89102", replaces: raw, want: "403"},
		"two Replaces":                   {from: "SEC", user: "100", replaces: append(raw, raw...), want: "400"},
		"Replaces without tags":          {from: "SEC", user: "100", replaces: []string{"c1"}, want: "400"},
		"Replaces in a list":             {from: "SEC", user: "100", replaces: []string{"c9,c1;to-tag=a;from-tag=b"}, want: "400"},
		"Replaces within a call":         {from: "SEC", user: "100", replaces: raw, inDialog: true, want: "400"},
		"Join":                           {from: "SEC", user: "100", join: raw, want: "403"},
		"a stranger":                     {from: "", user: "*89100", want: "403"},
		"a forged token":                 {from: "SEC", user: "100", replaces: []string{"blf-" + strings.Repeat("A", 32) + ";to-tag=a;from-tag=b"}, want: "403"},
		"a short token":                  {from: "SEC", user: "100", replaces: []string{"blf-AA;to-tag=a;from-tag=b"}, want: "403"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, map[string]PBX{"a": {Code: "*8"}, "b": {Code: "**"}}, leg("a", "100", "c1"))
			w := phoneOf(c.from)
			if c.from == "" {
				w = policy.Watcher{Tenant: "t", ID: "100@t.example"}
			}
			v := d.Invite(Invite{Watcher: w, Tenant: "t", User: c.user, Replaces: c.replaces, Join: c.join, InDialog: c.inDialog})
			if v.text() != c.want {
				t.Errorf("%s (%+v), want %s", v.text(), v, c.want)
			}
			if v.Action == Refuse && (v.Phrase == "" || v.Reason == "") {
				t.Errorf("a refusal without a reason: %+v", v)
			}
		})
	}
}

func TestInviteAcrossTenants(t *testing.T) {
	d := newDesk(t, nil, leg("a", "100", "c1"))
	foreign := policy.Watcher{Tenant: "other", Kind: policy.WatcherUnknown, ID: "100@other.example", Trusted: true}
	for _, in := range []Invite{
		{Watcher: foreign, Tenant: "t", User: "*89100"},
		{Watcher: foreign, Tenant: "t", User: "*89"},
		{Watcher: foreign, Tenant: "other", User: "*89"},
		{Watcher: foreign, Tenant: "other", User: "100", Replaces: []string{"c1;to-tag=a;from-tag=b"}},
	} {
		if v := d.Invite(in); v.Action != Refuse || v.Status == 403 && in.User != "100" {
			t.Errorf("%+v: %+v", in, v)
		}
	}
}

func TestSeveralCalls(t *testing.T) {
	d := newDesk(t, nil, leg("a", "102", "c2"), leg("a", "103", "c3"), leg("a", "100", "c1"))
	v := d.Invite(Invite{Watcher: phoneOf("DESK"), Tenant: "t", User: "*89"})
	if v.Status != 485 || !strings.Contains(v.Reason, "102, 103") || strings.Contains(v.Reason, "100") {
		t.Errorf("ambiguous: %+v", v)
	}
	// Two phones of one line ring with one call, and another call waits there: the older is taken.
	old, young := leg("a", "102", "old"), leg("b", "102", "young")
	old.Call.Since, young.Call.Since = time.Unix(1, 0), time.Unix(2, 0)
	d = newDesk(t, map[string]PBX{"b": {Type: FreeSWITCH}}, young, old)
	if v = d.Invite(Invite{Watcher: phoneOf("DESK"), Tenant: "t", User: "*89"}); !strings.HasPrefix(v.Replaces, "old;") || v.Source != "a" {
		t.Errorf("%+v", v)
	}
	old.Call.Dialog = device.SIPDialog{}
	d = newDesk(t, map[string]PBX{"b": {Type: FreeSWITCH}}, young, old)
	if v = d.Invite(Invite{Watcher: phoneOf("DESK"), Tenant: "t", User: "*89102"}); v.Replaces != "young;early-only=true;to-tag=phoneyoung;from-tag=pbxyoung" || v.Source != "b" || v.User != Nobody {
		t.Errorf("FreeSWITCH reads the tags the other way round, and early-only only so: %+v", v)
	}
	d = newDesk(t, nil, old)
	in := Invite{Watcher: phoneOf("DESK"), Tenant: "t", User: "*89102"}
	if v = d.Invite(in); v.text() != "wait" {
		t.Errorf("not resolved yet: %+v", v)
	}
	in.Last = true
	if v = d.Invite(in); v.text() != "480" || !strings.Contains(v.Reason, "pbx.dialogs") {
		t.Errorf("never resolved: %+v", v)
	}
	in.Last, d.PBX = false, map[string]PBX{"a": {Blind: true}}
	if v = d.Invite(in); v.text() != "480" {
		t.Errorf("a PBX that does not tell: %+v", v)
	}
}

func TestDialplan(t *testing.T) {
	fs := leg("f", "102", "c2")
	fs.Device, fs.Domain = "102@t.example", "t.example"
	d := newDesk(t, map[string]PBX{"f": {Type: FreeSWITCH, Mode: Dialplan, Code: "**"}}, fs)
	v := d.Invite(Invite{Watcher: phoneOf("DESK"), Tenant: "t", User: "*89"})
	if v.text() != "f **102 " || v.Host != "t.example" {
		t.Errorf("%+v", v)
	}
}

func TestAnsweredMeanwhile(t *testing.T) {
	d := newDesk(t, nil)
	d.lines.busy[policy.Line{Tenant: "t", Number: "102"}] = true
	if v := d.Invite(Invite{Watcher: phoneOf("DESK"), Tenant: "t", User: "*89102"}); v.Status != 486 {
		t.Errorf("%+v", v)
	}
}

func TestTokens(t *testing.T) {
	d := newDesk(t, nil, leg("a", "100", "c1"))
	seal := func(name string, l time.Duration) []string {
		s := d.Tokens.Seal(phoneOf(name), d.lines.ringing[0].Call.Dialog, time.Now().Add(l))
		if strings.Contains(s.CallID, "c1") {
			t.Errorf("the token tells the call-id: %q", s.CallID)
		}
		return []string{s.CallID + ";to-tag=" + s.LocalTag + ";from-tag=" + s.RemoteTag}
	}
	ask := func(from string, replaces []string) Verdict {
		return d.Invite(Invite{Watcher: phoneOf(from), Tenant: "t", User: "100", Replaces: replaces})
	}
	if v := ask("SEC", seal("SEC", time.Minute)); v.text() != "a 100 c1;to-tag=pbxc1;from-tag=phonec1;early-only" {
		t.Errorf("%+v", v)
	}
	if v := ask("BOSS", seal("SEC", time.Minute)); v.Status != 403 {
		t.Errorf("another phone's token: %+v", v)
	}
	if v := ask("DESK", seal("DESK", time.Minute)); v.Status != 403 {
		t.Errorf("a token is no permission: %+v", v)
	}
	if v := ask("SEC", seal("SEC", -time.Second)); v.Status != 480 {
		t.Errorf("expired: %+v", v)
	}
	old := seal("SEC", time.Minute)
	d.lines.ringing = []compositor.Ringing{leg("a", "100", "c2")}
	if v := ask("SEC", old); v.Status != 480 {
		t.Errorf("the call is over, another rings there: %+v", v)
	}
	one := d.Tokens.Seal(phoneOf("SEC"), device.SIPDialog{CallID: "x"}, time.Unix(1000, 0))
	if one != d.Tokens.Seal(phoneOf("SEC"), device.SIPDialog{CallID: "x"}, time.Unix(1000, 0)) {
		t.Error("the same lamp must give the same body")
	}
	if other := NewTokens([]byte(strings.Repeat("z", 32))); one == other.Seal(phoneOf("SEC"), device.SIPDialog{CallID: "x"}, time.Unix(1000, 0)) {
		t.Error("the key does not matter")
	}
	d.Tokens = nil
	if v := ask("SEC", old); v.Status != 481 {
		t.Errorf("no tokens are made here: %+v", v)
	}
}

func TestRefer(t *testing.T) {
	d := newDesk(t, map[string]PBX{"a": {Code: "*8"}}, leg("a", "100", "c1"), leg("a", "102", "c2"))
	token := d.Tokens.Seal(phoneOf("SEC"), d.lines.ringing[0].Call.Dialog, time.Now().Add(time.Minute))
	for name, c := range map[string]struct {
		from, user, replaces string
		want                 int
	}{
		"a blind transfer":            {"DESK", "101", "", 0},
		"an attended transfer":        {"DESK", "101", "own@desk;to-tag=a;from-tag=b", 0},
		"onto somebody's call":        {"DESK", "101", "other@desk;to-tag=a;from-tag=b", 403},
		"onto it by who may pick up":  {"SEC", "100", "other@desk;to-tag=a;from-tag=b", 403},
		"with other tags":             {"DESK", "101", "own@desk;to-tag=b;from-tag=a", 403},
		"onto a ringing call":         {"DESK", "100", "c1;to-tag=pbxc1;from-tag=phonec1", 403},
		"onto one that is allowed":    {"SEC", "100", "c1;to-tag=pbxc1;from-tag=phonec1", 0},
		"onto the own":                {"DESK", "102", "c2;to-tag=pbxc2;from-tag=phonec2", 0},
		"to the code":                 {"DESK", "*89100", "", 403},
		"to the code, escaped":        {"DESK", "%2A89100", "", 403},
		"to the PBX's code":           {"DESK", "*8100", "", 403},
		"to the code with Replaces":   {"SEC", "*89100", "c1;to-tag=pbxc1;from-tag=phonec1", 403},
		"to the code, nothing rings":  {"DESK", "*89103", "", 480},
		"two to-tags":                 {"SEC", "100", "x;to-tag=a;from-tag=b;to-tag=pbxc1", 400},
		"with a token":                {"SEC", "100", token.CallID + ";to-tag=a;from-tag=b", 403},
		"with what cannot be read":    {"SEC", "100", "c1", 400},
		"with Cisco's word for c1":    {"DESK", "100", "pickup-c1;to-tag=a;from-tag=b", 403},
		"with spaces before the name": {"DESK", "100", "  c1 ;to-tag=a;from-tag=b", 403},
	} {
		r := Refer{
			Watcher: phoneOf(c.from), Tenant: "t", User: c.user, Source: "a",
			Own: func(x Dialog) bool { return x == Dialog{"own@desk", "a", "b"} },
		}
		if c.replaces != "" {
			r.Replaces = []string{c.replaces}
		}
		v := d.Refer(r)
		if v.Status != c.want || v.EarlyOnly != (c.want == 0 && strings.HasPrefix(c.replaces, "c")) {
			t.Errorf("%s: %+v, want %d", name, v, c.want)
		}
		if r.Own = nil; strings.HasPrefix(c.replaces, "own") && d.Refer(r).Status != 403 {
			t.Errorf("%s: nothing is known of the sender's calls, and it passes", name)
		}
	}
	if v := d.Refer(Refer{Watcher: phoneOf("SEC"), Tenant: "t", User: "100", Join: true, Own: func(Dialog) bool { return true }}); v.Status != 403 {
		t.Errorf("Join: %+v", v)
	}
}

// TestReferToCode: a transfer to a pickup code by who may pick up is made by the code of
// the PBX that makes it, if that has the call.
func TestReferToCode(t *testing.T) {
	for name, c := range map[string]struct{ user, rings, code, want string }{
		"by number":          {"*89100", "a", "*8", "a *8100 "},
		"by its own code":    {"*8100", "a", "*8", "a *8100 "},
		"bare":               {"*89", "a", "*8", "a *8100 "},
		"escaped":            {"%2A89100", "a", "*8", "a *8100 "},
		"at another PBX":     {"*89100", "b", "*8", "480"},
		"that has no code":   {"*89100", "a", "", "480"},
		"code of another":    {"**100", "a", "*8", "a *8100 "},
		"the line of nobody": {"*89999", "a", "*8", "404"},
	} {
		d := newDesk(t, map[string]PBX{"a": {Code: c.code}, "b": {Code: "**"}}, leg(c.rings, "100", "c1"))
		d.lines.ringing[0].Call.Dialog = device.SIPDialog{} // the code needs none
		if v := d.Refer(Refer{Watcher: phoneOf("SEC"), Tenant: "t", User: c.user, Source: "a"}); v.text() != c.want {
			t.Errorf("%s: %s (%+v), want %s", name, v.text(), v, c.want)
		}
	}
}

// TestOwnCall: a phone may replace an established dialog of its own, and no ringing one of
// another line by saying that it was.
func TestOwnCall(t *testing.T) {
	d := newDesk(t, nil, leg("a", "100", "c1"))
	own := func(x Dialog) bool { return x == Dialog{"own", "t", "f"} || x.CallID == "c1" }
	for value, want := range map[string]string{
		"own;to-tag=t;from-tag=f":                        "pass",
		"own;from-tag=f;to-tag=t;early-only":             "pass",
		"own;to-tag=f;from-tag=t":                        "481",
		"other;to-tag=t;from-tag=f":                      "481",
		"c1;to-tag=pbxc1;from-tag=phonec1":               "403",
		"own;to-tag=x;from-tag=y;to-tag=t;from-tag=f":    "400",
		`own;x=";to-tag=t;from-tag=f";to-tag=a`:          "400",
		"own;to-tag=t;from-tag=f,c1;to-tag=a;from-tag=b": "400",
	} {
		v := d.Invite(Invite{Watcher: phoneOf("DESK"), Tenant: "t", User: "100", Replaces: []string{value}, Own: own})
		if v.text() != want {
			t.Errorf("%s: %s, want %s", value, v.text(), want)
		}
	}
}

func FuzzReplaces(f *testing.F) {
	f.Add("c1;to-tag=a;from-tag=b;early-only", "*89100")
	f.Add("blf-AAAA;to-tag=;from-tag", "%2A%2a")
	f.Add(";;=;", "*8")
	f.Fuzz(func(t *testing.T, value, user string) {
		d := newDesk(t, map[string]PBX{"a": {Code: "*8"}}, leg("a", "100", "c1"))
		v := d.Invite(Invite{Watcher: phoneOf("DESK"), Tenant: "t", User: user, Replaces: []string{value}})
		if v.Action != Refuse {
			t.Errorf("Replaces %q to %q got %+v", value, user, v)
		}
		if v = d.Refer(Refer{Watcher: phoneOf("DESK"), Tenant: "t", User: user, Replaces: []string{value}}); v.Action == Send {
			t.Errorf("REFER with %q got %+v", value, v)
		}
	})
}
