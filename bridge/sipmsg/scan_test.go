package sipmsg

import (
	"net/netip"
	"strings"
	"testing"
)

const options = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nf: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\ni: id\r\nCSeq: 7 OPTIONS\r\nl: 2\r\n\r\nhi"

// TestScan: one fault each, and none.
func TestScan(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     Fault
	}{
		{"", "", ""},
		{"SIP/2.0\r\nVia", "SIP/3.0\r\nVia", NotSIP},
		{"OPTIONS sip", "OPTI<ONS sip", NotSIP},
		{"sip:a@b SIP", "sip:a @b SIP", BadURI},
		{"Via: ", "Via ", BadLine},
		{"Via: ", "V ia: ", BadLine},
		{"Via: ", "Via \t: ", ""},
		{"h;branch", "h\r\n ;branch", ""},
		{"i: id", "i: i\x00d", Control},
		{"i: id", "i: \"\\\x00\"", ""},
		{"i: id", "i: i\nd", Control},
		{"i: id", "i: i\rd", Control},
		{"i: id", "i: \x7f", Control},
		{"i: id\r\n", "", Missing},
		{"i: id", "i:", Missing},
		{"i: id", "i: id\r\nCall-ID: id", Double},
		{"l: 2", "l: 2\r\nl: 2", Double},
		{"l: 2", "l: -2", BadLength},
		{"l: 2", "l: 3", CutShort},
		{"\r\n\r\nhi", "\r\n", CutShort},
		{"7 OPTIONS", "7 INVITE", BadCSeq},
		{"7 OPTIONS", "2147483648 OPTIONS", BadCSeq},
		{"7 OPTIONS", "0007  \t OPTIONS", ""},
		{"i: id", "i: id" + strings.Repeat("\r\nx: y", MaxLines), TooMany},
	} {
		var m Message
		if got := m.Scan([]byte(strings.Replace(options, c.from, c.to, 1))); got != c.want {
			t.Errorf("%q for %q: %q, want %q", c.to, c.from, got, c.want)
		} else if got == "" && (string(m.Method) != "OPTIONS" || m.CSeqNumber != 7 || string(Tag(m.Value(From))) != "1" || string(m.Raw[m.End:]) != "hi") {
			t.Errorf("%q: read wrongly: %+v", c.to, m)
		}
	}
}

// TestScanAllocates nothing, or the edge would.
func TestScanAllocatesNothing(t *testing.T) {
	raw := []byte(options)
	var m Message
	if n := testing.AllocsPerRun(100, func() {
		if m.Scan(raw) != "" {
			t.Fatal()
		}
		if v, ok := ParseVia(m.Value(Via)); !ok || v.Branch == nil {
			t.Fatal()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestVia: what is read, and what stands there after the stamp.
func TestVia(t *testing.T) {
	source := netip.MustParseAddrPort("192.0.2.9:5070")
	for in, want := range map[string]string{
		"SIP/2.0/UDP h:5060;rport;branch=z":                      "SIP/2.0/UDP h:5060;branch=z;rport=5070;received=192.0.2.9",
		"SIP/2.0/UDP h;received=1.1.1.1;branch=z;rport=9":        "SIP/2.0/UDP h;branch=z;rport=5070;received=192.0.2.9",
		"SIP/2.0/TCP [2001:db8::1]:5060;branch=z":                "SIP/2.0/TCP [2001:db8::1]:5060;branch=z;received=192.0.2.9",
		"SIP / 2.0 / UDP  h : 5060 ; branch = z , SIP/2.0/UDP i": "SIP / 2.0 / UDP  h : 5060 ; branch = z;received=192.0.2.9",
		"SIP/2.0/UDP h;x=\"a;b,c\";branch=z":                     "SIP/2.0/UDP h;x=\"a;b,c\";branch=z;received=192.0.2.9",
		"SIP/2.0/UDP h":                                          "SIP/2.0/UDP h;received=192.0.2.9",
		"SIP/2.0/UDP h;;branch=z":                                "", "SIP/2.0/UDP h;x=\"y": "", "SIP/2.0/UDP": "", "SIP/2.0/UDP h:x": "", "UDP h": "",
		"SIP/2.0/UDP h;branch=a;branch=b": "", "SIP/2.0/UDP h;branch=": "", "SIP/2.0/UDP <h>": "",
	} {
		v, ok := ParseVia([]byte(in))
		got := ""
		if ok {
			got = string(v.Stamp(nil, source, v.Rport))
		}
		if got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestAddress splits name-addr and addr-spec.
func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		`"A \"<B" <sip:a@b;x=1>;tag=t`: "sip:a@b;x=1|;tag=t|t", `sip:a@b;tag=t`: "sip:a@b|;tag=t|t", `<sip:a@b> ; TAG = t`: "sip:a@b|; TAG = t|t",
		`A B <sip:a@b>`: "sip:a@b||", `"A <sip:a@b>`: "", `<sip:a@b`: "", `< sip:a@b >`: "", `<sip:a@b>x`: "", `sip:a b`: "", ``: "",
	} {
		uri, params, ok := Address([]byte(in))
		got := ""
		if ok {
			got = string(uri) + "|" + string(params) + "|" + string(Tag([]byte(in)))
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
