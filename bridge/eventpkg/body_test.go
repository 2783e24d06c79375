package eventpkg

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"blfbridge/bridge/device"
	"blfbridge/bridge/eventpkg/dialoginfo"
	"blfbridge/bridge/eventpkg/pidf"
)

func TestStampingEqualsRendering(t *testing.T) {
	for _, lc := range lampCases {
		for _, c := range Contents {
			for _, version := range []uint32{0, 9, 10, 99, 100, 12345, math.MaxUint32} {
				body := Render(c, Default, &lc.lamp)
				prefix := []byte("NOTIFY ")
				stamped := body.Append(bytes.Clone(prefix), version)
				whole := AppendBody(bytes.Clone(prefix), c, Default, &lc.lamp, version)
				if !bytes.Equal(stamped, whole) {
					t.Fatalf("%s %v version %d:\n%s\n%s", lc.name, c, version, stamped, whole)
				}
				if body.Len(version) != len(stamped)-len(prefix) {
					t.Fatalf("%s %v: Len(%d) = %d, want %d", lc.name, c, version, body.Len(version), len(stamped)-len(prefix))
				}
				if c != DialogInfo {
					continue
				}
				doc, err := dialoginfo.Parse(stamped[len(prefix):])
				if err == nil && doc.Version != version {
					t.Fatalf("version %d is read as %d", version, doc.Version)
				}
			}
		}
	}
}

func TestHashIsStableAndTellsBodiesApart(t *testing.T) {
	idle, busy := lampOf(device.Idle, false), lampOf(device.Busy, false, answeredCall)
	// The value is stored with subscriptions: another process must compute the same.
	if got, want := (Body{Bytes: []byte("abc"), VersionAt: -1}).Hash(), uint64(0x44bc2cf5ad770999); got != want {
		t.Errorf("hash of abc = %#x, want XXH64's %#x", got, want)
	}
	seen := map[uint64]string{}
	for _, c := range Contents {
		for name, l := range map[string]*Lamp{"idle": &idle, "busy": &busy} {
			h := Render(c, Default, l).Hash()
			if h != Render(c, Default, l).Hash() {
				t.Errorf("%v %s: the hash changes", c, name)
			}
			if other, ok := seen[h]; ok {
				t.Errorf("%v %s has the hash of %s", c, name, other)
			}
			seen[h] = fmt.Sprint(c, " ", name)
		}
	}
}

func TestDialogIDsAreStable(t *testing.T) {
	rfc, _ := DialectByName("rfc4235")
	ids := func(d DialectID, l Lamp) map[string]string { // call-id → id
		doc, err := dialoginfo.Parse(AppendBody(nil, DialogInfo, d, &l, 0))
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]string{}
		for _, e := range doc.Dialogs {
			m[e.CallID] = e.ID
		}
		return m
	}
	ring := ids(rfc, lampOf(device.Ringing, false, ringingCall))
	talk := ids(rfc, lampOf(device.Busy, false, answeredCall, secondCall))
	hold := ids(rfc, lampOf(device.Busy, false, secondCall, heldCall))
	cid := ringingCall.Dialog.CallID
	if ring[cid] == "" || ring[cid] != talk[cid] || talk[cid] != hold[cid] {
		t.Errorf("the id of one call changes: %v, %v, %v", ring, talk, hold)
	}
	if talk[cid] == talk[secondCall.Dialog.CallID] {
		t.Errorf("two calls share an id: %v", talk)
	}
	// A single-dialog phone sees one id from idle to idle.
	for _, lc := range lampCases[:4] {
		for _, id := range ids(Default, lc.lamp) {
			if id != "1002" {
				t.Errorf("%s: dialog id %q, want 1002", lc.name, id)
			}
		}
	}
}

// A UDP NOTIFY has 1300 bytes in all, of which headers may need 700.
func TestTrim(t *testing.T) {
	long := lampOf(device.Busy, true)
	long.Name = strings.Repeat("Ä", 200)
	for i := range 12 {
		c := call(fmt.Sprintf("call-%d", i), device.Recipient, device.Held, fmt.Sprintf("+1310634%04d", i), strings.Repeat("Name & ", 40))
		long.Calls = append(long.Calls, c)
	}
	for _, d := range Dialects() {
		for _, c := range Contents {
			last := math.MaxInt
			for _, tr := range Trims {
				n := RenderTrimmed(c, d, &long, tr).Len(math.MaxUint32)
				if n > last {
					t.Errorf("%v %v: trim %d has %d bytes, the fuller one %d", d, c, tr, n, last)
				}
				last = n
			}
			if last > 600 {
				t.Errorf("%v %v: the smallest body has %d bytes", d, c, last)
			}
			body, ok := RenderWithin(c, d, &long, 600)
			if !ok || body.Len(math.MaxUint32) > 600 {
				t.Errorf("%v %v: RenderWithin(600) gives %d bytes, %v", d, c, body.Len(math.MaxUint32), ok)
			}
			if _, ok := RenderWithin(c, d, &long, 50); ok {
				t.Errorf("%v %v: 50 bytes cannot be enough", d, c)
			}
		}
	}
	full, _ := RenderWithin(DialogInfo, Default, &long, 1<<20)
	if !bytes.Equal(full.Bytes, Render(DialogInfo, Default, &long).Bytes) {
		t.Error("RenderWithin trims without need")
	}
	// What is trimmed away last is the lamp itself.
	doc, err := dialoginfo.Parse(RenderTrimmed(DialogInfo, Default, &long, TrimMinimal).Append(nil, 1))
	if err != nil || !doc.Lamp().Held() {
		t.Errorf("the smallest body does not show hold: %v", err)
	}
}

func TestPlentyOfCallsStayBounded(t *testing.T) {
	rfc, _ := DialectByName("rfc4235")
	lamp := lampOf(device.Busy, false)
	for i := range 100 {
		lamp.Calls = append(lamp.Calls, call(fmt.Sprint(i), device.Recipient, device.Confirmed, "1001", "Ann"))
	}
	doc, err := dialoginfo.Parse(AppendBody(nil, DialogInfo, rfc, &lamp, 0))
	if err != nil || len(doc.Dialogs) != maxDialogs {
		t.Errorf("%d dialogs, %v; want %d", len(doc.Dialogs), err, maxDialogs)
	}
}

// Whatever a PBX calls a name or number, the body stays valid and still rings.
func FuzzDisplayName(f *testing.F) {
	f.Add("Ann One", "1001")
	f.Add("<Zoë> \"&'\x00\xff\uFFFE", "sip:a b@[::1]")
	f.Add(strings.Repeat("ä", 70), "a@b@c%2")
	f.Fuzz(func(t *testing.T, name, number string) {
		lamp := lampOf(device.Ringing, false, call(name, device.Recipient, device.Early, number, name))
		lamp.Name, lamp.Number, lamp.Entity = number, name, "sip:"+number+"@"+name
		cisco, _ := DialectByName("cisco-enterprise")
		for _, d := range []DialectID{Default, cisco} {
			doc, err := dialoginfo.Parse(AppendBody(nil, DialogInfo, d, &lamp, 3))
			if err != nil {
				t.Fatalf("%v: %v", d, err)
			}
			if doc.Version != 3 || len(doc.Dialogs) != 1 || doc.Lamp().State != dialoginfo.Early {
				t.Fatalf("%v: read as %+v", d, doc)
			}
			if _, err := pidf.Parse(AppendBody(nil, PIDF, d, &lamp, 3)); err != nil {
				t.Fatalf("%v: %v", d, err)
			}
		}
	})
}
