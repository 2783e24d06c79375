package edge

import (
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipua"
	"blfbridge/bridge/subscription"
)

var (
	pbxTLS   = notifier.Flow{Transport: subscription.TLS, Local: addr("198.51.100.1:5061"), Remote: addr("127.0.0.12:5061")}
	phoneTLS = notifier.Flow{Transport: subscription.TLS, Local: addr("198.51.100.1:5061"), Remote: addr("203.0.113.7:31002")}
	phoneWSS = notifier.Flow{Transport: subscription.WSS, Local: addr("198.51.100.1:443"), Remote: addr("203.0.113.7:31003")}
)

// newSecureRig has one PBX by UDP and, if both is set, a second by TLS.
func newSecureRig(t *testing.T, both bool) *rig {
	r := newRig(t, func(c *Config) {
		n := c.Network.(*wire)
		n.listen = append(n.listen, sipua.Listen{Transport: subscription.TLS, Addr: phoneTLS.Local}, sipua.Listen{Transport: subscription.WSS, Addr: phoneWSS.Local})
		c.PBX = c.PBX[:1]
		if both {
			c.PBX = append(c.PBX, PBX{Name: "two", Transport: subscription.TLS, Host: "127.0.0.12", Port: 5061})
		}
	})
	return r
}

// TestSIPSRefused: RFC 5630 §5.3: a request to a SIPS URI, or by way of one, goes on by TLS or
// not at all.
func TestSIPSRefused(t *testing.T) {
	r := newSecureRig(t, false)
	for _, q := range []req{
		{method: "INVITE", uri: "sips:1002@pbx.test"}, {method: "REGISTER", uri: "SIPS:pbx.test"},
		{method: "MESSAGE", uri: "sips:1002@pbx.test", lines: []string{"Route: <sips:198.51.100.1:5061;lr>"}},
		{method: "MESSAGE", lines: []string{"Route: <sip:198.51.100.1:5061;transport=tls;lr>, <sips:next.test;lr>"}},
		{method: "BYE", uri: "sips:1002@127.0.0.11", to: "<sip:1002@pbx.test>;tag=b"},
	} {
		r.mustGive(phoneTLS, q.String())
		res := r.next(phoneTLS)
		if res.Code != 480 || !strings.HasPrefix(res.Get("Warning"), "380 ") {
			t.Errorf("%v got %s", q, res)
		}
	}
	r.mustGive(phoneTLS, req{method: "ACK", uri: "sips:1002@pbx.test", to: "<sip:1002@pbx.test>;tag=b"}.String())
	r.nothing()
	// A SIP URI by TLS is no SIPS URI.
	r.mustGive(phoneTLS, req{method: "MESSAGE", uri: "sip:1002@pbx.test;transport=tls"}.String())
	r.next(pbxOne)
	// To a phone by UDP neither.
	path := r.register(phoneUDP, "1001")
	r.mustGive(pbxOne, req{method: "INVITE", uri: "sips:1001@203.0.113.7", lines: []string{"Route: " + path}}.String())
	if res := r.next(pbxOne); res.Code != 480 {
		t.Error(res)
	}
}

