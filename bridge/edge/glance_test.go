package edge

import (
	"strings"
	"testing"

	"blfbridge/bridge/sipua"
)

// TestGlance: what is left to the server at a glance is left to it by reading, too; a plain
// SUBSCRIBE is, and whatever could be meant otherwise is read.
func TestGlance(t *testing.T) {
	r := newRig(t, nil)
	path := strings.Trim(r.register(phoneUDP, "1001"), "<>")
	for name, c := range map[string]struct {
		q     req
		plain bool
		ours  bool
	}{
		"dialog":             {req{method: "SUBSCRIBE", lines: []string{"Event: dialog"}}, true, true},
		"a parameter":        {req{method: "SUBSCRIBE", lines: []string{"EVENT : presence;id=1", "Require: eventlist"}}, true, true},
		"not ours":           {req{method: "SUBSCRIBE", lines: []string{"Event: message-summary"}}, false, false},
		"none":               {req{method: "SUBSCRIBE"}, false, false},
		"compact":            {req{method: "SUBSCRIBE", lines: []string{"o: dialog"}}, false, true},
		"two of them":        {req{method: "SUBSCRIBE", lines: []string{"Event: dialog", "Event: message-summary"}}, false, true},
		"folded":             {req{method: "SUBSCRIBE", lines: []string{"Event:\r\n dialog"}}, false, true},
		"in the body":        {req{method: "SUBSCRIBE", lines: []string{"Event: message-summary"}, body: "\r\nEvent: dialog\r\n\r\n"}, false, false},
		"by a Route":         {req{method: "SUBSCRIBE", lines: []string{"Event: dialog", "route: <" + path + ">"}}, false, false},
		"by another Route":   {req{method: "SUBSCRIBE", lines: []string{"Route: <sip:198.51.100.1;lr>", "Event: dialog"}}, false, true},
		"to a strict router": {req{method: "SUBSCRIBE", uri: path, lines: []string{"Event: dialog"}}, false, false},
		"another method":     {req{method: "PUBLISH", lines: []string{"Event: presence"}}, false, false},
	} {
		msg := c.q.String()
		if got := plainlyOurs([]byte(msg)); got != c.plain {
			t.Errorf("%s: plain %v", name, got)
		}
		if taken := r.e.read(sipua.Packet{Msg: []byte(msg), Flow: phoneUDP}); taken == c.ours {
			t.Errorf("%s: taken %v", name, taken)
		}
		r.drain()
	}
}
