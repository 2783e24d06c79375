package notifier

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/subscription"
)

// twoPlaces is a network on which each phone has a second place.
type twoPlaces struct {
	*wire
	second netip.AddrPort
	went   []netip.AddrPort
}

func (w *twoPlaces) Send(f Flow, msg []byte) error {
	w.mu.Lock()
	w.went = append(w.went, f.Remote)
	w.mu.Unlock()
	return w.wire.Send(f, msg)
}

func (w *twoPlaces) Diverted(f Flow, c *subscription.Cold) (Flow, bool) {
	f.Remote = w.second
	return f, c.CallID == "c1"
}

// TestDiverted: who does not answer at the flow is looked for at its second place in turns;
// the next NOTIFY begins at the flow again.
func TestDiverted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := netip.MustParseAddrPort("192.0.2.77:5999")
		var net *twoPlaces
		r := newRig(t, Config{}, func(n *Notifier) {
			net = &twoPlaces{wire: n.transport.(*wire), second: second}
			n.transport = net
		})
		defer r.stop()
		for _, call := range []string{"c1", "c2"} {
			net.went = nil
			r.subscribe(call, "101", 1, time.Hour)
			synctest.Wait()
			time.Sleep(8 * time.Second) // retransmissions at 0.5, 1.5, 3.5 and 7.5 s
			synctest.Wait()
			net.mu.Lock()
			first := net.went[0]
			want := []netip.AddrPort{first, second, first, second, first}
			if call == "c2" {
				want = []netip.AddrPort{first, first, first, first, first}
			}
			if first == second || fmt.Sprint(net.went) != fmt.Sprint(want) {
				t.Errorf("%s: sent to %v, want %v", call, net.went, want)
			}
			net.mu.Unlock()
			sent := r.w.take()
			r.reply(sent[len(sent)-1], 200)
			r.subscribe(call, "101", 2, 0)
			r.reply(r.w.take()[0], 200)
		}
	})
}
