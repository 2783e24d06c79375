package edge

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/siptest"
	"blfbridge/bridge/subscription"
)

func codes(list []*siptest.Message) (out []int) {
	for _, m := range list {
		out = append(out, m.Code)
	}
	return out
}

// onePBX leaves no other to try.
func onePBX(c *Config) { c.PBX = c.PBX[:1] }

// TestNoAnswer: RFC 3261 §17.1.1.2: an INVITE is sent at 0, 0.5, 1.5, 3.5 … s over UDP, and
// after 32 s answered with 408, which is sent until its ACK comes.
func TestNoAnswer(t *testing.T) {
	inRig(t, onePBX, func(t *testing.T, r *rig) {
		r.mustGive(phoneUDP, req{method: "INVITE"}.String())
		r.pass(31 * time.Second)
		if n := len(r.to(pbxOne)); n != 6 {
			t.Errorf("sent %d times, want 6", n)
		}
		r.drain()
		r.pass(2 * time.Second)
		got := r.to(phoneUDP)
		if len(got) < 2 || got[0].Code != 408 || got[0].Tag("To") == "" {
			t.Fatal(codes(got))
		}
		r.drain()
		r.mustGive(phoneUDP, req{method: "ACK", to: got[0].Get("To")}.String())
		r.pass(time.Minute)
		r.nothing()
		if r.e.transactions() != 0 {
			t.Error("the transaction stays")
		}
	})
}

// TestCancel: RFC 3261 §16.10, §9.1: answered at once, sent on when a provisional response
// has come, again until it is answered; the 487 ends all.
func TestCancel(t *testing.T) {
	inRig(t, nil, func(t *testing.T, r *rig) {
		r.mustGive(phoneUDP, req{method: "INVITE"}.String())
		r.to(phoneUDP)
		inv := r.next(pbxOne)
		r.mustGive(phoneUDP, req{method: "CANCEL", lines: []string{"Reason: SIP;cause=200;text=\"Call completed elsewhere\""}}.String())
		if res := r.next(phoneUDP); res.Code != 200 || res.Get("CSeq") != "1 CANCEL" {
			t.Error(res)
		}
		r.mustGive(pbxOne, answerTo(inv, 180))
		r.to(phoneUDP)
		c := r.next(pbxOne)
		if c.Method != "CANCEL" || c.Branch() != inv.Branch() || len(c.All("Via")) != 1 || !strings.Contains(c.Get("Reason"), "elsewhere") {
			t.Error(c)
		}
		r.pass(600 * time.Millisecond)
		r.next(pbxOne) // again
		r.mustGive(pbxOne, answerTo(c, 200))
		r.pass(3 * time.Second)
		r.nothing()
		r.mustGive(pbxOne, answerTo(inv, 487))
		if ack := r.to(pbxOne); len(ack) != 1 || ack[0].Method != "ACK" || ack[0].Tag("To") != "b" || ack[0].Branch() != inv.Branch() {
			t.Error(ack)
		}
		if res := r.next(phoneUDP); res.Code != 487 {
			t.Error(res)
		}
		// The refusal is repeated until its ACK, which goes no further.
		r.pass(600 * time.Millisecond)
		if res := r.next(phoneUDP); res.Code != 487 {
			t.Error(res)
		}
		r.mustGive(phoneUDP, req{method: "ACK", to: "<sip:1002@pbx.test>;tag=b"}.String())
		r.pass(time.Minute)
		r.nothing()
	})
}

// TestRefusalAcknowledged: the ACK ends a refusal's repetition also where the phones'
// domain is our own address, so that its URI looks like one of ours.
func TestRefusalAcknowledged(t *testing.T) {
	inRig(t, nil, func(t *testing.T, r *rig) {
		uri := "sip:1002@" + phoneUDP.Local.Addr().String()
		r.mustGive(phoneUDP, req{method: "INVITE", uri: uri}.String())
		r.to(phoneUDP)
		r.mustGive(pbxOne, answerTo(r.next(pbxOne), 404))
		r.drain()
		r.mustGive(phoneUDP, req{method: "ACK", uri: uri, to: "<sip:1002@pbx.test>;tag=b"}.String())
		r.pass(time.Minute)
		r.nothing()
	})
}

