package sipua

import (
	"net/netip"
	"testing"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// TestRestoredFromElsewhere: a subscription of another process names that one's address. Its
// phone gets ours, or its refreshes and answers would go where nobody is.
func TestRestoredFromElsewhere(t *testing.T) {
	r := newRig(t, nil)
	phone := netip.MustParseAddrPort("127.0.0.1:5999")
	for transport, own := range map[subscription.Transport]netip.AddrPort{subscription.UDP: r.udp, subscription.TCP: r.tcp} {
		c := subscription.Cold{Local: "192.0.2.1:5060", Advertised: "192.0.2.1:5060", RemoteTarget: "sip:a@127.0.0.1:5999"}
		r.Restored(notifier.Flow{Transport: transport, Local: netip.MustParseAddrPort(c.Local), Remote: phone}, &c)
		if c.Advertised != own.String() {
			t.Errorf("%v: we are called %s, want %s", transport, c.Advertised, own)
		}
		if want := own.String(); transport == subscription.UDP && c.Local != want {
			t.Errorf("NOTIFYs leave from %s, want %s", c.Local, want)
		}
	}
}

// TestDiverted: a phone that names the address that it sends from, with another port, may be
// there as well.
func TestDiverted(t *testing.T) {
	r := newRig(t, nil)
	source := netip.MustParseAddrPort("127.0.0.1:2158")
	for _, c := range []struct {
		name, contact, routes string
		transport             subscription.Transport
		want                  string
	}{
		{"another port", "sip:a@127.0.0.1:5999", "", subscription.UDP, "127.0.0.1:5999"},
		{"no port", "<sip:a@127.0.0.1>", "", subscription.UDP, ""},
		{"the standard port", "sip:a@127.0.0.1", "", subscription.UDP, "127.0.0.1:5060"},
		{"the same", "sip:a@127.0.0.1:2158", "", subscription.UDP, ""},
		{"behind a NAT", "sip:a@192.168.1.7:5999", "", subscription.UDP, ""},
		{"a name", "sip:a@phone.example:5999", "", subscription.UDP, ""},
		{"a connection", "sip:a@127.0.0.1:5999", "", subscription.TCP, ""},
		{"through a proxy elsewhere", "sip:a@127.0.0.1:5999", "<sip:192.0.2.9;lr>", subscription.UDP, ""},
		{"through a proxy", "sip:a@192.168.1.7:5999", "<sip:127.0.0.1:5070;lr>", subscription.UDP, "127.0.0.1:5070"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, local := range []netip.AddrPort{r.udp, netip.MustParseAddrPort("192.0.2.1:5060")} {
				cold := subscription.Cold{Local: local.String(), Remote: source.String(), RemoteTarget: c.contact, Routes: c.routes}
				flow := notifier.Flow{Transport: c.transport, Local: local, Remote: source}
				other, ok := r.Diverted(flow, &cold)
				if want := c.want != ""; ok != want || ok && other.Remote.String() != c.want || !ok && other != flow {
					t.Errorf("%v %v, want %q", other, ok, c.want)
				}
				if r.Restored(flow, &cold); cold.Remote != source.String() {
					t.Errorf("restored, with %v as our address before, it is at %s", local, cold.Remote)
				}
			}
		})
	}
}
