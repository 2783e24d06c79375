package trunk

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"blfbridge/policy"
)

const a = "192.0.2.1:5060"

// TestRefresh: a subscription is refreshed before its end, in its dialog (RFC 6665
// §4.1.2.2); the server may shorten it, in the 200 and in a NOTIFY.
func TestRefresh(t *testing.T) {
	inWorld(t, func(w *world) {
		sub, _ := standingAt(w, "9123", a)
		w.pass(199 * time.Second)
		w.none()
		w.pass(time.Second)
		r := w.one(a)
		if r.header("CSeq") != "2 SUBSCRIBE" || r.header("Call-ID") != sub.header("Call-ID") || !strings.Contains(r.header("To"), "tag=far") {
			t.Errorf("refreshed by\n%s", r.raw)
		}
		w.answer(r, 200, "Expires: 90")
		w.pass(59 * time.Second)
		w.none()
		w.pass(time.Second)
		w.accept(w.one(a))
		w.notify(sub, 2, "active;expires=30", info(1, ""))
		w.pass(20 * time.Second)
		r = w.one(a)
		w.answer(r, 500) // stands until its end, and is refreshed again
		w.is("active")
		w.pass(10 * time.Second)
		w.is("seeking")
		w.shows("9123", "unknown")
	})
}

// TestRefreshFails: what a refresh is told decides how it goes on.
func TestRefreshFails(t *testing.T) {
	for _, c := range []struct {
		status int
		lamp   string // right after
	}{{481, "busy"}, {404, "busy"}, {0, "unknown"}} {
		inWorld(t, func(w *world) {
			sub, _ := standingAt(w, "9123", a)
			w.notify(sub, 2, "active", info(1, "confirmed"))
			w.pass(200 * time.Second)
			r := w.one(a)
			if c.status > 0 {
				w.answer(r, c.status)
			} else {
				w.pass(timerF - time.Millisecond)
				w.clear()
				w.pass(time.Millisecond)
			}
			w.shows("9123", c.lamp)
			anew := w.one(a)
			if anew.header("CSeq") != "1 SUBSCRIBE" || anew.header("Call-ID") == sub.header("Call-ID") || strings.Contains(anew.header("To"), "tag") {
				t.Errorf("after %d:\n%s", c.status, anew.raw)
			}
			if status := w.notify(sub, 3, "active", info(2, "")); status != 481 {
				t.Errorf("a NOTIFY of the lost dialog: %d", status)
			}
			w.accept(anew)
			w.notify(anew, 1, "active", info(0, "early"))
			w.shows("9123", "ringing")
		})
	}
}

// TestTooBrief: RFC 6665 §4.1.2.1, 423 with Min-Expires.
func TestTooBrief(t *testing.T) {
	inWorld(t, func(w *world) {
		w.watch("9123", user)
		first := w.one(a)
		w.answer(first, 423, "Min-Expires: 1800")
		second := w.one(a)
		if second.header("Expires") != "1800" || second.header("CSeq") != "2 SUBSCRIBE" || second.header("Call-ID") != first.header("Call-ID") {
			t.Errorf("asked again by\n%s", second.raw)
		}
		w.accept(second)
		w.is("active")
	})
	inWorld(t, func(w *world) { // one that is never satisfied is no reason to go on for ever
		w.watch("9123", user)
		for i := range maxTries {
			w.answer(w.one(a), 423, fmt.Sprintf("Min-Expires: %d", 1000+i))
		}
		w.answer(w.one(a), 423, "Min-Expires: 5000")
		w.is("refused")
	})
}

// TestFallback: a server without the dialog package is asked for presence.
func TestFallback(t *testing.T) {
	inWorld(t, func(w *world) {
		w.watch("9123", user)
		w.answer(w.one(a), 489, "Allow-Events: presence")
		sub := w.one(a)
		if sub.header("Event") != "presence" || sub.header("Accept") != "application/pidf+xml" || sub.header("CSeq") != "1 SUBSCRIBE" {
			t.Errorf("fell back to\n%s", sub.raw)
		}
		w.accept(sub)
		pidf := func(basic, activity string) string {
			return `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" ` +
				`xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:x@far"><tuple id="t"><status><basic>` + basic +
				`</basic></status></tuple><dm:person id="p"><rpid:activities>` + activity + `</rpid:activities></dm:person></presence>`
		}
		for i, c := range [][3]string{{"open", "", "idle"}, {"open", "<rpid:on-the-phone/>", "busy"}, {"closed", "", "unknown"}} {
			w.notify(sub, i+1, "active", pidf(c[0], c[1]))
			w.shows("9123", c[2])
		}
		w.notify(sub, 9, "active", pidf("open", "<rpid:busy/>"))
		if l := w.lamps["9123"]; !l.DND {
			t.Errorf("do not disturb shows %+v", l)
		}
	})
	inWorld(t, func(w *world) { // neither: refused
		w.watch("9123", user)
		w.answer(w.one(a), 489)
		w.answer(w.one(a), 489)
		w.is("refused")
	})
}

