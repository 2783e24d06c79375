package sipua

import (
	"context"
	"strings"
	"testing"
	"time"

	"blfbridge/policy"
)

// codes does what phones dial by doing nothing.
type codes struct{}

func (codes) LogIn(context.Context, policy.PhoneRef, string) error { return nil }
func (codes) LogOut(context.Context, policy.PhoneRef) error        { return nil }

// calling is a phone and its call to the logout code, answered with ok.
type calling struct {
	*udpPhone
	ok response
}

func dialCode(t *testing.T) *calling {
	t.Helper()
	snap := compile(t, policy.Document{Tenants: []policy.Tenant{{
		Name: "default", LoginCode: "*56", LogoutCode: "*57", Lines: []policy.DirectoryNumber{{Number: "1002"}},
		Phones: []policy.Phone{{Name: "P", Lines: []string{"1002"}, ExtensionMobility: true}},
	}}})
	r := newRig(t, func(c *Config) { c.Policy, c.Features = func() *policy.Snapshot { return snap }, codes{} })
	c := &calling{udpPhone: r.udpPhone()}
	c.send(c.request("INVITE", "sip:*57@127.0.0.1", "", 1).String())
	if c.ok = c.read(); c.ok.code != 200 || c.ok.get("Allow") != allowedCall {
		t.Fatal(c.ok.raw)
	}
	return c
}

func (c *calling) request(method, uri, to string, cseq int) *request {
	q := subscribeTo(uri, c.addr()).with("Event", "").with("Expires", "").with("From", "<sip:1002@127.0.0.1>;tag=ft")
	if q.method, q.callID, q.cseq = method, "call", cseq; to != "" {
		q.with("To", to)
	}
	return q
}

// inDialog sends a request of the call.
func (c *calling) inDialog(method string, cseq int) {
	c.t.Helper()
	uri := strings.Trim(c.ok.get("Contact"), "<>")
	c.send(c.request(method, uri, c.ok.get("To"), cseq).String())
}

// until reads until what begins so, past repeated answers to the INVITE.
func (c *calling) until(prefix, cseq string) {
	c.t.Helper()
	for {
		res := c.read()
		if strings.HasPrefix(res.raw, prefix) && res.get("CSeq") == cseq {
			return
		}
		if res.raw != c.ok.raw {
			c.t.Fatalf("want %s with CSeq %s, got\n%s", prefix, cseq, res.raw)
		}
	}
}

// over expects that nothing is sent again.
func (c *calling) over() {
	c.t.Helper()
	if msg, more := c.tryRead(1200 * time.Millisecond); more {
		c.t.Errorf("sent although the call is over:\n%s", msg)
	}
}

// TestAnswerIsRepeated: the 200 comes again until its ACK (RFC 3261 §13.3.1.4), and then
// the BYE until it is answered, here by a phone whose own BYE crosses it.
func TestAnswerIsRepeated(t *testing.T) {
	c := dialCode(t)
	for range 2 {
		if again := c.read(); again.raw != c.ok.raw {
			t.Fatalf("got\n%s, want again\n%s", again.raw, c.ok.raw)
		}
	}
	c.inDialog("ACK", 1)
	c.until("BYE ", "1 BYE")
	if again := c.read(); !strings.HasPrefix(again.raw, "BYE ") {
		t.Fatal(again.raw)
	}
	c.inDialog("BYE", 2)
	for {
		if res := c.read(); res.code == 200 && res.get("CSeq") == "2 BYE" {
			break
		} else if !strings.HasPrefix(res.raw, "BYE ") {
			t.Fatal(res.raw)
		}
	}
	c.over()
}

// TestPhoneHangsUpFirst: a phone that is quicker than our BYE gets none, and no 200 again.
func TestPhoneHangsUpFirst(t *testing.T) {
	c := dialCode(t)
	c.inDialog("BYE", 2)
	c.until("SIP/2.0 200", "2 BYE")
	c.over()
}
