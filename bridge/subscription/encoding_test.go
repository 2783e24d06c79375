package subscription

import (
	"math/rand/v2"
	"os"
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
	c := r.Cold()
	c.Origin = "elsewhere"
	r.SetCold(c)
	b, _ := r.AppendBinary(nil)
	cut := len(c.Origin) + 1
	got, err := Decode(b[:len(b)-cut])
	if err != nil {
		t.Fatal(err)
	}
	if c := got.Cold(); c.Origin != "" || c.UserAgent == "" || c.Number != "1001" {
		t.Errorf("got %+v", c)
	}
}

// TestVersion1: records of the version before are read, and written as of this one. The
// bytes are what that version wrote.
func TestVersion1(t *testing.T) {
	b, err := os.ReadFile("testdata/record.v1")
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.Dialect, want.Presentity = 0, 0
	got, err := Decode(b)
	if err != nil || got.Hot != want.Hot || got.Cold() != want.Cold() {
		t.Fatalf("got %+v %+v, %v", got.Hot, got.Cold(), err)
	}
	again, _ := got.AppendBinary(nil)
	if again[0] != encodingVersion || len(again) >= len(b) {
		t.Errorf("version %d, %d bytes; it had %d", again[0], len(again), len(b))
	}
	for n := hotSize; n < len(b); n++ {
		if cut, err := Decode(b[:n]); err == nil {
			_ = cut.Cold()
		}
	}
}

// TestColdRoundTrip: whatever the fields repeat, what is written is read.
func TestColdRoundTrip(t *testing.T) {
	usual := Cold{
		CallID: "1@a", LocalTag: "lt", RemoteTag: "rt", LocalURI: "<sip:1001@10.1.0.1:5060>", RemoteURI: `"Ann" <sip:1002@pbx>`,
		RemoteTarget: "sip:1002@10.0.0.9:5062;ob", Transport: "UDP", Local: "10.1.0.1:5060", Remote: "10.0.0.9:5062", Advertised: "10.1.0.1:5060",
		Accept: "application/dialog-info+xml", Entity: "sip:1001@10.1.0.1:5060", DialectName: "default", Tenant: "default", Number: "1001",
		WatcherTenant: "default", WatcherID: "1002@pbx", UserAgent: "phone", Origin: "10.0.0.9:5062",
	}
	r := New(Hot{}, usual)
	if r.Cold() != usual {
		t.Fatalf("got %+v", r.Cold())
	}
	if n := len(r.Encoded()); n > 120 {
		t.Errorf("%d bytes for what repeats itself", n)
	}
	random := rand.New(rand.NewPCG(3, rand.Uint64()))
	values := []string{"", "sip:a@b", "<sip:a@b>", "a@b", "b", "a", "<", "@", "default", "UDP", "x;y>z", strings.Repeat("long", 100)}
	for _, f := range usual.fields() {
		values = append(values, *f)
	}
	for range 20_000 {
		c := usual
		for _, f := range c.fields() {
			if random.IntN(3) == 0 {
				*f = values[random.IntN(len(values))]
			}
		}
		if r.SetCold(c); r.Cold() != c {
			t.Fatalf("got %+v\nof  %+v", r.Cold(), c)
		}
	}
}
