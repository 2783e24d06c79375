package policystore

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"blfbridge/policy"
)

// TestEncode: what is stored is the JSON of the document, compressed if it is large; what
// earlier versions stored is read, and what is damaged is said to be.
func TestEncode(t *testing.T) {
	for n, compressed := range map[int]bool{0: false, 3: false, 2000: true} {
		d := sample(n)
		d.Tenants = append(d.Tenants, policy.Tenant{Name: "empty", Lines: []policy.DirectoryNumber{}})
		want := sample(n)
		want.Tenants = append(want.Tenants, policy.Tenant{Name: "empty"})
		text, err := encode(d)
		if err != nil || bytes.HasPrefix(text, gzipMagic) != compressed {
			t.Fatalf("%d lines: %.20q, %v", n, text, err)
		}
		got, err := decode(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%d lines: %v, %+v", n, err, got)
		}
		earlier, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if got, err = decode(earlier); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%d lines, by json.Marshal: %v", n, err)
		}
		if !compressed {
			var a, b bytes.Buffer
			if json.Compact(&a, text) != nil || json.Compact(&b, earlier) != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
				t.Errorf("%d lines: %s, not %s", n, text, earlier)
			}
			continue
		}
		damaged := bytes.Clone(text)
		damaged[len(damaged)/2] ^= 0x55
		sum := bytes.Clone(text)
		sum[len(sum)-5] ^= 1
		for name, bad := range map[string][]byte{
			"damaged": damaged, "checksum": sum, "cut off": text[:len(text)-9], "no more than a beginning": gzipMagic,
			"something behind": append(bytes.Clone(text), text...),
		} {
			if _, err := decode(bad); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if text, err := encode(nil); err != nil || string(text) != "{}" {
		t.Errorf("%q, %v", text, err)
	}
}