// TestTimerC: RFC 3261 §16.8: a call that rings without a word for more than three
// minutes is cancelled; each provisional response begins anew.
func TestTimerC(t *testing.T) {
	inRig(t, nil, func(t *testing.T, r *rig) {
		r.mustGive(phoneUDP, req{method: "INVITE"}.String())
		r.to(phoneUDP)
		inv := r.next(pbxOne)
		for range 3 {
			r.mustGive(pbxOne, answerTo(inv, 183))
			r.next(phoneUDP)
			r.pass(3 * time.Minute)
			r.nothing()
		}
		r.pass(15 * time.Second)
		if c := r.to(pbxOne); len(c) == 0 || c[0].Method != "CANCEL" {
			t.Fatal(r.all())
		}
		r.mustGive(pbxOne, answerTo(inv, 487))
		if got := codes(r.to(phoneUDP)); len(got) != 1 || got[0] != 487 {
			t.Error(got)
		}
		r.mustGive(phoneUDP, req{method: "ACK", to: "<sip:1002@pbx.test>;tag=b"}.String())
		// Whoever answers nothing at all is given up.
		r.drain()
		r.mustGive(phoneUDP, req{method: "INVITE", branch: "z9hG4bK2"}.String())
		r.to(phoneUDP)
		r.mustGive(pbxOne, answerTo(r.next(pbxOne), 180))
		r.drain()
		r.pass(191*time.Second + 33*time.Second)
		if got := codes(r.to(phoneUDP)); len(got) == 0 || got[0] != 408 {
			t.Error(got)
		}
		r.pass(time.Minute)
		if r.e.transactions() != 0 {
			t.Error("the transaction stays")
		}
	})
}

// TestFailover: a 503, or silence, is tried at the next PBX, with a branch of its own; a
// late answer of the first one counts no more. Within a dialog nobody else is tried.
func TestFailover(t *testing.T) {
	for _, method := range []string{"INVITE", "REGISTER", "MESSAGE"} {
		inRig(t, nil, func(t *testing.T, r *rig) {
			q := req{method: method, lines: []string{"Contact: <sip:1001@192.168.1.5>"}}
			r.mustGive(phoneUDP, q.String())
			r.to(phoneUDP)
			first := r.next(pbxOne)
			r.mustGive(pbxOne, answerTo(first, 503))
			if method == "INVITE" {
				if ack := r.to(pbxOne); len(ack) != 1 || ack[0].Method != "ACK" {
					t.Error(r.all())
				}
			}
			second := r.next(pbxTwo)
			if second.Branch() == first.Branch() || len(second.All("Via")) != 2 {
				t.Error(second)
			}
			r.mustGive(pbxOne, answerTo(first, 404)) // late
			r.to(pbxOne)
			r.nothing()
			r.mustGive(pbxTwo, answerTo(second, 200, "Contact: <sip:1001@192.168.1.5>;expires=60"))
			if res := r.next(phoneUDP); res.Code != 200 {
				t.Error(res)
			}
			// Silence.
			q.branch = "z9hG4bK2"
			r.mustGive(phoneUDP, q.String())
			r.pass(4300 * time.Millisecond)
			if len(r.to(pbxTwo)) == 0 {
				t.Error("not tried at the second PBX:", r.all())
			}
			r.drain()
			if method == "INVITE" {
				second = nil
				return
			}
			// 503 of all: that is the answer.
			q.branch = "z9hG4bK3"
			r.mustGive(phoneUDP, q.String())
			r.mustGive(pbxOne, answerTo(r.next(pbxOne), 503))
			r.mustGive(pbxTwo, answerTo(r.next(pbxTwo), 503, "Retry-After: 7"))
			if res := r.next(phoneUDP); res.Code != 503 || res.Get("Retry-After") != "7" {
				t.Error(res)
			}
		})
	}
}

// TestHealth: who leaves two OPTIONS unanswered is tried last; whatever it answers brings
// it back.
func TestHealth(t *testing.T) {
	inRig(t, func(c *Config) { c.Timers.Check = 10 * time.Second }, func(t *testing.T, r *rig) {
		ask := func() (one []*siptest.Message) {
			r.pass(10 * time.Second)
			for _, m := range r.to(pbxTwo) {
				r.mustGive(pbxTwo, answerTo(m, 200))
			}
			return r.to(pbxOne)
		}
		r.drain()
		ask()
		ask()
		last := ask()
		r.nothing()
		if up := r.e.Up(); up["one"] || !up["two"] {
			t.Fatal(up)
		}
		r.mustGive(phoneUDP, req{method: "MESSAGE"}.String())
		r.next(pbxTwo)
		r.mustGive(pbxOne, answerTo(last[0], 401))
		if up := r.e.Up(); !up["one"] {
			t.Fatal(up)
		}
		r.mustGive(phoneUDP, req{method: "MESSAGE", branch: "z9hG4bK2"}.String())
		r.next(pbxOne)
	})
}

