package xmltext

import (
	"encoding/xml"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppend(t *testing.T) {
	for in, want := range map[string]string{
		"":                   "",
		"Ann One":            "Ann One",
		`Tom & "J" <x> 'y'`:  "Tom &amp; &quot;J&quot; &lt;x&gt; &apos;y&apos;",
		"a\tb\r\nc":          "a b  c",
		"a\x00\x1f\x7fb":     "a\uFFFD\uFFFD\uFFFDb",
		"Zoë 日本 🎉":           "Zoë 日本 🎉",
		"x\xffy\xc3":         "x\uFFFDy\uFFFD",
		"\uFFFE\uFFFF\u0085": "\uFFFD\uFFFD\uFFFD",
		"kept \uFFFD":        "kept \uFFFD",
	} {
		if got := string(Append([]byte("> "), in)); got != "> "+want {
			t.Errorf("Append(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAppendURI(t *testing.T) {
	for _, c := range []struct {
		uri  URI
		want string
	}{
		{URI{Raw: "sip:*89100@pbx.test:5060;user=phone"}, "sip:*89100@pbx.test:5060;user=phone"},
		{URI{Raw: "sip:a b\"<c>'@h?x=1&y=2"}, "sip:a%20b%22%3Cc%3E&apos;@h?x=1&amp;y=2"},
		{URI{Raw: "sip:1@[::1]:5060"}, "sip:1@[::1]:5060"},
		{URI{Raw: "raw", User: "u", Host: "h"}, "raw"},
		{URI{User: "+1310", Host: "pbx.test"}, "sip:+1310@pbx.test"},
		{URI{User: "*70#@:", Host: "pbx.test"}, "sip:*70%23%40%3A@pbx.test"},
		{URI{User: "%2A70%zz%", Host: "pbx.test"}, "sip:%2A70%25zz%25@pbx.test"},
		{URI{User: "Zoë\x00", Host: "h"}, "sip:Zo%C3%AB%00@h"},
		{URI{Host: "pbx.test"}, "sip:pbx.test"},
	} {
		if got := string(AppendURI(nil, c.uri)); got != c.want {
			t.Errorf("AppendURI(%+v) = %q, want %q", c.uri, got, c.want)
		}
	}
	if !(URI{}).IsZero() || (URI{Host: "h"}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestHost(t *testing.T) {
	for in, want := range map[string]string{
		"sip:100@pbx.test":                     "pbx.test",
		"sips:100@pbx.test:5061;transport=tls": "pbx.test",
		"sip:pbx.test;lr":                      "pbx.test",
		"sip:a@b@[2001:db8::1]:5060":           "[2001:db8::1]",
		"sip:1@[broken":                        "",
		"pbx.test":                             "",
		"":                                     "",
	} {
		if got := Host(in); got != want {
			t.Errorf("Host(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"aäb", 2, "a"}, {"äää", 5, "ää"}, {"ä", 0, ""}, {"\x80\x80\x80", 2, ""}} {
		if got := Truncate(c.in, c.limit); got != c.want {
			t.Errorf("Truncate(%q, %d) = %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

// Any bytes become an attribute and content that a parser reads back, and valid text
// without control characters comes back unchanged.
func FuzzAppend(f *testing.F) {
	f.Add("a&b")
	f.Add("\x00\xff]]>")
	f.Fuzz(func(t *testing.T, s string) {
		doc := append(Append([]byte(`<a b="`), s), `">`...)
		doc = append(Append(doc, s), "</a>"...)
		var out struct {
			B    string `xml:"b,attr"`
			Text string `xml:",chardata"`
		}
		if err := xml.Unmarshal(doc, &out); err != nil {
			t.Fatalf("%q: %v", doc, err)
		}
		if out.B != out.Text {
			t.Fatalf("attribute %q, content %q", out.B, out.Text)
		}
		plain := utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
			return r < 0x20 || r >= 0x7f && r < 0xA0 || r == 0xFFFE || r == 0xFFFF
		})
		if plain && out.Text != s {
			t.Fatalf("%q came back as %q", s, out.Text)
		}
	})
}
