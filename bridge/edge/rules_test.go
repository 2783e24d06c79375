package edge

import (
	"strings"
	"testing"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/siptest"
)

// TestCallOut follows a call of a phone behind a NAT: what the PBX sees, what the phone
// sees, and that each finds the other by the route set alone.
func TestCallOut(t *testing.T) {
	r := newRig(t, nil)
	r.mustGive(phoneUDP, req{method: "INVITE"}.String())
	if trying := r.to(phoneUDP); len(trying) != 1 || trying[0].Code != 100 {
		t.Fatal("no 100:", trying)
	}
	inv := r.next(pbxOne)
	vias := inv.All("Via")
	if len(vias) != 2 || !strings.HasPrefix(vias[0], "SIP/2.0/UDP 127.0.0.1:5060;") || !strings.Contains(vias[1], ";received=203.0.113.7") || !strings.Contains(vias[1], ";rport=31000") {
		t.Errorf("Via %q", vias)
	}
	if inv.Get("Max-Forwards") != "69" {
		t.Errorf("Max-Forwards %s", inv.Get("Max-Forwards"))
	}
	// RFC 5658: two, the PBX's side on top.
	rr := inv.All("Record-Route")
	if len(rr) != 2 || !strings.Contains(rr[0], "@127.0.0.1:5060;lr>") || !strings.Contains(rr[1], "@198.51.100.1:5060;lr>") {
		t.Fatalf("Record-Route %q", rr)
	}
	// A retransmission gets the 100 again and goes no further.
	r.mustGive(phoneUDP, req{method: "INVITE"}.String())
	if res := r.next(phoneUDP); res.Code != 100 {
		t.Error(res)
	}
	r.mustGive(pbxOne, answerTo(inv, 180))
	if res := r.next(phoneUDP); res.Code != 180 || len(res.All("Via")) != 1 {
		t.Error(res)
	}
	r.mustGive(pbxOne, answerTo(inv, 200))
	ok := r.next(phoneUDP)
	if ok.Code != 200 || r.e.transactions() != 0 {
		t.Error(ok, r.e.transactions())
	}
	// Another process, which knows nothing but the key, goes on.
	r = newRig(t, nil)
	fromPhone := []string{"Route: " + rr[1] + ", " + rr[0]}
	fromPBX := []string{"Route: " + rr[0], "Route: " + rr[1]}
	contact := "sip:1002@127.0.0.11:5060"
	r.mustGive(phoneUDP, req{method: "ACK", uri: contact, branch: "z9hG4bK2", to: "<sip:1002@pbx.test>;tag=b", lines: fromPhone}.String())
	if m := r.next(pbxOne); m.Method != "ACK" || m.URI != contact || m.Get("Route") != "" {
		t.Error(m)
	}
	r.mustGive(phoneUDP, req{method: "BYE", uri: contact, branch: "z9hG4bK3", to: "<sip:1002@pbx.test>;tag=b", lines: fromPhone}.String())
	bye := r.next(pbxOne)
	if r.e.transactions() != 0 || bye.Get("Record-Route") != "" {
		t.Error("a BYE from UDP to UDP needs no state", bye)
	}
	r.mustGive(pbxOne, answerTo(bye, 200))
	if res := r.next(phoneUDP); res.Code != 200 {
		t.Error(res)
	}
	r.mustGive(pbxOne, req{method: "BYE", uri: "sip:1001@192.168.1.5:5060", branch: "z9hG4bK4", from: "<sip:1002@pbx.test>;tag=b", to: "<sip:1001@pbx.test>;tag=a", lines: fromPBX}.String())
	if m := r.next(phoneUDP); m.Method != "BYE" || m.URI != "sip:1001@192.168.1.5:5060" || m.Get("Route") != "" || !strings.HasPrefix(m.Get("Via"), "SIP/2.0/UDP 198.51.100.1:5060;") {
		t.Error(m)
	}
}

