package trunk

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// standingAt begins a subscription that the first trunk accepted and notified.
func standingAt(w *world, number, to string) (sub sent, leave func()) {
	w.t.Helper()
	leave = w.watch(number, user)
	sub = w.one(to)
	w.accept(sub)
	if status := w.notify(sub, 1, "active;expires=300", info(0, "terminated")); status != 200 {
		w.t.Fatalf("NOTIFY: %d", status)
	}
	w.is("active")
	return sub, leave
}

// TestOneSubscription: whatever the number of watchers there is one SUBSCRIBE; further
// ones are admitted by the trunk's group; it ends a while after the last one left.
func TestOneSubscription(t *testing.T) {
	inWorld(t, func(w *world) {
		sub, leave := standingAt(w, "5001", "192.0.2.1:5060")
		for _, h := range [][2]string{
			{"Event", "dialog"}, {"Accept", "application/dialog-info+xml"}, {"Expires", "300"}, {"Max-Forwards", "20"}, {"User-Agent", "blfbridge"},
			{"Contact", "<sip:blfbridge@192.0.2.100:5060>"}, {"CSeq", "1 SUBSCRIBE"},
		} {
			if got := sub.header(h[0]); got != h[1] {
				t.Errorf("%s: %q, want %q", h[0], got, h[1])
			}
		}
		if got := sub.msg.Recipient.String(); got != "sip:5001@192.0.2.1" {
			t.Errorf("request URI %s", got)
		}
		w.shows("5001", "idle")
		if w.notify(sub, 2, "active;expires=300", info(1, "early")); w.lamps["5001"].Calls == nil {
			t.Error("the call was not taken over")
		}
		w.shows("5001", "ringing")
		second := w.watch("5001", policy.Watcher{Tenant: "acme", ID: "201", Trusted: true})
		w.none()
		if d := w.admit("5001", user); !d.Allow() || d.View != policy.ViewNumber || d.PresentityGroup != "Far" {
			t.Errorf("a further watcher: %+v", d)
		}
		boss := policy.Watcher{Tenant: "acme", Kind: policy.WatcherPhone, ID: "boss", Trusted: true}
		if d := w.admit("5001", boss); d.Allow() {
			t.Errorf("who may not watch the trunk's group was admitted: %+v", d)
		}
		leave()
		w.pass(time.Minute)
		w.none()
		second()
		w.none()
		w.pass(4 * time.Second)
		again := w.watch("5001", user) // within the linger time
		w.none()
		w.shows("5001", "ringing")
		again()
		w.pass(5 * time.Second)
		end := w.one("192.0.2.1:5060")
		if end.header("Expires") != "0" || end.header("CSeq") != "2 SUBSCRIBE" || !strings.Contains(end.header("To"), "tag=far") ||
			end.msg.Recipient.String() != "sip:far@192.0.2.1:5060" {
			t.Errorf("unsubscribed by\n%s", end.raw)
		}
		w.accept(end)
		if status := w.notify(sub, 3, "terminated;reason=timeout", ""); status != 200 {
			t.Errorf("the last NOTIFY: %d", status)
		}
		if status := w.notify(sub, 4, "active", ""); status != 481 {
			t.Errorf("a NOTIFY after the end: %d", status)
		}
		if len(w.hidden) != 1 || len(w.s.Rows()) != 0 {
			t.Errorf("hidden %v, listed %v", w.hidden, w.s.Rows())
		}
	})
}

// TestRoutes: numbers are dialled as their route says; a SIP URI keeps its host; what no
// pattern matches goes to the default presence trunk.
func TestRoutes(t *testing.T) {
	for number, want := range map[string][2]string{
		"9123":         {"192.0.2.1:5060", "sip:0123@192.0.2.1"},
		"bob@far.test": {"192.0.2.1:5060", "sip:bob@far.test"},
		"7777":         {"192.0.2.9:5060", "sip:7777@192.0.2.9"},
	} {
		inWorld(t, func(w *world) {
			w.watch(number, user)
			if s := w.one(want[0]); s.msg.Recipient.String() != want[1] {
				t.Errorf("%s was asked for as %s, want %s", number, s.msg.Recipient.String(), want[1])
			}
		})
	}
}

