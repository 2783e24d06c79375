package main

import (
	"strings"
	"testing"
)

func TestReadSubscribe(t *testing.T) {
	const text = `
    SUBSCRIBE sip:192.0.2.10:5060 SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bK1
    From: "Ann" <sip:201@shop.example>;tag=1
    To: <sip:13106341777@shop.example>
    Call-ID: 1
    CSeq: 1 SUBSCRIBE
    Contact: <sip:201@192.0.2.77:5060>
    User-Agent: Yealink SIP-T46S 66.85.0.5
    Event: dialog
    Accept: application/dialog-info+xml
    Expires: 1800
`
	s, err := readSubscribe([]byte(text))
	if err != nil || s.watcher != "sip:201@shop.example" || s.target != "sip:13106341777@shop.example" || !strings.Contains(strings.Join(s.notes, "\n"), "yealink") {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"", "INVITE sip:1@a SIP/2.0\nFrom: <sip:1@a>;tag=1", "nonsense"} {
		if _, err := readSubscribe([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	s, err = readSubscribe([]byte(strings.Replace(text, "Event: dialog", "Event: message-summary", 1)))
	if err != nil || !strings.Contains(strings.Join(s.notes, "\n"), "489") {
		t.Errorf("%+v, %v", s, err)
	}
}
