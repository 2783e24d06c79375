package sipua

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"
)

// TestSTUN: the XOR-MAPPED-ADDRESS of RFC 5769 §2.2 and §2.3, and an answer on the wire.
func TestSTUN(t *testing.T) {
	request, _ := hex.DecodeString("000100002112a442b7e7a701bc34d686fa87dfae")
	for from, want := range map[string]string{
		"192.0.2.1:32853": "0101000c2112a442b7e7a701bc34d686fa87dfae" + "002000080001a147e112a643",
		"[2001:db8:1234:5678:11:2233:4455:6677]:32853": "010100182112a442b7e7a701bc34d686fa87dfae" +
			"002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9",
	} {
		if got := hex.EncodeToString(appendSTUN(nil, request, netip.MustParseAddrPort(from))); got != want {
			t.Errorf("%s: %s, want %s", from, got, want)
		}
	}
	if !isSTUN(request) || isSTUN(request[:19]) || isSTUN(append(bytes.Clone(request), 0)) {
		t.Error("what is a binding request")
	}
	p := newRig(t, nil).udpPhone()
	p.send(string(request))
	text, ok := p.tryRead(time.Second)
	if !ok || len(text) != 32 || text[:2] != "\x01\x01" || text[8:20] != string(request[8:]) {
		t.Errorf("got %x", text)
	}
}
