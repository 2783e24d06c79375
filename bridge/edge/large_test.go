package edge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// pbxTCP is the first PBX by TCP.
var pbxTCP = notifier.Flow{Transport: subscription.TCP, Local: outside, Remote: pbxOne.Remote}

func largeByTCP(c *Config) { c.PBX[0].LargeByTCP = true }

// big is a request that is too large for UDP.
func big(method, branch string, lines ...string) req {
	return req{method: method, branch: branch, lines: lines, body: strings.Repeat("a", maxOverUDP)}
}

// TestLargeByTCP: RFC 3261 §18.1.1: what is too large for UDP goes by TCP, with its CANCEL and
// the ACK of its refusal, when the connection is there; the dialog stays the PBX's over UDP.
func TestLargeByTCP(t *testing.T) {
	inRig(t, largeByTCP, func(t *testing.T, r *rig) {
		r.opening[pbxTCP] = true
		r.mustGive(phoneUDP, big("INVITE", "z9hG4bK1").String())
		r.to(phoneUDP)
		r.pass(300 * time.Millisecond)
		r.nothing()
		delete(r.opening, pbxTCP)
		r.e.FlowUp(pbxTCP)
		inv := r.next(pbxTCP)
		if via := inv.All("Via"); len(via) != 2 || !strings.HasPrefix(via[0], "SIP/2.0/TCP 198.51.100.1:5060;") {
			t.Errorf("Via %q", via)
		}
		if rr := inv.All("Record-Route"); len(rr) != 2 || !strings.Contains(rr[0], "@127.0.0.1:5060;lr>") || !strings.Contains(rr[1], "@198.51.100.1:5060;lr>") {
			t.Errorf("Record-Route %q", rr)
		}
		r.pass(3 * time.Second)
		r.nothing() // nothing is sent again over a connection
		r.mustGive(pbxTCP, answerTo(inv, 180))
		r.next(phoneUDP)
		r.mustGive(phoneUDP, req{method: "CANCEL"}.String())
		r.to(phoneUDP)
		if c := r.next(pbxTCP); c.Method != "CANCEL" || c.Get("Via") != inv.All("Via")[0] {
			t.Error(c)
		}
		r.mustGive(pbxTCP, answerTo(inv, 487))
		if c := r.to(pbxTCP); len(c) != 1 || c[0].Method != "ACK" {
			t.Error(r.all())
		}
		r.mustGive(phoneUDP, req{method: "ACK", to: "<sip:1002@pbx.test>;tag=b"}.String())
		r.drain()

		// A registration's Path is our UDP socket, too; what is not large goes by UDP, and so
		// does what goes to another PBX.
		r.mustGive(phoneTCP, big("REGISTER", "z9hG4bK2", "Contact: <sip:1001@192.168.1.5>").String())
		if m := r.next(pbxTCP); !strings.Contains(m.Get("Path"), "@127.0.0.1:5060;lr") {
			t.Error(m)
		}
		r.mustGive(phoneUDP, req{method: "MESSAGE", branch: "z9hG4bK3", body: strings.Repeat("a", 800)}.String())
		r.next(pbxOne)
		// The PBX's calls to a phone over UDP have no other way than its binding.
		path := r.register(phoneUDP, "1001")
		r.mustGive(pbxTCP, big("INVITE", "z9hG4bK4", "Route: "+path).String())
		r.to(pbxTCP)
		r.next(phoneUDP)
	})
}

// TestLargeRefused: where no connection is taken, or not at once, everything goes by UDP, and
// that is remembered: one attempt in five minutes, whatever comes.
func TestLargeRefused(t *testing.T) {
	for name, refuse := range map[string]func(r *rig){
		"refused": func(r *rig) { r.e.FlowFailed(pbxTCP) },
		"silent":  func(r *rig) { r.pass(700 * time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, largeByTCP, func(t *testing.T, r *rig) {
				r.opening[pbxTCP] = true
				one := func(n int, wait bool) {
					t.Helper()
					r.mustGive(phoneTCP, big("INVITE", fmt.Sprint("z9hG4bK", n)).String())
					r.to(phoneTCP)
					if wait {
						r.nothing()
						refuse(r)
					}
					inv := r.next(pbxOne)
					if via := inv.All("Via"); !strings.HasPrefix(via[0], "SIP/2.0/UDP 127.0.0.1:5060;") {
						t.Errorf("Via %q", via)
					}
					r.mustGive(pbxOne, answerTo(inv, 486))
					r.to(pbxOne)
					r.mustGive(phoneTCP, req{method: "ACK", branch: fmt.Sprint("z9hG4bK", n), to: "<sip:1002@pbx.test>;tag=b"}.String())
					r.drain()
				}
				one(1, true)
				one(2, false)
				if r.opened != 1 {
					t.Errorf("%d attempts", r.opened)
				}
				r.pass(refusedFor + time.Second)
				r.drain()
				one(3, true)
				if r.opened != 2 {
					t.Errorf("%d attempts", r.opened)
				}
			})
		})
	}
}

// TestLargeFailsOver: the next PBX gets it by its own transport, and who was waited for is
// forgotten.
func TestLargeFailsOver(t *testing.T) {
	inRig(t, largeByTCP, func(t *testing.T, r *rig) {
		r.mustGive(phoneTCP, big("MESSAGE", "z9hG4bK1").String())
		first := r.next(pbxTCP)
		r.mustGive(pbxTCP, answerTo(first, 503))
		second := r.next(pbxTwo)
		if via := second.All("Via"); len(via) != 2 || !strings.HasPrefix(via[0], "SIP/2.0/UDP 127.0.0.1:5060;") {
			t.Errorf("Via %q", via)
		}
		r.mustGive(pbxTwo, answerTo(second, 200))
		r.next(phoneTCP)
		if n := r.e.transactions(); n != 0 {
			t.Errorf("%d transactions stay", n)
		}
	})
}
