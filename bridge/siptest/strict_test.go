package siptest_test

import (
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

func replace(old, new string) func(string) string {
	return func(s string) string {
		if !strings.Contains(s, old) {
			panic("no " + old + " in " + s)
		}
		return strings.Replace(s, old, new, 1)
	}
}

// without drops a header line.
func without(name string) func(string) string {
	return func(s string) string {
		head, rest, ok := strings.Cut(s, "\n"+name+": ")
		_, rest, ok2 := strings.Cut(rest, "\n")
		if !ok || !ok2 {
			panic("no " + name)
		}
		return head + "\n" + rest
	}
}

// TestStrict sends one faulty NOTIFY after a good one and demands that the watcher names
// the rule, answers as a strict phone would, and lights the lamp only where it may.
func TestStrict(t *testing.T) {
	ring := dialogInfo(1, "early")
	for _, c := range []struct {
		name   string
		body   string
		edit   func(string) string
		rule   string
		detail string
		status int
	}{
		{"nothing wrong", ring, nil, "", "", 200},
		{"version repeated", dialogInfo(0, "early"), nil, "RFC 4235 §4.3", "version 0 after 0", 400},
		{"version skipped", dialogInfo(2, "early"), nil, "RFC 4235 §4.3", "one is missing", 200},
		{"CSeq skipped", ring, replace("CSeq: 12 ", "CSeq: 13 "), "RFC 3261 §12.2.1.1", "CSeq 13 after 11", 200},
		{"CSeq back", ring, replace("CSeq: 12 ", "CSeq: 10 "), "RFC 3261 §12.2.2", "CSeq 10 after 11", 500},
		{"CSeq reused", ring, replace("CSeq: 12 ", "CSeq: 11 "), "RFC 3261 §12.2.2", "CSeq 11 comes twice", 500},
		{"CSeq of another method", ring, replace("CSeq: 12 NOTIFY", "CSeq: 12 INVITE"), "RFC 3261 §20", "CSeq is", 400},
		{"To tag", ring, replace("To: <sip:201@pbx.test>;tag=", "To: <sip:201@pbx.test>;tag=x"), "RFC 3261 §12.2.1.1", "To tag", 481},
		{"From tag", ring, replace(";tag=srv", ";tag=other"), "RFC 3261 §12.2.1.1", "From tag", 481},
		{"From tag missing", ring, replace(";tag=srv", ""), "RFC 3261 §12.2.1.1", "From tag", 481},
		{"From URI", ring, replace("From: <sip:101@", "From: <sip:102@"), "RFC 3261 §12.2.1.1", "From is sip:102", 200},
		{"To URI", ring, replace("To: <sip:201@", "To: <sip:202@"), "RFC 3261 §12.2.1.1", "To is sip:202", 200},
		{"Request-URI", ring, replace("NOTIFY sip:201@", "NOTIFY sip:nobody@"), "RFC 3261 §12.2.1.1", "Request-URI", 200},
		{"no Subscription-State", ring, without("Subscription-State"), "RFC 3261 §20", "no Subscription-State", 400},
		{"bad Subscription-State", ring, replace("State: active", "State: live"), "RFC 6665 §8.2.3", "live", 400},
		{"no expires", ring, replace("active;expires=600", "active"), "RFC 6665 §4.2.2", "no expires", 200},
		{"expires longer than granted", ring, replace("expires=600", "expires=900"), "RFC 6665 §4.2.2", "expires=900", 200},
		{"no Event", ring, without("Event"), "RFC 3261 §20", "no Event", 400},
		{"another Event", ring, replace("Event: dialog", "Event: presence"), "RFC 6665 §8.2.1", "presence", 489},
		{"Event id not ours", ring, replace("Event: dialog", "Event: dialog;id=5"), "RFC 6665 §8.2.1", "id=5", 489},
		{"no Contact", ring, without("Contact"), "RFC 3261 §20", "no Contact", 400},
		{"two Contacts", ring, replace("Contact: ", "Contact: <sip:x>\nContact: "), "RFC 3261 §20", "2 Contact", 200},
		{"no Max-Forwards", ring, without("Max-Forwards"), "RFC 3261 §20", "no Max-Forwards", 200},
		{"Max-Forwards 0", ring, replace("Max-Forwards: 70", "Max-Forwards: 0"), "RFC 3261 §20", `Max-Forwards is "0"`, 200},
		{"old branch", ring, replace("branch=z9hG4bK", "branch="), "RFC 3261 §8.1.1.7", "branch", 200},
		{"Via of TCP", ring, replace("SIP/2.0/UDP", "SIP/2.0/TCP"), "RFC 3261 §18.1.1", "Via", 200},
		{"Content-Type", ring, replace("dialog-info+xml\n", "pidf+xml\n"), "RFC 6665 §4.2.2", "Content-Type", 415},
		{"Content-Length short", ring, replace("Content-Length: 2", "Content-Length: 1"), "RFC 3261 §20.14", "Content-Length", 400},
		{"no body", "", nil, "RFC 6665 §4.2.2", "without a body", 200},
		{"broken XML", strings.TrimSuffix(ring, "</dialog-info>"), nil, "RFC 4235 §4 / RFC 3863 §4", "unreadable", 400},
		{"two documents", ring + "<x/>", nil, "RFC 4235 §4 / RFC 3863 §4", "something follows", 400},
		{"another root", strings.Replace(ring, "ns:dialog-info", "ns:dialog", 1), nil, "RFC 4235 §4 / RFC 3863 §4", "root element", 400},
		{"unknown dialog state", dialogInfo(1, "ringing"), nil, "RFC 4235 §4 / RFC 3863 §4", `"ringing"`, 400},
		{"another entity", strings.Replace(ring, "sip:101@", "sip:999@", 1), nil, "RFC 4235 §4.1 / RFC 3863 §4.1.1", "sip:999@", 200},
		{"partial state", strings.Replace(ring, "full", "partial", 1), nil, "house", "full", 200},
		{"too large for UDP", ring + strings.Repeat(" ", 1000), nil, "RFC 3261 §18.1.1", "bytes over UDP", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			sub := s.watch(s.phone(nil), siptest.SubscribeConfig{})
			if v := sub.Violations(); len(v) != 0 {
				t.Fatalf("a good NOTIFY broke %s", siptest.Describe(v))
			}
			edit := c.edit
			if edit == nil {
				edit = func(s string) string { return s }
			}
			s.notify("active;expires=600", c.body, edit)
			if code := s.status(); code != c.status {
				t.Errorf("answered %d, want %d", code, c.status)
			}
			v := sub.Violations()
			switch {
			case c.rule == "" && len(v) > 0:
				t.Errorf("unexpected: %s", siptest.Describe(v))
			case c.rule != "" && (len(v) != 1 || v[0].Rule != c.rule || !strings.Contains(v[0].Detail, c.detail)):
				t.Errorf("want one breach of %s (%s), got %s", c.rule, c.detail, siptest.Describe(v))
			}
			want := device.Idle
			if c.status == 200 && c.body != "" {
				want = device.Ringing
			}
			if got := sub.Lamp(); got != want {
				t.Errorf("lamp is %v, want %v", got, want)
			}
		})
	}
}