// TestCallIn: a call of the PBX finds the phone by the Path of its registration, over UDP
// and over its very connection.
func TestCallIn(t *testing.T) {
	for _, f := range []notifier.Flow{phoneUDP, phoneTCP} {
		r := newRig(t, nil)
		path := r.register(f, "1001")
		uri := "sip:1001@" + f.Remote.String()
		r.mustGive(pbxOne, req{method: "INVITE", uri: uri, branch: "z9hG4bK5", lines: []string{"Route: " + path}}.String())
		r.to(pbxOne) // 100
		inv := r.next(f)
		if inv.URI != uri || inv.Get("Route") != "" || len(inv.All("Record-Route")) != 2 {
			t.Error(inv)
		}
		if f == phoneTCP && !strings.Contains(inv.All("Record-Route")[0], ";transport=tcp;lr") {
			t.Error(inv.All("Record-Route"))
		}
		if f != phoneTCP {
			continue
		}
		// Its connection ends; another that has its address is another phone's.
		r.e.FlowClosed(f)
		r.mustGive(f, req{method: "OPTIONS", branch: "z9hG4bK6"}.String())
		r.drain()
		r.mustGive(pbxOne, req{method: "INVITE", uri: uri, branch: "z9hG4bK7", lines: []string{"Route: " + path}}.String())
		if res := r.next(pbxOne); res.Code != 430 {
			t.Error(res)
		}
	}
}

// TestNoOpenProxy: whatever a stranger writes, it reaches a configured PBX or nobody.
func TestNoOpenProxy(t *testing.T) {
	r := newRig(t, nil)
	path := r.register(phoneUDP, "1001")
	forged := []byte(path)
	forged[20] ^= 1
	foreign := newRig(t, func(c *Config) { c.Key = []byte(strings.Repeat("x", 32)) }).register(phoneUDP, "1001")
	for _, q := range []req{
		{uri: "sip:victim@192.0.2.200"}, {uri: "sip:192.0.2.200:5080;transport=udp"}, {lines: []string{"Route: <sip:192.0.2.200;lr>"}},
		{lines: []string{"Route: <sip:198.51.100.1;lr>, <sip:192.0.2.200;lr>"}}, {lines: []string{"Route: " + string(forged)}},
		{lines: []string{"Route: " + foreign}}, {to: "<sip:x@192.0.2.200>;tag=z", uri: "sip:x@192.0.2.200"},
		{uri: "sip:1001@203.0.113.7:31000"}, {uri: "tel:+4930123456"}, {uri: "sips:victim@192.0.2.200"}, {uri: "urn:service:sos"},
	} {
		for _, q.method = range []string{"INVITE", "MESSAGE", "BYE", "ACK", "REFER", "CANCEL", "OPTIONS", "FOO"} {
			r.drain()
			r.give(stranger, q.String())
			for _, s := range r.sent {
				if s.flow != pbxOne && s.flow != stranger {
					t.Errorf("%v sent to %v", q, s.flow)
				}
			}
		}
	}
	// Responses without a genuine branch go nowhere.
	r.drain()
	r.mustGive(phoneUDP, req{method: "MESSAGE"}.String())
	m := r.next(pbxOne)
	res := answerTo(m, 200)
	for _, bad := range []string{
		strings.Replace(res, "branch=z9hG4bK1", "branch=z9hG4bK2", 1),
		strings.Replace(res, "Call-ID: c1", "Call-ID: c2", 1),
		strings.Replace(res, branchPrefix, branchPrefix+"A", 1),
	} {
		r.give(pbxOne, bad)
		r.nothing()
	}
}

// TestRefusals is RFC 3261 §16.3.
func TestRefusals(t *testing.T) {
	r := newRig(t, nil)
	r.mustGive(phoneUDP, strings.Replace(req{method: "INVITE"}.String(), "Max-Forwards: 70", "Max-Forwards: 0", 1))
	if res := r.next(phoneUDP); res.Code != 483 {
		t.Error(res)
	}
	r.mustGive(phoneUDP, req{method: "INVITE", lines: []string{"Proxy-Require: sec-agree"}}.String())
	if res := r.next(phoneUDP); res.Code != 420 || res.Get("Unsupported") != "sec-agree" {
		t.Error(res)
	}
	// A loop: the PBX sends it back as it was.
	r.mustGive(phoneUDP, req{method: "MESSAGE"}.String())
	m := r.next(pbxOne)
	r.mustGive(stranger, m.String())
	if res := r.next(stranger); res.Code != 482 {
		t.Error(res)
	}
	// A spiral: to somebody else.
	path := r.register(phoneTCP, "1003")
	m.Headers = append(m.Headers, siptest.Header{Name: "Route", Value: path})
	m.URI, m.Raw = "sip:1003@203.0.113.7", nil
	r.mustGive(pbxOne, m.String())
	if got := r.next(phoneTCP); got.Method != "MESSAGE" || len(got.All("Via")) != 3 {
		t.Error(got)
	}
	r.full = true
	r.mustGive(phoneUDP, req{method: "INVITE", branch: "z9hG4bK8"}.String())
	if res := r.next(phoneUDP); res.Code != 503 || res.Get("Retry-After") == "" {
		t.Error(res)
	}
	r.mustGive(pbxOne, req{method: "OPTIONS", branch: "z9hG4bK9", uri: "sip:1003@203.0.113.7", lines: []string{"Route: " + path}}.String())
	r.next(phoneTCP) // a PBX has no rate
}

