package esl

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// ev makes an event from "Name: value" lines; the first is its name.
func ev(lines ...string) *event {
	text := "Event-Name: " + lines[0] + "\n" + strings.Join(lines[1:], "\n") + "\n\n"
	e, odd, err := decodePlain([]byte(text))
	if odd != 0 || err != nil {
		panic(fmt.Sprint(text, odd, err))
	}
	e.at = time.Unix(1000, 0)
	return &e
}

func leg(name, id, user, direction, callState, answer string, more ...string) *event {
	return ev(append([]string{name, "Unique-ID: " + id, "Channel-Presence-ID: " + user, "Call-Direction: " + direction,
		"Channel-Call-State: " + callState, "Answer-State: " + answer}, more...)...)
}

func office() *model {
	m := newModel(Config{})
	m.absorb(&look{haveUsers: true, users: []listedUser{{"1001@pbx.test", "Alice One"}, {"1002@pbx.test", "Bob Two"}}})
	return m
}

func (m *model) state(name string) string {
	s, ok := m.look(name)
	text := shown(s, ok)
	for _, c := range s.Calls {
		text += " | " + shownCall(c, false)
	}
	return text
}

// How far one leg is: every call state, answered or not, in both directions.
func TestPhase(t *testing.T) {
	for _, tc := range []struct {
		callState, answer string
		in, out           device.Phase
	}{
		{"DOWN", "ringing", device.Trying, device.Trying},
		{"RINGING", "ringing", device.Trying, device.Early},
		{"EARLY", "early", device.Early, device.Early},
		{"RING_WAIT", "ringing", device.Trying, device.Trying},
		{"ACTIVE", "answered", device.Confirmed, device.Confirmed},
		{"RINGING", "answered", device.Confirmed, device.Confirmed},
		{"RING_WAIT", "answered", device.Confirmed, device.Confirmed},
		{"DOWN", "answered", device.Confirmed, device.Confirmed},
		{"HELD", "answered", device.Held, device.Held},
		{"UNHELD", "answered", device.Confirmed, device.Confirmed},
	} {
		for dir, want := range map[string]device.Phase{"inbound": tc.in, "outbound": tc.out} {
			c := &channel{}
			c.update(leg("CHANNEL_CALLSTATE", "u", "1001@pbx.test", dir, tc.callState, tc.answer))
			if got := c.phase(); got != want {
				t.Errorf("%s %s %s: %v, want %v", dir, tc.callState, tc.answer, got, want)
			}
		}
	}
}