func TestBeforeTheAnswer(t *testing.T) {
	s := newServer(t)
	p := s.phone(nil)
	done := make(chan *siptest.Subscription)
	go func() {
		sub, err := p.Subscribe(t.Context(), siptest.SubscribeConfig{Target: "101"})
		if err != nil {
			t.Error(err)
		}
		done <- sub
	}()
	s.sub = s.receive(time.Second)
	s.notify("active;expires=600", dialogInfo(0, "terminated"))
	s.status()
	s.reply(s.sub, "200 OK", "Expires: 600", "Contact: <sip:x>")
	if v := (<-done).Violations(); len(v) != 1 || !strings.Contains(v[0].Detail, "before the 200") {
		t.Errorf("got %s", siptest.Describe(v))
	}
}

func TestAfterTerminated(t *testing.T) {
	s := newServer(t)
	sub := s.watch(s.phone(nil), siptest.SubscribeConfig{})
	s.notify("terminated;reason=timeout", dialogInfo(1, "terminated"))
	if code := s.status(); code != 200 {
		t.Errorf("terminated answered with %d", code)
	}
	seen, err := sub.WaitTerminated(time.Second)
	if err != nil || seen.Reason != "timeout" || len(sub.Violations()) != 0 {
		t.Errorf("%+v, %v, %s", seen, err, siptest.Describe(sub.Violations()))
	}
	s.notify("active;expires=5", dialogInfo(2, "early"))
	if code := s.status(); code != 481 {
		t.Errorf("a NOTIFY after terminated got %d", code)
	}
	if v := sub.Violations(); len(v) != 1 || !strings.Contains(v[0].Detail, "after the terminated") {
		t.Errorf("got %s", siptest.Describe(v))
	}
}

// TestRetransmission: the same bytes again are answered and otherwise ignored.
func TestRetransmission(t *testing.T) {
	s := newServer(t)
	sub := s.watch(s.phone(nil), siptest.SubscribeConfig{})
	for range 2 {
		s.notify("active;expires=600", dialogInfo(1, "early"))
		if code := s.status(); code != 200 {
			t.Errorf("answered %d", code)
		}
		s.cseq--
	}
	if len(sub.History()) != 2 || len(sub.Violations()) != 0 {
		t.Errorf("%d NOTIFYs, %s", len(sub.History()), siptest.Describe(sub.Violations()))
	}
}

// TestLean: a lean history says the same, and holds no text.
func TestLean(t *testing.T) {
	s := newServer(t)
	w := s.watch(s.phone(nil), siptest.SubscribeConfig{Lean: true})
	s.notify("active;expires=600", dialogInfo(1, "early"))
	if code := s.status(); code != 200 {
		t.Fatal(code)
	}
	last, _ := w.Last()
	if last.State() != device.Ringing || last.Substate != "active" || last.Lamp.Version != 1 || last.ContentType == "" {
		t.Errorf("%+v", last)
	}
	if last.Message != nil || last.Body != nil {
		t.Error("it keeps the text")
	}
}