// TestStreamsAreRepeated: what came over a stream is sent again over UDP (RFC 3261 §17.1.2.2)
// until it is answered; what waits longest is given up without a 408 (RFC 4320).
func TestStreamsAreRepeated(t *testing.T) {
	inRig(t, onePBX, func(t *testing.T, r *rig) {
		r.mustGive(phoneTCP, req{method: "BYE", to: "<sip:1002@pbx.test>;tag=b"}.String())
		r.pass(1900 * time.Millisecond)
		got := r.to(pbxOne)
		if len(got) != 3 {
			t.Fatalf("sent %d times, want 3", len(got))
		}
		r.mustGive(pbxOne, answerTo(got[2], 200))
		if res := r.next(phoneTCP); res.Code != 200 {
			t.Error(res)
		}
		r.pass(time.Minute)
		r.nothing()
		r.mustGive(phoneTCP, req{method: "BYE", branch: "z9hG4bK2", to: "<sip:1002@pbx.test>;tag=b"}.String())
		r.pass(time.Minute)
		if n := len(r.to(pbxOne)); n != 11 {
			t.Errorf("sent %d times, want 11", n)
		}
		r.nothing()
	})
}

// TestPhoneComesBack: a BYE for a phone whose connection is gone waits until it has
// registered again, on another connection; 430 if it does not.
func TestPhoneComesBack(t *testing.T) {
	inRig(t, nil, func(t *testing.T, r *rig) {
		path := r.register(phoneTCP, "1001")
		r.mustGive(pbxOne, req{method: "INVITE", uri: "sip:1001@x", lines: []string{"Route: " + path}}.String())
		r.to(pbxOne)
		inv := r.next(phoneTCP)
		r.mustGive(phoneTCP, answerTo(inv, 200))
		r.drain()
		rr := inv.All("Record-Route")
		routes := []string{"Route: " + rr[1] + ", " + rr[0]}
		r.e.FlowClosed(phoneTCP)
		bye := req{method: "BYE", uri: "sip:1001@x", branch: "z9hG4bK2", to: "<sip:1002@pbx.test>;tag=b", lines: routes}
		r.mustGive(pbxOne, bye.String())
		r.pass(5 * time.Second)
		r.nothing()
		again := phoneTCP
		again.Remote = addr("203.0.113.7:31999")
		contact := "<sip:1001@" + again.Remote.String() + ">"
		r.mustGive(again, req{method: "REGISTER", uri: "sip:pbx.test", branch: "z9hG4bK3", from: "<sip:1001@pbx.test>;tag=r", to: "<sip:1001@pbx.test>", lines: []string{"Contact: " + contact}}.String())
		r.mustGive(pbxOne, answerTo(r.next(pbxOne), 200, "Contact: "+contact+";expires=60"))
		got := r.to(again)
		if len(got) != 2 || got[1].Method != "BYE" {
			t.Fatal(r.all())
		}
		r.mustGive(again, answerTo(got[1], 200))
		if res := r.next(pbxOne); res.Code != 200 {
			t.Error(res)
		}
		// The registration is over with its time.
		r.pass(2 * time.Minute)
		r.e.FlowClosed(again)
		bye.branch = "z9hG4bK4"
		r.mustGive(pbxOne, bye.String())
		r.pass(21 * time.Second)
		if res := r.next(pbxOne); res.Code != 430 {
			t.Error(res)
		}
	})
}

// TestRegistrationAwaited: who is not registered yet may be waited for, on its very flow.
func TestRegistrationAwaited(t *testing.T) {
	inRig(t, nil, func(t *testing.T, r *rig) {
		wait := func(aor string, stop <-chan struct{}) <-chan bool {
			c := make(chan bool, 1)
			go func() { c <- r.e.Registers(phoneTCP, aor, stop, 3*time.Second) }()
			synctest.Wait()
			return c
		}
		stop := make(chan struct{})
		comes, other, stopped := wait("1001@pbx.test", nil), wait("1002@pbx.test", nil), wait("1001@pbx.test", stop)
		close(stop)
		if <-stopped {
			t.Error("a wait that is stopped says yes")
		}
		r.register(phoneUDP, "1001")
		r.pass(time.Second)
		r.register(phoneTCP, "1001")
		if !<-comes || len(other) != 0 {
			t.Error("it came and is not seen, or another for it")
		}
		r.pass(3 * time.Second)
		if <-other {
			t.Error("nobody came")
		}
		if now := time.Now(); !<-wait("1001@pbx.test", nil) || time.Since(now) > 0 {
			t.Error("who is there is waited for")
		}
		if len(r.e.bindings.awaited) != 0 {
			t.Errorf("%d are still awaited", len(r.e.bindings.awaited))
		}
	})
}

