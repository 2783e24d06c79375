package edge

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipua"
)

// FuzzTake: whatever comes, from a phone or a PBX, ends nothing, and what is sent for it
// can be read by another parser (wire checks that).
func FuzzTake(f *testing.F) {
	files, _ := filepath.Glob("../sipua/testdata/torture/*.dat")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, m := range []string{"INVITE", "ACK", "CANCEL", "REGISTER", "NOTIFY"} {
		f.Add([]byte(req{method: m, lines: []string{"Route: <sip:198.51.100.1;lr>, <sip:b;lr>", "Contact: <sip:a@b>;expires=3"}}.String()))
	}
	f.Add([]byte(req{method: "SUBSCRIBE", lines: []string{"Event: dialog"}}.String()))
	f.Fuzz(func(t *testing.T, msg []byte) {
		r := newRig(t, nil)
		for _, from := range []notifier.Flow{phoneUDP, pbxOne, phoneTCP} {
			taken := r.e.read(sipua.Packet{Msg: bytes.Clone(msg), Flow: from})
			if taken && plainlyOurs(msg) {
				t.Fatalf("left to the server at a glance, and taken when it is read:\n%q", msg)
			}
		}
		for _, s := range r.sent {
			if s.flow == pbxOne && !s.msg.IsResponse() {
				r.e.Take(sipua.Packet{Msg: []byte(answerTo(s.msg, 200)), Flow: pbxOne})
			}
		}
		if testutil.ToFloat64(r.e.metrics.panics) != 0 {
			t.Fatalf("a panic:\n%q", msg)
		}
	})
}