// TestGap: after a crash numbers may be skipped, once, and never go back.
func TestGap(t *testing.T) {
	s := newServer(t)
	sub := s.watch(s.phone(nil), siptest.SubscribeConfig{})
	sub.AllowGap()
	s.cseq += 100
	s.notify("active;expires=600", dialogInfo(50, "early"))
	if s.status() != 200 || len(sub.Violations()) != 0 {
		t.Errorf("an allowed gap: %s", siptest.Describe(sub.Violations()))
	}
	s.notify("active;expires=600", dialogInfo(60, "early"))
	if s.status(); len(sub.Violations()) != 1 {
		t.Errorf("a second gap: %s", siptest.Describe(sub.Violations()))
	}
}

// TestOverlap: a second NOTIFY must wait for the answer to the first, unless a SUBSCRIBE
// was accepted in between.
func TestOverlap(t *testing.T) {
	s := newServer(t)
	p := s.phone(nil)
	sub := s.watch(p, siptest.SubscribeConfig{})
	sub.SetFaults(siptest.Faults{Silent: true})
	s.notify("active;expires=600", dialogInfo(1, "early"))
	if _, err := sub.WaitLamp(device.Ringing, time.Second); err != nil {
		t.Fatal(err)
	}
	s.notify("active;expires=600", dialogInfo(2, "confirmed"))
	if _, err := sub.WaitLamp(device.Busy, time.Second); err != nil {
		t.Fatal(err)
	}
	if v := sub.Violations(); len(v) != 1 || !strings.Contains(v[0].Detail, "is not answered") {
		t.Errorf("overlapping NOTIFYs: %s", siptest.Describe(v))
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.accept()
	}()
	if err := sub.Refresh(t.Context(), 600); err != nil {
		t.Fatal(err)
	}
	<-served
	s.notify("active;expires=600", dialogInfo(3, "terminated"))
	if _, err := sub.WaitLamp(device.Idle, time.Second); err != nil {
		t.Fatal(err)
	}
	if v := sub.Violations(); len(v) != 1 {
		t.Errorf("after the refresh: %s", siptest.Describe(v))
	}
}

func TestFaults(t *testing.T) {
	s := newServer(t)
	sub := s.watch(s.phone(nil), siptest.SubscribeConfig{})
	sub.SetFaults(siptest.Faults{Status: 503, RetryAfter: 7, Next: 1})
	s.notify("active;expires=600", dialogInfo(1, "early"))
	if m := s.receive(time.Second); m == nil || m.Code != 503 || m.Get("Retry-After") != "7" {
		t.Errorf("want 503, got %v", m)
	}
	s.notify("active;expires=600", dialogInfo(2, "confirmed"))
	if code := s.status(); code != 200 {
		t.Errorf("the fault should be over, got %d", code)
	}
	sub.SetFaults(siptest.Faults{Drop: 1})
	s.notify("active;expires=600", dialogInfo(3, "terminated"))
	if m := s.receive(200 * time.Millisecond); m != nil || sub.Lamp() != device.Busy {
		t.Errorf("a dropped NOTIFY was answered with %v, lamp %v", m, sub.Lamp())
	}
	s.cseq--
	sub.SetFaults(siptest.Faults{Delay: 300 * time.Millisecond})
	start := time.Now()
	s.notify("active;expires=600", dialogInfo(3, "terminated"))
	if code := s.status(); code != 200 || time.Since(start) < 300*time.Millisecond {
		t.Errorf("late answer: %d after %v", code, time.Since(start))
	}
	if v := sub.Violations(); len(v) != 0 {
		t.Errorf("faults are not the server's: %s", siptest.Describe(v))
	}
}

// TestGrant judges the 200 to SUBSCRIBE.
func TestGrant(t *testing.T) {
	for want, headers := range map[string][]string{
		"has Expires":    {"Contact: <sip:x>"},
		"granted 9999 s": {"Expires: 9999", "Contact: <sip:x>"},
		"has Contact":    {"Expires: 600"},
	} {
		s := newServer(t)
		p := s.phone(nil)
		go func() { s.reply(s.receive(time.Second), "200 OK", headers...) }()
		sub, err := p.Subscribe(t.Context(), siptest.SubscribeConfig{Target: "101"})
		if err != nil {
			t.Fatal(err)
		}
		if v := sub.Violations(); len(v) != 1 || !strings.Contains(v[0].Detail, want) {
			t.Errorf("want %q, got %s", want, siptest.Describe(v))
		}
	}
}

// TestStrays: requests for no subscription get 481 and are remembered.
func TestStrays(t *testing.T) {
	s := newServer(t)
	p := s.phone(nil)
	sub := s.watch(p, siptest.SubscribeConfig{})
	sub.Forget()
	s.notify("active;expires=600", dialogInfo(1, "early"))
	if code := s.status(); code != 481 || len(p.Strays()) != 1 {
		t.Errorf("%d, %s", code, siptest.Describe(p.Strays()))
	}
	s.send("rubbish\n\n")
	for range 50 {
		if len(p.Strays()) == 2 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("a message that is none went unnoticed")
}