// TestNextTrunk: a dead trunk is given up after 4 s while there are others, one that
// refuses at once; the one that accepts is kept, and its group decides.
func TestNextTrunk(t *testing.T) {
	inWorld(t, func(w *world) {
		w.watch("5001", user)
		for _, after := range []time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second} {
			w.pass(after)
			w.one("192.0.2.1:5060")
		}
		w.pass(500 * time.Millisecond)
		second := w.one("192.0.2.2:5070")
		w.answer(second, 403)
		third := w.one("192.0.2.3:5060")
		if third.flow.Transport.String() != "TCP" || third.msg.Recipient.String() != "sip:5001@192.0.2.3;transport=tcp" ||
			third.header("Contact") != "<sip:blfbridge@192.0.2.100:5060;transport=tcp>" {
			t.Errorf("third:\n%s", third.raw)
		}
		w.pass(3 * time.Second)
		w.none() // over TCP nothing is sent again
		w.accept(third)
		w.notify(third, 1, "active", info(0, "confirmed"))
		w.shows("5001", "busy")
		if r := w.row(); r.Trunk != "B" || r.State != "active" {
			t.Errorf("%+v", r)
		}
		if d := w.admit("5001", user); d.PresentityGroup != "Standard" {
			t.Errorf("decided by group %q", d.PresentityGroup)
		}
	})
}

// TestAllRefuse: the watchers end as the answers say; who asks within the retry interval
// is refused without another SUBSCRIBE.
func TestAllRefuse(t *testing.T) {
	for status, want := range map[int]policy.Outcome{403: policy.Refused, 404: policy.NotFound, 603: policy.Refused, 410: policy.NotFound} {
		inWorld(t, func(w *world) {
			leave := w.watch("9123", user)
			w.answer(w.one("192.0.2.1:5060"), status)
			w.is("refused")
			w.shows("9123", "unknown")
			if w.rechecks != 1 {
				t.Errorf("%d: watchers were decided %d times", status, w.rechecks)
			}
			if d := w.admit("9123", user); d.Outcome != want || !strings.Contains(d.Rule, "trunk A 192.0.2.1: ") {
				t.Errorf("%d: %+v", status, d)
			}
			leave()
			w.pass(59 * time.Second)
			if d := w.admit("9123", user); d.Allow() {
				t.Errorf("%d: admitted within the retry interval", status)
			}
			w.pass(2 * time.Second)
			if d := w.admit("9123", user); !d.Allow() || len(w.s.Rows()) != 0 {
				t.Errorf("%d: not asked for again after the retry interval: %+v", status, d)
			}
			w.watch("9123", user)
			w.one("192.0.2.1:5060")
		})
	}
}

// TestRetryLimit: a trunk that cannot be reached is tried every interval, ten times; the
// lamp is unknown meanwhile. Then the watchers end with probation.
func TestRetryLimit(t *testing.T) {
	inWorld(t, func(w *world) {
		w.watch("9123", user)
		for i := range 11 {
			w.answer(w.one("192.0.2.1:5060"), 503, "Retry-After: 5")
			if i == 10 {
				break
			}
			w.is("waiting")
			w.shows("9123", "unknown")
			if d := w.admit("9123", user); !d.Allow() {
				t.Fatalf("a watcher while it waits: %+v", d)
			}
			w.pass(59 * time.Second)
			w.none()
			w.pass(time.Second)
		}
		w.is("refused")
		if d := w.admit("9123", user); d.Outcome != policy.Unavailable || w.rechecks != 1 {
			t.Errorf("%+v, decided %d times", d, w.rechecks)
		}
	})
}