// TestOwn: subscriptions of the table, and pings of the proxy itself, are the server's.
func TestOwn(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct {
		q     req
		f     notifier.Flow
		taken bool
	}{
		{req{method: "SUBSCRIBE", lines: []string{"Event: dialog"}}, phoneUDP, false},
		{req{method: "SUBSCRIBE", lines: []string{"o: Presence;id=4"}}, phoneUDP, false},
		{req{method: "SUBSCRIBE", lines: []string{"Event: message-summary"}}, phoneUDP, true},
		{req{method: "SUBSCRIBE", lines: []string{"Event: dialog.winfo"}}, phoneUDP, true},
		{req{method: "SUBSCRIBE"}, phoneUDP, true},
		{req{method: "OPTIONS", uri: "sip:198.51.100.1:5060"}, phoneUDP, false},
		{req{method: "OPTIONS", uri: "sip:1001@198.51.100.1:5060"}, phoneUDP, true},
		{req{method: "OPTIONS", uri: "sip:edge@127.0.0.1:5060"}, pbxOne, false},
		{req{method: "INVITE", uri: "sip:*55@pbx.test"}, phoneUDP, false},
		{req{method: "ACK", uri: "sip:*55@pbx.test", to: "<sip:*55@pbx.test>;tag=q"}, phoneUDP, false},
		{req{method: "BYE", uri: "sip:198.51.100.1:5060", to: "<sip:*55@y>;tag=q"}, phoneUDP, false},
		{req{method: "BYE", uri: "sip:198.51.100.1:5070", to: "<sip:1002@y>;tag=q"}, phoneUDP, true},
		{req{method: "NOTIFY", uri: "sip:x@127.0.0.1:5060", to: "<sip:x@y>;tag=q"}, pbxTwo, false},
	} {
		if got := r.give(c.f, c.q.String()); got != c.taken {
			t.Errorf("%v from %v: taken %v", c.q, c.f, got)
		}
	}
}

// TestStrictRouters is RFC 3261 §16.4 and §16.6 step 6, as in §16.12.1.
func TestStrictRouters(t *testing.T) {
	r := newRig(t, nil)
	r.mustGive(phoneUDP, req{method: "INVITE"}.String())
	r.to(phoneUDP)
	rr := r.next(pbxOne).All("Record-Route")
	top := strings.Trim(rr[1], "<>")
	in := req{method: "BYE", branch: "z9hG4bK2", to: "<sip:1002@pbx.test>;tag=b"}
	in.uri, in.lines = top, []string{"Route: " + rr[0] + ", <sip:1002@127.0.0.11>"}
	r.mustGive(phoneUDP, in.String())
	if m := r.next(pbxOne); m.URI != "sip:1002@127.0.0.11" || m.Get("Route") != "" {
		t.Error("from a strict router:", m)
	}
	in.uri, in.lines, in.branch = "sip:1002@127.0.0.11", []string{"Route: " + rr[1] + ", " + rr[0] + ", <sip:strict.test>, <sip:last.test;lr>"}, "z9hG4bK3"
	r.mustGive(phoneUDP, in.String())
	if m := r.next(pbxOne); m.URI != "sip:strict.test" || strings.Join(m.All("Route"), "|") != "<sip:last.test;lr>|<sip:1002@127.0.0.11>" {
		t.Error("to a strict router:", m)
	}
}
