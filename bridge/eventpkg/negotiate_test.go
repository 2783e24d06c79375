package eventpkg

import (
	"strings"
	"testing"
)

func TestNegotiate(t *testing.T) {
	for _, c := range []struct {
		name, pkg string
		accept    []string
		want      Content
		ok        bool
	}{
		{"dialog without Accept", "dialog", nil, DialogInfo, true},
		{"presence without Accept", "presence", nil, PIDF, true},
		{"package in capitals", "Dialog", nil, DialogInfo, true},
		{"Yealink", "dialog", []string{"application/dialog-info+xml"}, DialogInfo, true},
		{"anything", "dialog", []string{"*/*"}, DialogInfo, true},
		{"any application", "presence", []string{"application/*"}, PIDF, true},
		{"compact spacing", "dialog", []string{"text/plain,application/dialog-info+xml;q=0.5"}, DialogInfo, true},
		{"wide spacing and case", "dialog", []string{" text/plain ,\tApplication / Dialog-Info+XML ; Q = 0.5"}, DialogInfo, true},
		{"several headers", "presence", []string{"text/plain", "application/pidf+xml"}, PIDF, true},
		{"list subscription", "dialog", []string{"application/rlmi+xml, multipart/related, application/dialog-info+xml"}, DialogInfo, true},
		{"Cisco enterprise", "presence", []string{"application/cpim-pidf+xml"}, PIDF, true},
		{"old Polycom", "presence", []string{"application/xpidf+xml, text/xml+msrtc.pidf"}, XPIDF, true},
		{"both, ours first", "presence", []string{"application/xpidf+xml, application/pidf+xml"}, PIDF, true},
		{"both, xpidf preferred", "presence", []string{"application/xpidf+xml, application/pidf+xml;q=0.9"}, XPIDF, true},
		{"q in thousandths", "presence", []string{"application/xpidf+xml;q=0.501, application/pidf+xml;q=0.5"}, XPIDF, true},
		{"refused by q=0", "dialog", []string{"application/dialog-info+xml;q=0, */*"}, 0, false},
		{"refused by q=0.000", "presence", []string{"application/*;q=0.000"}, 0, false},
		{"specific beats wildcard", "presence", []string{"*/*;q=0.1, application/xpidf+xml;q=0.8, application/pidf+xml;q=0.2"}, XPIDF, true},
		{"broken q still wants it", "dialog", []string{"application/dialog-info+xml;q=high"}, DialogInfo, true},
		{"other parameters", "dialog", []string{`application/dialog-info+xml;charset="a,b;c";level=1`}, DialogInfo, true},
		{"quoted comma hides nothing", "dialog", []string{`text/plain;x="a, application/dialog-info+xml"`}, 0, false},
		{"wrong type for the package", "dialog", []string{"application/pidf+xml"}, 0, false},
		{"nothing of ours", "presence", []string{"application/simple-message-summary"}, 0, false},
		// RFC 3261 §20.1: an empty Accept says that no format is acceptable.
		{"empty header", "dialog", []string{""}, 0, false},
		{"no media range", "dialog", []string{"dialog-info+xml"}, 0, false},
		{"another package", "message-summary", nil, 0, false},
		{"no package", "", []string{"*/*"}, 0, false},
	} {
		got, ok := Negotiate(c.pkg, c.accept)
		if got != c.want || ok != c.ok {
			t.Errorf("%s: Negotiate(%q, %q) = %v, %v; want %v, %v", c.name, c.pkg, c.accept, got, ok, c.want, c.ok)
		}
	}
}

func FuzzAccept(f *testing.F) {
	f.Add("application/dialog-info+xml;q=0.5, */*")
	f.Add(`application/pidf+xml;x="\",`)
	f.Add("application/xpidf+xml,,;;==")
	f.Add("*/*;q=1e309")
	f.Fuzz(func(t *testing.T, accept string) {
		c, ok := Negotiate("presence", []string{accept})
		if ok && c != PIDF && c != XPIDF {
			t.Fatalf("%q gives %v for presence", accept, c)
		}
		if d, ok := Negotiate("dialog", []string{accept}); ok && d != DialogInfo {
			t.Fatalf("%q gives %v for dialog", accept, d)
		}
		// Splitting a list over two headers changes nothing (RFC 3261 §7.3.1).
		if head, tail, found := strings.Cut(accept, ","); found && !strings.Contains(accept, `"`) {
			if c2, ok2 := Negotiate("presence", []string{head, tail}); c2 != c || ok2 != ok {
				t.Fatalf("%q: %v %v in one header, %v %v in two", accept, c, ok, c2, ok2)
			}
		}
		// A range that names the type outright always makes it acceptable.
		if _, ok := Negotiate("dialog", []string{accept, "application/dialog-info+xml"}); !ok {
			t.Fatalf("%q hides a later header", accept)
		}
	})
}
