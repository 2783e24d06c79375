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
