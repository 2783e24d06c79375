package sipua

import (
	"net/netip"
	"sync"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// TestArrivedIsParsed: what has arrived may be read by sipgo's timer and a handler at once
// (a test for the race detector).
func TestArrivedIsParsed(t *testing.T) {
	r := newRig(t, nil)
	text := subscribeTo("sip:1001@x.test", netip.MustParseAddrPort("127.0.0.1:7000")).String()
	msg, err := newParser().ParseSIP([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r.arrived(msg)
	req := msg.(*sip.Request)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if sip.NewResponseFromRequest(req, 100, "Trying", nil).CallID() == nil {
				t.Error("no Call-ID")
			}
		})
	}
	wg.Wait()
}
