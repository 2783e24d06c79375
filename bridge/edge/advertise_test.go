package edge

import (
	"strings"
	"testing"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// TestAdvertised: one socket serves phones and PBXs that reach it by different addresses.
// Each side gets a Record-Route of its own, for calls of either, and goes on by it.
func TestAdvertised(t *testing.T) {
	phone := notifier.Flow{Transport: subscription.UDP, Local: inside, Remote: addr("203.0.113.7:31000")}
	r := newRig(t, func(c *Config) {
		c.Network.(*wire).public = "pbx.example.com:5060"
		c.Advertise = "10.0.0.1"
	})
	path := r.register(phone, "1001")
	if !strings.Contains(path, "@10.0.0.1:5060;lr") {
		t.Errorf("Path %s", path)
	}
	const forPBX, forPhone = "@10.0.0.1:5060;lr>", "@pbx.example.com:5060;lr>"
	r.mustGive(phone, req{method: "INVITE"}.String())
	r.to(phone)
	rr := r.next(pbxOne).All("Record-Route")
	if len(rr) != 2 || !strings.Contains(rr[0], forPBX) || !strings.Contains(rr[1], forPhone) {
		t.Fatalf("out: Record-Route %q", rr)
	}
	r.mustGive(phone, req{method: "ACK", uri: "sip:1002@127.0.0.11:5060", branch: "z9hG4bK4", to: "<sip:1002@pbx.test>;tag=b", lines: []string{"Route: " + rr[1] + ", " + rr[0]}}.String())
	if m := r.next(pbxOne); m.Get("Route") != "" {
		t.Error(m)
	}
	r.mustGive(pbxOne, req{method: "INVITE", uri: "sip:1001@203.0.113.7:31000", branch: "z9hG4bK2", lines: []string{"Route: " + path}}.String())
	r.to(pbxOne)
	rr = r.next(phone).All("Record-Route")
	if len(rr) != 2 || !strings.Contains(rr[0], forPhone) || !strings.Contains(rr[1], forPBX) {
		t.Fatalf("in: Record-Route %q", rr)
	}
	r.mustGive(pbxOne, req{method: "BYE", uri: "sip:1001@203.0.113.7:31000", branch: "z9hG4bK3", to: "<sip:1001@pbx.test>;tag=b", lines: []string{"Route: " + rr[1] + ", " + rr[0]}}.String())
	if m := r.next(phone); m.Get("Route") != "" || m.URI != "sip:1001@203.0.113.7:31000" {
		t.Error(m)
	}
}
