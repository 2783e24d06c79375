package subscription

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"blfbridge/policy"
)

func sample() Record {
	return New(Hot{
		Expires: 1_700_000_000_000, Created: 1_699_999_000_000, NotBefore: 5, BodyHash: 1 << 63,
		RemoteCSeq: 7, CSeq: 300, CSeqLimit: 512, Version: 299, VersionLimit: 511, AckedVersion: 299,
		Shard: 63, Dialect: 3, Package: Presence, Content: 1, Reason: Rejected, Flags: PickupAllowed | FlowLost,
		View: policy.ViewName, Failures: 2, Kind: policy.WatcherTrunk,
	}, Cold{
		CallID: "a84b4c76e66710@pc33.example", LocalTag: "l", RemoteTag: "r", LocalURI: "<sip:1001@b>",
		RemoteURI: `"Zoë" <sip:1002@b>`, RemoteTarget: "sip:1002@192.0.2.1:5060", Transport: "TCP",
		Entity: "sip:1001@b", Number: "1001", Tenant: "default", UserAgent: strings.Repeat("x", 300), Origin: "192.0.2.1:5060",
	})
}

func TestRecordRoundTrip(t *testing.T) {
	want := sample()
	b, err := want.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	idle := sample()
	idle.View = policy.ViewIdle
	if b, _ := idle.AppendBinary(nil); b != nil {
		if _, err := Decode(b); err != nil {
			t.Errorf("a view that the policy gives cannot be stored: %v", err)
		}
	}
	want.Dialect, want.Presentity = 0, 0 // process-local
	if !reflect.DeepEqual(got.Hot, want.Hot) || got.Cold() != want.Cold() {
		t.Errorf("got  %+v %+v\nwant %+v %+v", got.Hot, got.Cold(), want.Hot, want.Cold())
	}
}

// TestDecodeDamaged: whatever a store hands back, Decode answers with an error or a
// record whose values are in range.
func TestDecodeDamaged(t *testing.T) {
	r := sample()
	good, _ := r.AppendBinary(nil)
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range good {
		if got, err := Decode(good[:n]); err == nil {
			_ = got.Cold()
			if n < hotSize {
				t.Fatalf("%d of %d bytes were taken for a record", n, len(good))
			}
		}
		bad := append([]byte(nil), good...)
		bad[n] ^= byte(1 + rnd.IntN(255))
		if got, err := Decode(bad); err == nil {
			_ = got.Cold()
			_ = got.Reason.String()
			_ = got.Package.String()
		}
	}
}

// TestOlderRecord: a record written before a Cold field existed leaves it empty.
func TestOlderRecord(t *testing.T) {
	r := sample()
	b, _ := r.AppendBinary(nil)
	cut := len(r.Cold().Origin) + 1
	got, err := Decode(b[:len(b)-cut])
	if err != nil {
		t.Fatal(err)
	}
	if c := got.Cold(); c.Origin != "" || c.UserAgent == "" || c.Number != "1001" {
		t.Errorf("got %+v", c)
	}
}