// TestTimeout: RFC 3261 §17.1.2.2, Timers E and F.
func TestTimeout(t *testing.T) {
	inWorld(t, func(w *world) {
		w.watch("9123", user)
		first := w.one("192.0.2.1:5060")
		n, at := 1, time.Now()
		for time.Since(at) < 40*time.Second {
			w.pass(500 * time.Millisecond)
			for _, s := range w.clear() {
				if n++; s.raw != first.raw {
					t.Error("a retransmission differs")
				}
			}
		}
		if n != 11 { // 0, .5, 1.5, 3.5, 7.5 … 31.5 s
			t.Errorf("sent %d times, want 11", n)
		}
		w.is("waiting")
	})
}

// TestConnection: a request waits for a connection that is being opened; one that cannot
// be opened counts as unreachable.
func TestConnection(t *testing.T) {
	inWorld(t, func(w *world) {
		w.fail["192.0.2.1:5060"], w.fail["192.0.2.2:5070"] = notifier.ErrNoFlow, notifier.ErrNoFlow
		w.fail["192.0.2.3:5060"] = notifier.ErrConnecting
		w.watch("5001", user)
		w.pass(time.Second)
		w.none()
		w.mu.Lock()
		delete(w.fail, "192.0.2.3:5060")
		w.mu.Unlock()
		f, _, _ := w.Toward(subscription.TCP, netip.MustParseAddrPort("192.0.2.3:5060"), "")
		w.s.FlowUp(f)
		sub := w.one("192.0.2.3:5060")
		w.accept(sub)
		w.notify(sub, 1, "active", info(0, "confirmed"))
		w.shows("5001", "busy")

		w.s.FlowClosed(f) // the server was restarted?
		w.none()
		w.pass(time.Second)
		refresh := w.one("192.0.2.3:5060")
		w.answer(refresh, 481)
		w.fail["192.0.2.1:5060"] = nil
		w.shows("5001", "busy") // for as long as a new subscription takes
		if again := w.one("192.0.2.3:5060"); again.header("CSeq") != "1 SUBSCRIBE" || again.header("Call-ID") == sub.header("Call-ID") {
			t.Errorf("made anew by\n%s", again.raw)
		}
		w.pass(3 * time.Second)
		w.shows("5001", "unknown")
	})
	inWorld(t, func(w *world) { // one that breaks while we send on it is told from within
		sub, _ := standingAt(w, "9123", a)
		w.mu.Lock()
		w.closes = true
		w.mu.Unlock()
		w.pass(200 * time.Second)
		w.shows("9123", "unknown")
		if again := w.one(a); again.header("Call-ID") == sub.header("Call-ID") {
			t.Errorf("sent\n%s", again.raw)
		}
	})
}

// TestHostNames: all addresses of a destination's name are tried.
func TestHostNames(t *testing.T) {
	inWorld(t, func(w *world) {
		w.snap = compiled(t, strings.ReplaceAll(office, "[192.0.2.1]", "[gone.test, two.test]"))
		w.watch("9123", user)
		w.answer(w.one("192.0.2.21:5060"), 500)
		sub := w.one("192.0.2.22:5060")
		w.accept(sub)
		w.notify(sub, 1, "active", info(0, ""))
		w.shows("9123", "idle")
		w.s.PolicyChanged()
		w.none()
	})
}

// TestStop: a clean stop ends the subscriptions at their servers and leaves the lamps.
func TestStop(t *testing.T) {
	inWorld(t, func(w *world) {
		sub, _ := standingAt(w, "9123", "192.0.2.1:5060")
		w.notify(sub, 2, "active", info(1, "confirmed"))
		done := make(chan struct{})
		stop := w.stop
		w.stop = func() { <-done }
		began := time.Now()
		go func() { defer close(done); stop() }()
		end := w.one("192.0.2.1:5060")
		if end.header("Expires") != "0" {
			t.Errorf("sent\n%s", end.raw)
		}
		w.accept(end)
		<-done
		if took := time.Since(began); took > 0 {
			t.Errorf("an answered stop took %v", took)
		}
		w.shows("9123", "busy")
	})
	inWorld(t, func(w *world) { // a server that does not answer holds it up for a second
		standingAt(w, "9123", "192.0.2.1:5060")
		began := time.Now()
		w.stop()
		w.stop = func() {}
		if took := time.Since(began); took != leaveTime {
			t.Errorf("took %v", took)
		}
	})
}