func TestRemoteParty(t *testing.T) {
	id := func(caller, callerName, callee, calleeName, dest string) []string {
		return []string{"Caller-Caller-ID-Number: " + caller, "Caller-Caller-ID-Name: " + callerName,
			"Caller-Callee-ID-Number: " + callee, "Caller-Callee-ID-Name: " + calleeName, "Caller-Destination-Number: " + dest}
	}
	for _, tc := range []struct {
		name, direction string
		ids             []string
		want            string
	}{
		{"called", "outbound", id("1002", "Bob", "1001", noName, "1001"), `1002 "Bob"`},
		{"called from outside", "outbound", id("%2B15551234", "Outside", "1001", noName, "1001"), `+15551234 "Outside"`},
		{"click to dial, turned round", "outbound", id("1001", noName, "1002", "Click", "1002"), `1002 "Click"`},
		{"dialling", "inbound", id("1001", "Phone", "", "", "1002"), `1002`},
		{"dialling, callee known", "inbound", id("1001", "Phone", "1002", noName, "9"), `1002`},
		{"picked up, turned round", "inbound", id("1003", "Carol", "1001", "Phone", "1002"), `1003 "Carol"`},
		{"by Replaces", "inbound", id("1001", "Phone", "", "", "answer,intercept:abc"), ``},
		{"calls itself", "inbound", id("1001", "Phone", "1001", noName, "1001"), `1001`},
		{"number withheld", "outbound", append(id("1002", "Bob", "1001", noName, "1001"), "Caller-Privacy-Hide-Number: true", "Caller-Privacy-Hide-Name: true"), ``},
		{"name withheld", "outbound", append(id("1002", "Bob", "1001", noName, "1001"), "Caller-Privacy-Hide-Name: true"), `1002`},
	} {
		m := office()
		m.apply(leg("CHANNEL_CALLSTATE", "u", "1001@pbx.test", tc.direction, "ACTIVE", "answered", tc.ids...))
		s, _ := m.look("1001@pbx.test")
		got := strings.TrimSpace(strings.TrimPrefix(shownCall(s.Calls[0], false), s.Calls[0].Direction.String()+" confirmed"))
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

// The number withheld stays withheld when the pair becomes known.
func TestWithheldNumberOfAPeer(t *testing.T) {
	m := office()
	m.apply(leg("CHANNEL_CREATE", "a", "1001@pbx.test", "inbound", "ACTIVE", "answered"))
	m.apply(leg("CHANNEL_CREATE", "b", "1002@pbx.test", "outbound", "RINGING", "ringing", "Caller-Privacy-Hide-Number: true", "Caller-Privacy-Hide-Name: true",
		"Other-Type: originator", "Other-Leg-Unique-ID: a", "Caller-Caller-ID-Number: 1001", "Caller-Caller-ID-Name: Alice"))
	m.apply(leg("CHANNEL_BRIDGE", "a", "1001@pbx.test", "inbound", "ACTIVE", "answered", "Bridge-A-Unique-ID: a", "Bridge-B-Unique-ID: b"))
	if got := m.state("1002@pbx.test"); got != "ringing | recipient early" {
		t.Errorf("1002 is %s", got)
	}
	if got := m.state("1001@pbx.test"); got != `busy | initiator confirmed 1002 "Bob Two"` {
		t.Errorf("1001 is %s", got)
	}
}

// Callers from outside choose their own presence id: it makes no line, unless the
// domain is one of the PBX's; and then only during the call.
func TestStrangersMakeNoLines(t *testing.T) {
	m := office()
	b := newBoard()
	b.Snapshot(m.snapshot())
	for _, who := range []string{"1002@203.0.113.9", "2000@pbx.test"} {
		m.apply(leg("CHANNEL_CREATE", who, who, "inbound", "RINGING", "ringing"))
		m.flush(b.Change, b.Remove)
		m.apply(leg("CHANNEL_HANGUP_COMPLETE", who, who, "inbound", "HANGUP", "hangup"))
		m.flush(b.Change, b.Remove)
		if m.users[who] != nil {
			t.Errorf("%s is remembered", who)
		}
	}
	if got := b.seen("1002@203.0.113.9"); got[0] != "absent" {
		t.Errorf("a caller from outside was shown %v", got)
	}
	if got := fmt.Sprint(b.seen("2000@pbx.test")); got != "[busy absent]" {
		t.Errorf("a guest of our domain was shown %v", got)
	}
	if got := m.state("1002@pbx.test"); got != "unknown" {
		t.Errorf("1002 is %s", got)
	}
}

// What has ended stays ended, whatever comes late, until the tombstone expires.
func TestLateEvents(t *testing.T) {
	m := office()
	m.apply(leg("CHANNEL_CREATE", "a", "1001@pbx.test", "outbound", "RINGING", "ringing"))
	m.apply(leg("CHANNEL_CALLSTATE", "a", "1001@pbx.test", "outbound", "HANGUP", "hangup"))
	late := leg("CHANNEL_CALLSTATE", "a", "1001@pbx.test", "outbound", "ACTIVE", "answered")
	m.apply(late)
	if got := m.state("1001@pbx.test"); got != "unknown" {
		t.Errorf("a late event lit the lamp: %s", got)
	}
	m.merge(&look{rows: map[string]row{"a": {ID: "a", Presence: "1001@pbx.test", Direction: "outbound", CallState: "ACTIVE"}}, peers: map[string]string{}}, m.gen, late.at)
	if got := m.state("1001@pbx.test"); got != "unknown" {
		t.Errorf("an old row lit the lamp: %s", got)
	}
	late.at = late.at.Add(time.Hour)
	m.apply(late)
	if got := m.state("1001@pbx.test"); got != "busy | recipient confirmed" {
		t.Errorf("the tombstone never expires: %s", got)
	}
}

func TestTombstonesAreBounded(t *testing.T) {
	ts := newTombstones(3, time.Minute)
	now := time.Unix(1000, 0)
	for i := range 10 {
		ts.bury(fmt.Sprint(i), uint64(i), now)
	}
	for i := range 10 {
		if _, dead := ts.dead(fmt.Sprint(i), now); dead != (i >= 7) {
			t.Errorf("%d is dead: %v", i, dead)
		}
	}
	ts.raise("8")
	if _, dead := ts.dead("8", now); dead {
		t.Error("8 is dead though raised")
	}
	ts.bury("10", 10, now.Add(2*time.Minute)) // the others have expired by now
	if len(ts.until) != 1 || len(ts.order) != 1 {
		t.Errorf("%d tombstones, %d in order", len(ts.until), len(ts.order))
	}
}

func TestRegistrations(t *testing.T) {
	reg := func(what, callID, contact string) *event {
		user, host := "from-user", "from-host"
		if what == "expire" {
			user, host = "user", "host"
		}
		return ev("CUSTOM", "Event-Subclass: sofia%3A%3A"+what, "profile-name: phones", user+": 1001", host+": pbx.test",
			"call-id: "+callID, "contact: "+contact)
	}
	m := office()
	for i, step := range []struct {
		e    *event
		want string
	}{
		{reg("register", "1", "desk"), "idle"},
		{reg("register", "1", "desk"), "idle"},    // refresh
		{reg("register", "2", "mobile"), "idle"},  // a second phone
		{reg("unregister", "1", "desk"), "idle"},  // one is left
		{reg("unregister", "1", "desk"), "idle"},  // again: nothing
		{reg("expire", "2", "mobile"), "unknown"}, // none is left
		{reg("register", "3", "desk"), "idle"},
		{reg("register", "4", "desk"), "idle"}, // the phone was restarted: another Call-ID, the same contact
		{reg("expire", "3", "desk"), "idle"},   // the old binding expires, if the PBX kept it
		{reg("unregister", "4", "desk"), "unknown"},
	} {
		m.apply(step.e)
		if got := m.state("1001@pbx.test"); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
}

// A phone that publishes closed and goes away is not left in do not disturb.
func TestPublishedDNDEndsWithTheRegistration(t *testing.T) {
	m := office()
	m.apply(ev("CUSTOM", "Event-Subclass: sofia%3A%3Aregister", "from-user: 1001", "from-host: pbx.test", "call-id: 1", "contact: c"))
	m.apply(ev("PRESENCE_IN", "proto: sip", "from: 1001@pbx.test", "status: Unregistered", "rpid: Unregistered"))
	if got := m.state("dnd+1001@pbx.test"); got != "dnd" {
		t.Errorf("after PUBLISH closed: %s", got)
	}
	if got := m.state("1001@pbx.test"); got != "idle" {
		t.Errorf("PUBLISH closed looks like an unregister: %s", got)
	}
	m.apply(ev("CUSTOM", "Event-Subclass: sofia%3A%3Aunregister", "from-user: 1001", "from-host: pbx.test", "call-id: 1", "contact: c"))
	if got := m.state("dnd+1001@pbx.test"); got != "clear" {
		t.Errorf("after the unregister: %s", got)
	}
}

func TestDNDForms(t *testing.T) {
	on := func(lines ...string) *event { return ev(append([]string{"PRESENCE_IN"}, lines...)...) }
	for _, tc := range []struct {
		name string
		e    *event
		want string
	}{
		{"FusionPBX", on("proto: dnd", "from: 1001@pbx.test", "answer-state: confirmed"), "dnd"},
		{"older", on("proto: sip", "from: dnd+1001@pbx.test", "answer-state: confirmed"), "dnd"},
		{"older still", on("proto: sip", "from: 1001@pbx.test", "answer-state: confirmed"), "dnd"},
		{"PUBLISH busy", on("proto: sip", "from: 1001@pbx.test", "rpid: busy", "status: Busy"), "dnd"},
		{"PUBLISH open", on("proto: sip", "from: 1001@pbx.test", "rpid: unknown", "status: Available"), "absent"},
		{"a channel", on("proto: any", "from: 1001@pbx.test", "answer-state: confirmed", "Channel-State: CS_EXECUTE"), "absent"},
		{"pickup", on("proto: pickup", "from: 1001@pbx.test", "answer-state: confirmed"), "absent"},
		{"registered", on("proto: sip", "from: 1001@pbx.test", "rpid: busy", "presence-source: register"), "absent"},
		{"expired", on("proto: sip", "from: 1001@pbx.test", "rpid: away", "status: Unregistered"), "absent"},
		{"another feature's button", on("proto: sip", "from: forward+1001@pbx.test", "answer-state: confirmed"), "absent"},
		{"no domain", on("proto: dnd", "from: 1001", "answer-state: confirmed"), "absent"},
	} {
		m := office()
		m.apply(tc.e)
		if got := m.state("dnd+1001@pbx.test"); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestSpecialsAreBounded(t *testing.T) {
	m := newModel(Config{Devices: []string{"conference:3001-pbx.test"}})
	for i := range maxSpecials + 100 {
		m.apply(ev("CUSTOM", "Event-Subclass: conference%3A%3Amaintenance", fmt.Sprintf("Conference-Name: room%d", i), "Conference-Size: 1"))
		m.apply(ev("CUSTOM", "Event-Subclass: conference%3A%3Amaintenance", fmt.Sprintf("Conference-Name: room%d", i), "Conference-Size: 0"))
	}
	if len(m.specials) > maxSpecials || m.specials["conference:3001-pbx.test"] == nil {
		t.Errorf("%d specials", len(m.specials))
	}
	s, ok := m.look("conference:3001-pbx.test")
	if !ok || s.Number != "3001" || s.Domain != "pbx.test" || s.Kind != device.Special {
		t.Errorf("%+v", s)
	}
}
