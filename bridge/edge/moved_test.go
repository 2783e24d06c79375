package edge

import (
	"fmt"
	"testing"
	"time"
)

// TestMappingDies: what a call's PBX sends goes to where the phone has registered since its
// NAT's mapping died, over UDP too, and its own requests from there go on; another phone of
// the same address of record is left in peace.
func TestMappingDies(t *testing.T) {
	for name, contact := range map[string]string{
		"the same Contact": "<sip:1001@192.168.1.5:5060>", "another Contact": "<sip:1001@203.0.113.7:31777>",
		"an instance": `<sip:x@203.0.113.7:31777>;+sip.instance="<urn:uuid:1>"`,
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, nil, func(t *testing.T, r *rig) {
				n := 0
				again := func(f string, contact string) (path string) {
					t.Helper()
					n++
					flow := phoneUDP
					flow.Remote = addr(f)
					r.mustGive(flow, req{
						method: "REGISTER", uri: "sip:pbx.test", branch: fmt.Sprint("z9hG4bKr", n), from: "<sip:1001@pbx.test>;tag=r", to: "<sip:1001@pbx.test>",
						lines: []string{"Contact: " + contact, "Expires: 600"},
					}.String())
					m := r.next(pbxOne)
					r.mustGive(pbxOne, answerTo(m, 200, "Contact: "+contact))
					r.drain()
					return m.Get("Path")
				}
				first := "<sip:1001@192.168.1.5:5060>"
				if name == "an instance" {
					first = `<sip:y@192.168.1.5>;+sip.instance="<urn:uuid:1>"`
				}
				path := again("203.0.113.7:31000", first)
				r.mustGive(pbxOne, req{method: "INVITE", uri: "sip:1001@192.168.1.5:5060", lines: []string{"Route: " + path}}.String())
				r.to(pbxOne)
				inv := r.next(phoneUDP)
				r.mustGive(phoneUDP, answerTo(inv, 200))
				r.drain()
				rr := inv.All("Record-Route")

				r.pass(time.Minute)
				again("203.0.113.7:31777", contact)
				again("203.0.113.99:5060", `<sip:z@203.0.113.99>;+sip.instance="<urn:uuid:2>"`)
				moved := phoneUDP
				moved.Remote = addr("203.0.113.7:31777")
				r.mustGive(pbxOne, req{method: "INFO", uri: "sip:1001@192.168.1.5:5060", branch: "z9hG4bKi", to: "<sip:1002@pbx.test>;tag=b", lines: []string{"Route: " + rr[1] + ", " + rr[0]}}.String())
				m := r.next(moved)
				if m.Method != "INFO" {
					t.Error(m)
				}
				r.mustGive(moved, answerTo(m, 200))
				r.next(pbxOne)
				r.mustGive(moved, req{method: "BYE", uri: "sip:1002@127.0.0.11:5060", branch: "z9hG4bKb", from: "<sip:1002@pbx.test>;tag=b", to: "<sip:1001@pbx.test>;tag=a", lines: []string{"Route: " + rr[0] + ", " + rr[1]}}.String())
				if m := r.next(pbxOne); m.Method != "BYE" {
					t.Error(m)
				}
			})
		})
	}
}