// TestNotifyFirst: RFC 6665 §4.4.1, the NOTIFY may overtake the 200, and makes the dialog;
// those of a fork are another subscription.
func TestNotifyFirst(t *testing.T) {
	inWorld(t, func(w *world) {
		w.watch("9123", user)
		sub := w.one(a)
		route := "Record-Route: <sip:p1;lr>, <sip:p2;lr>"
		if status := w.notify(sub, 1, "active;expires=300", info(0, "confirmed"), route); status != 200 {
			t.Fatal(status)
		}
		w.is("active")
		w.shows("9123", "busy")
		w.answer(sub, 200, "Expires: 300", "Record-Route: <sip:wrong;lr>")
		if status := w.notify(sub, 1, "active", info(0, ""), "From: <sip:x@far>;tag=fork"); status != 481 {
			t.Errorf("the NOTIFY of a fork: %d", status)
		}
		w.shows("9123", "busy")
		w.pass(200 * time.Second)
		r := w.one(a)
		if !strings.Contains(r.raw, "\r\nRoute: <sip:p1;lr>, <sip:p2;lr>\r\n") {
			t.Errorf("sent\n%s", r.raw)
		}
	})
	inWorld(t, func(w *world) { // the 200 first: its Record-Route, the other way round
		w.watch("9123", user)
		sub := w.one(a)
		w.answer(sub, 200, "Expires: 60", "Record-Route: <sip:p1;lr>, <sip:p2;lr>")
		w.pass(31 * time.Second)
		w.none()
		w.pass(time.Second) // Timer N: no NOTIFY
		anew := w.one(a)
		if anew.header("CSeq") != "1 SUBSCRIBE" {
			t.Errorf("sent\n%s", anew.raw)
		}
	})
}

// TestStrangers: NOTIFYs that are answered otherwise than with 200, and change nothing.
func TestStrangers(t *testing.T) {
	inWorld(t, func(w *world) {
		sub, _ := standingAt(w, "9123", a)
		w.notify(sub, 5, "active", info(5, "confirmed"))
		for _, c := range []struct {
			what string
			more string
			want int
		}{
			{"another Call-ID", "Call-ID: other", 481},
			{"another To tag", "To: <sip:blfbridge@192.0.2.100>;tag=other", 481},
			{"another From tag", "From: <sip:x@far>;tag=other", 481},
			{"another event", "Event: presence", 489},
			{"no event", "Event: ", 489},
			{"an event id", "Event: dialog;id=1", 481},
			{"no Subscription-State", "Subscription-State: ", 400},
			{"a lower CSeq", "CSeq: 4 NOTIFY", 500},
			{"the same CSeq", "CSeq: 5 NOTIFY", 200},
		} {
			if status := w.notify(sub, 6, "active", info(9, ""), c.more); status != c.want {
				t.Errorf("%s: %d, want %d", c.what, status, c.want)
			}
			w.shows("9123", "busy")
		}
	})
}

// TestVersions: RFC 4235 §4.3. A lower version is dropped; partial state is merged, and
// where some is missing the full state is asked for.
func TestVersions(t *testing.T) {
	inWorld(t, func(w *world) {
		sub, _ := standingAt(w, "9123", a)
		seq := 1
		tell := func(body, want string) {
			t.Helper()
			seq++
			if status := w.notify(sub, seq, "active", body); status != 200 {
				t.Errorf("%d", status)
			}
			w.shows("9123", want)
		}
		partial := func(version int, id, state string) string {
			return fmt.Sprintf(`<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%d" state="partial" entity="sip:x@far">`+
				`<dialog id="%s" direction="recipient"><state>%s</state></dialog></dialog-info>`, version, id, state)
		}
		tell(info(7, "confirmed"), "busy")
		tell(info(6, ""), "busy")
		tell(partial(8, "y", "early"), "busy")
		tell(partial(9, "x", "terminated"), "ringing")
		w.none()
		tell(partial(11, "y", "terminated"), "idle")
		if r := w.one(a); r.header("CSeq") != "2 SUBSCRIBE" {
			t.Errorf("asked for full state by\n%s", r.raw)
		} else {
			w.accept(r)
		}
		tell(info(12, "early"), "ringing")
		tell("<dialog-info", "unknown")
		tell(info(13, "confirmed"), "busy")
	})
}