// TestRegistrations: who is behind a flow, from the 200 to the end by time, by leaving or
// with the connection.
func TestRegistrations(t *testing.T) {
	inRig(t, nil, func(t *testing.T, r *rig) {
		known := func(want bool) {
			t.Helper()
			if got := r.e.Registered(phoneUDP, "1001@pbx.test"); got != want {
				t.Errorf("known: %v", got)
			}
		}
		known(false)
		r.register(phoneUDP, "1001")
		known(true)
		elsewhere := phoneUDP
		elsewhere.Remote = addr("203.0.113.7:31002")
		if r.e.Registered(elsewhere, "1001@pbx.test") || r.e.Registered(phoneUDP, "1002@pbx.test") {
			t.Error("another flow or another name is known")
		}
		r.pass(601 * time.Second)
		known(false)
		r.register(phoneUDP, "1001")
		contact := "Contact: <sip:1001@" + phoneUDP.Remote.String() + ">"
		leave := req{method: "REGISTER", uri: "sip:pbx.test", branch: "z9hG4bKl", from: "<sip:1001@pbx.test>;tag=r", to: "<sip:1001@pbx.test>", lines: []string{contact + ";expires=0"}}
		r.mustGive(phoneUDP, leave.String())
		r.mustGive(pbxOne, answerTo(r.next(pbxOne), 401))
		r.drain()
		known(true)
		leave.branch = "z9hG4bKm"
		r.mustGive(phoneUDP, leave.String())
		r.mustGive(pbxOne, answerTo(r.next(pbxOne), 200))
		r.drain()
		known(false)
		r.register(phoneTCP, "1001")
		if !r.e.Registered(phoneTCP, "1001@pbx.test") {
			t.Error("not known over TCP")
		}
		r.e.FlowClosed(phoneTCP)
		if r.e.Registered(phoneTCP, "1001@pbx.test") || r.e.bindings.count() != 0 {
			t.Error("known without its connection")
		}
		if phoneTCP.Transport != subscription.TCP {
			t.Fatal()
		}
	})
}

// TestPhoneIsBackMeanwhile: a phone that registers between the look for its flow and the
// beginning of the wait for it is not waited for.
func TestPhoneIsBackMeanwhile(t *testing.T) {
	inRig(t, nil, func(t *testing.T, r *rig) {
		path := r.register(phoneTCP, "1001")
		r.mustGive(pbxOne, req{method: "INVITE", uri: "sip:1001@203.0.113.7", lines: []string{"Route: " + path}}.String())
		r.to(pbxOne)
		inv := r.next(phoneTCP)
		r.mustGive(phoneTCP, answerTo(inv, 200))
		r.drain()
		rr := inv.All("Record-Route")
		r.e.FlowClosed(phoneTCP)
		r.gone[phoneTCP] = true
		again := phoneTCP
		again.Remote = addr("203.0.113.7:31005")
		r.wrote = func(notifier.Flow) { // the 100, before it waits
			r.wrote = nil
			r.drain()
			r.register(again, "1001")
		}
		r.mustGive(pbxOne, req{method: "INVITE", uri: "sip:1001@203.0.113.7", branch: "z9hG4bK2", to: "<sip:1001@pbx.test>;tag=b", lines: []string{"Route: " + rr[1] + ", " + rr[0]}}.String())
		if m := r.next(again); m.Method != "INVITE" {
			t.Error(m)
		}
		r.mustGive(again, answerTo(inv, 100))
	})
}

// TestWaitsForPBX: what waits for the connection to a PBX goes when that is there, however
// long it took, unless its sender has given up or another PBX was asked meanwhile.
func TestWaitsForPBX(t *testing.T) {
	for name, both := range map[string]bool{"one PBX": false, "two": true} {
		t.Run(name, func(t *testing.T) {
			stream := notifier.Flow{Transport: pbxTCP.Transport, Local: outside, Remote: pbxOne.Remote}
			inRig(t, func(c *Config) {
				c.PBX[0].Transport = stream.Transport
				if !both {
					c.PBX = c.PBX[:1]
				}
				c.Network.(*wire).opening[stream] = true
			}, func(t *testing.T, r *rig) {
				r.mustGive(phoneTCP, req{method: "MESSAGE"}.String())
				r.pass(20 * time.Second)
				if n := len(r.to(pbxTwo)); both != (n > 0) {
					t.Errorf("the second PBX got %d", n)
				}
				r.mustGive(phoneTCP, req{method: "BYE", branch: "z9hG4bK2", to: "<sip:1002@pbx.test>;tag=b"}.String())
				r.pass(10 * time.Second)
				delete(r.opening, stream)
				r.e.FlowUp(stream)
				var got []string
				for _, m := range r.to(stream) {
					got = append(got, m.Method)
				}
				want := "OPTIONS MESSAGE BYE"
				if both {
					want = "OPTIONS BYE"
				}
				if g := strings.Join(got, " "); g != want {
					t.Errorf("sent %q, want %q", g, want)
				}
			})
		})
	}
}
