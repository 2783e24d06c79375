package notifier

import (
	"testing"

	"blfbridge/bridge/subscription"
)

// TestNotAfter: a request that was given up here, or a connection that the phone left, takes
// nothing from the replica that the phone has asked since (RFC 3261 §12.2.2: CSeq orders them).
func TestNotAfter(t *testing.T) {
	var rec subscription.Record
	rec.RemoteCSeq = 5
	stored, err := rec.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for cseq, want := range map[uint32]bool{4: false, 5: true, 6: true} {
		if got := notAfter(stored, cseq); got != want {
			t.Errorf("a request with CSeq %d after one with 5: %v, want %v", cseq, got, want)
		}
	}
}
