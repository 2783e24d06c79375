package sipua

import (
	"net/netip"
	"testing"
)

func TestNATTable(t *testing.T) {
	ap := func(s string) netip.AddrPort {
		if s == "" {
			return netip.AddrPort{}
		}
		return netip.MustParseAddrPort(s)
	}
	const source, contact = true, false
	for name, c := range map[string]struct {
		mode                    NATMode
		source, sentBy, contact string
		asked                   bool
		want                    bool
	}{
		"direct":                         {NATAuto, "198.51.100.7:5060", "198.51.100.7:5060", "198.51.100.7:5060", true, contact},
		"behind NAT":                     {NATAuto, "198.51.100.7:40000", "192.168.1.7:5060", "192.168.1.7:5060", true, source},
		"behind NAT, no rport":           {NATAuto, "198.51.100.7:40000", "192.168.1.7:5060", "192.168.1.7:5060", false, source},
		"port rewritten":                 {NATAuto, "198.51.100.7:40000", "198.51.100.7:5060", "198.51.100.7:5060", true, source},
		"sends from another port":        {NATAuto, "198.51.100.7:5060", "198.51.100.7:5060", "198.51.100.7:5060", false, contact},
		"STUN in Contact":                {NATAuto, "198.51.100.7:40000", "192.168.1.7:5060", "198.51.100.7:40000", true, contact},
		"another Contact":                {NATAuto, "198.51.100.7:5060", "198.51.100.7:5060", "198.51.100.9:5062", true, contact},
		"private Contact, public source": {NATAuto, "198.51.100.7:5060", "198.51.100.7:5060", "10.0.0.9:5060", true, source},
		"shared space, public source":    {NATAuto, "198.51.100.7:5060", "198.51.100.7:5060", "100.64.0.9:5060", true, source},
		"loopback, private source":       {NATAuto, "10.0.0.7:5060", "10.0.0.7:5060", "127.0.0.1:5060", true, source},
		"private, private":               {NATAuto, "10.0.0.7:5060", "10.0.0.7:5060", "10.9.0.7:5060", true, contact},
		"NAT between private networks":   {NATAuto, "10.0.0.7:41000", "192.168.1.7:5060", "192.168.1.7:5060", true, source},
		"Via by name":                    {NATAuto, "198.51.100.7:5060", "", "198.51.100.8:5060", true, contact},
		"Contact unresolved":             {NATAuto, "198.51.100.7:5060", "", "", true, source},
		"Contact 0.0.0.0":                {NATAuto, "198.51.100.7:5060", "198.51.100.7:5060", "0.0.0.0:5060", true, source},
		"Contact port 0":                 {NATContact, "198.51.100.7:5060", "198.51.100.7:5060", "198.51.100.7:0", true, source},
		"IPv6 direct":                    {NATAuto, "[2001:db8::7]:5060", "[2001:db8::7]:5060", "[2001:db8::7]:5060", true, contact},
		"IPv6 ULA, global source":        {NATAuto, "[2001:db8::7]:5060", "[2001:db8::7]:5060", "[fd00::7]:5060", true, source},
		"forced source":                  {NATSource, "198.51.100.7:5060", "198.51.100.7:5060", "198.51.100.8:5060", true, source},
		"forced Contact":                 {NATContact, "198.51.100.7:40000", "192.168.1.7:5060", "192.168.1.7:5060", true, contact},
	} {
		w := way{mode: c.mode, source: ap(c.source), sentBy: ap(c.sentBy), asked: c.asked, contact: ap(c.contact)}
		want := w.contact
		if c.want == source {
			want = w.source
		}
		if got := w.target(); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	for s, want := range map[string]bool{"auto": true, "source": true, "contact": true, "": false, "yes": false} {
		if _, ok := ParseNATMode(s); ok != want {
			t.Errorf("ParseNATMode(%q)", s)
		}
	}
}