// TestTerminated: what the reasons of RFC 6665 §4.1.3 lead to.
func TestTerminated(t *testing.T) {
	for _, c := range []struct {
		state, is, lamp string
		outcome         policy.Outcome
		again           time.Duration // until it is asked for again, 0 = not
	}{
		{"terminated;reason=rejected", "refused", "unknown", policy.Refused, 0},
		{"terminated;reason=noresource", "refused", "unknown", policy.NotFound, 0},
		{"terminated;reason=deactivated", "seeking", "busy", policy.Allowed, time.Millisecond},
		{"terminated;reason=timeout", "seeking", "busy", policy.Allowed, time.Millisecond},
		{"terminated", "seeking", "busy", policy.Allowed, time.Millisecond},
		{"terminated;reason=probation", "waiting", "unknown", policy.Allowed, time.Minute},
		{"terminated;reason=giveup;retry-after=300", "waiting", "unknown", policy.Allowed, 5 * time.Minute},
		{"terminated;reason=invariant", "active", "busy", policy.Allowed, 0},
	} {
		inWorld(t, func(w *world) {
			sub, leave := standingAt(w, "9123", a)
			w.notify(sub, 2, "active", info(1, "confirmed"))
			w.pass(time.Minute)
			w.rechecks = 0
			if status := w.notify(sub, 3, c.state, ""); status != 200 {
				t.Errorf("%s: %d", c.state, status)
			}
			w.is(c.is)
			w.shows("9123", c.lamp)
			if d := w.admit("9123", user); d.Outcome != c.outcome {
				t.Errorf("%s: a further watcher %+v", c.state, d)
			}
			if told := w.rechecks > 0; told != (c.is == "refused") {
				t.Errorf("%s: the watchers were told: %v", c.state, told)
			}
			if c.again == 0 {
				w.pass(time.Hour)
				w.none()
				leave()
				w.pass(time.Hour)
				w.none()
				return
			}
			if c.again > time.Second {
				w.pass(c.again - time.Second)
				w.none()
				w.pass(time.Second)
			}
			w.one(a)
		})
	}
	inWorld(t, func(w *world) { // a server that ends it all the time is not flooded
		w.watch("9123", user)
		for range 10 {
			sub := w.one(a)
			w.accept(sub)
			w.notify(sub, 1, "terminated;reason=deactivated", "")
			w.none()
			w.pass(time.Minute)
		}
		sub := w.one(a)
		w.accept(sub)
		w.notify(sub, 1, "terminated;reason=deactivated", "")
		w.is("refused")
	})
}

// TestPolicyChanges: a subscription follows its trunk's group, route and destinations.
func TestPolicyChanges(t *testing.T) {
	change := func(w *world, old, now string) {
		w.t.Helper()
		if !strings.Contains(office, old) {
			w.t.Fatal("nothing to change")
		}
		w.mu.Lock()
		w.snap = compiled(w.t, strings.ReplaceAll(office, old, now))
		w.mu.Unlock()
		w.s.PolicyChanged()
	}
	inWorld(t, func(w *world) {
		standingAt(w, "5001", a)
		change(w, "trunks: [A, B]}", "trunks: [D, A]}")
		w.none() // it stands, although another trunk comes first now
		change(w, "destinations: [192.0.2.1]", "destinations: [192.0.2.77]")
		sent := w.two()
		if sent[0].header("Expires") != "0" || sent[0].flow.Remote.String() != a || sent[1].flow.Remote.String() != "192.0.2.77:5060" {
			t.Errorf("sent %v", sent)
		}
	})
	inWorld(t, func(w *world) { // the group of its trunk: the next one that watchers may use
		standingAt(w, "5001", a)
		change(w, "from: Standard, to: Far, subscribe: allow", "from: Standard, to: Far, subscribe: disallow")
		if sent := w.two(); sent[0].header("Expires") != "0" || sent[1].flow.Remote.String() != "192.0.2.2:5070" {
			t.Errorf("sent %v", sent)
		}
		if d := w.admit("5001", user); !d.Allow() {
			t.Errorf("its watcher meanwhile: %+v", d)
		}
	})
	inWorld(t, func(w *world) { // refused, until the policy says otherwise
		w.watch("9123", user)
		w.answer(w.one(a), 403)
		change(w, "retry_limit: 10", "retry_limit: 20")
		w.none()
		w.is("refused")
		change(w, "destinations: [192.0.2.1]", "destinations: [192.0.2.77]")
		w.one("192.0.2.77:5060")
	})
}

// two takes the two messages that were sent.
func (w *world) two() []sent {
	w.t.Helper()
	w.pass(0)
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sent
	w.sent = nil
	if len(s) != 2 {
		w.t.Fatalf("sent %v", s)
	}
	return s
}
