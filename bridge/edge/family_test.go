package edge

import (
	"strings"
	"testing"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipua"
	"blfbridge/bridge/subscription"
)

// TestFamilies: between IPv6 and IPv4 there are two Record-Routes, each in its side's own
// terms (RFC 5658), brackets everywhere, and each side finds the other by them alone.
func TestFamilies(t *testing.T) {
	six := addr("[2001:db8::1]:5060")
	phone := notifier.Flow{Transport: subscription.UDP, Local: six, Remote: addr("[2001:db8::7]:31000")}
	change := func(c *Config) {
		w := c.Network.(*wire)
		w.listen = append(w.listen, sipua.Listen{Transport: subscription.UDP, Addr: six})
	}
	r := newRig(t, change)
	path := r.register(phone, "1001")
	if !strings.HasPrefix(path, "<sip:") || !strings.Contains(path, "@127.0.0.1:5060;lr") {
		t.Errorf("Path %s", path)
	}
	if !r.e.Registered(phone, "1001@pbx.test") {
		t.Error("not known")
	}
	r.mustGive(phone, req{method: "INVITE"}.String())
	r.to(phone)
	inv := r.next(pbxOne)
	rr := inv.All("Record-Route")
	if len(rr) != 2 || !strings.Contains(rr[0], "@127.0.0.1:5060;lr>") || !strings.Contains(rr[1], "@[2001:db8::1]:5060;lr>") {
		t.Fatalf("Record-Route %q", rr)
	}
	if via := inv.All("Via"); !strings.Contains(via[1], ";received=2001:db8::7") {
		t.Errorf("Via %q", via) // RFC 3261 §25.1: received has no brackets
	}
	r.mustGive(pbxOne, answerTo(inv, 200))
	if res := r.next(phone); res.Code != 200 {
		t.Error(res)
	}
	r = newRig(t, change)
	r.mustGive(phone, req{method: "BYE", uri: "sip:1002@127.0.0.11:5060", branch: "z9hG4bK2", to: "<sip:1002@pbx.test>;tag=b", lines: []string{"Route: " + rr[1] + ", " + rr[0]}}.String())
	r.next(pbxOne)
	r.mustGive(pbxOne, req{
		method: "BYE", uri: "sip:1001@[2001:db8::7]:31000", branch: "z9hG4bK3", from: "<sip:1002@pbx.test>;tag=b", to: "<sip:1001@pbx.test>;tag=a",
		lines: []string{"Route: " + rr[0] + ", " + rr[1]},
	}.String())
	if m := r.next(phone); m.URI != "sip:1001@[2001:db8::7]:31000" || !strings.HasPrefix(m.Get("Via"), "SIP/2.0/UDP [2001:db8::1]:5060;") {
		t.Error(m)
	}
}