// TestSIPSRelayed: RFC 3261 §16.6 step 4: the dialog of a SIPS URI has SIPS URIs in its
// Record-Route, on each side that TLS reaches, and goes on by them.
func TestSIPSRelayed(t *testing.T) {
	for _, phone := range []notifier.Flow{phoneTLS, phoneWSS} {
		r := newSecureRig(t, true)
		r.mustGive(phone, req{method: "INVITE", uri: "sips:1002@pbx.test"}.String())
		r.to(phone)
		inv := r.next(pbxTLS) // not the first, which has no TLS
		rr := inv.All("Record-Route")
		last := rr[len(rr)-1]
		end := "@198.51.100.1:5061;lr>"
		if phone == phoneWSS {
			end = "@198.51.100.1:443;transport=ws;lr>"
		}
		if len(rr) > 2 || !strings.HasPrefix(rr[0], "<sips:") || !strings.HasSuffix(rr[0], "@198.51.100.1:5061;lr>") || !strings.HasPrefix(last, "<sips:") || !strings.HasSuffix(last, end) {
			t.Fatalf("Record-Route %q", rr)
		}
		r.mustGive(pbxTLS, answerTo(inv, 200))
		r.next(phone)
		routes := strings.Join(rr, ", ")
		r.mustGive(pbxTLS, req{method: "BYE", uri: "sips:1001@192.168.1.5", from: "<sip:1002@pbx.test>;tag=b", to: "<sip:1001@pbx.test>;tag=a", branch: "z9hG4bK2", lines: []string{"Route: " + routes}}.String())
		if m := r.next(phone); m.Method != "BYE" || m.Get("Route") != "" {
			t.Error(m)
		}
		if len(rr) == 2 {
			routes = rr[1] + ", " + rr[0]
		}
		r.mustGive(phone, req{method: "BYE", uri: "sips:1002@127.0.0.12", to: "<sip:1002@pbx.test>;tag=b", branch: "z9hG4bK3", lines: []string{"Route: " + routes}}.String())
		if m := r.next(pbxTLS); m.Method != "BYE" || m.Get("Route") != "" {
			t.Error(m)
		}
	}
	// From a side without TLS: its Record-Route leads back as it came (it resolves to us by
	// nothing else).
	r := newSecureRig(t, false)
	path := r.register(phoneTLS, "1001")
	r.mustGive(pbxOne, req{method: "INVITE", uri: "sips:1001@203.0.113.7:31002", lines: []string{"Route: " + path}}.String())
	r.to(pbxOne)
	rr := r.next(phoneTLS).All("Record-Route")
	if len(rr) != 2 || !strings.HasPrefix(rr[0], "<sips:") || !strings.HasPrefix(rr[1], "<sip:") || !strings.HasSuffix(rr[1], "@127.0.0.1:5060;lr>") {
		t.Errorf("Record-Route %q", rr)
	}
}

// TestSIPSWaits: what waits for a phone's connection goes on by TLS only.
func TestSIPSWaits(t *testing.T) {
	inRig(t, nil, func(t *testing.T, r *rig) {
		path := r.register(phoneTLS, "1001")
		r.mustGive(pbxOne, req{method: "INVITE", uri: "sips:1001@203.0.113.7:31002", lines: []string{"Route: " + path}}.String())
		r.to(pbxOne)
		inv := r.next(phoneTLS)
		r.mustGive(phoneTLS, answerTo(inv, 200))
		r.drain()
		rr := inv.All("Record-Route")
		bye := req{method: "BYE", uri: "sips:1001@203.0.113.7:31002", branch: "z9hG4bK2", to: "<sip:1002@pbx.test>;tag=b", lines: []string{"Route: " + rr[1] + ", " + rr[0]}}
		r.e.FlowClosed(phoneTLS)
		r.gone[phoneTLS] = true
		r.mustGive(pbxOne, bye.String())
		r.pass(time.Second)
		r.register(phoneUDP, "1001")
		r.nothing()
		r.pass(time.Second)
		r.e.FlowClosed(phoneUDP)
		r.mustGive(phoneWSS, req{
			method: "REGISTER", uri: "sip:pbx.test", branch: "z9hG4bKback", from: "<sip:1001@pbx.test>;tag=r", to: "<sip:1001@pbx.test>",
			lines: []string{"Contact: <sip:1001@203.0.113.7:31003>", "Expires: 600"},
		}.String())
		r.mustGive(pbxOne, answerTo(r.next(pbxOne), 200, "Contact: <sip:1001@203.0.113.7:31003>;expires=600"))
		if m := r.to(phoneWSS); len(m) != 2 || m[1].Method != "BYE" {
			t.Error(r.all())
		}
	})
}
