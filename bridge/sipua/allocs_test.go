package sipua

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"blfbridge/bridge/subscription"
)

// TestAllocationsPerSubscribe holds the bar of garbage on the short way: from the datagram
// of a SUBSCRIBE to its 200 in the socket, by count, the notifier left out.
func TestAllocationsPerSubscribe(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.PerSource, c.Limits.Total = Rate{PerSecond: -1}, Rate{PerSecond: -1} })
	r.SetNotifier(granter{})
	p := r.udpPhone()
	const runs = 200
	for name, refresh := range map[string]string{"first": "", "refresh": "<sip:1001@x.test>;tag=abc"} {
		var all [][]byte
		for i := range 2*runs + 1 {
			q := subscribeTo("sip:1001@x.test", p.addr()).with("User-Agent", "Yealink SIP-T46S 66.84.0.15").
				with("Call-ID", fmt.Sprint(name, i)).with("Accept", "application/dialog-info+xml")
			q.branch = fmt.Sprint("z9hG4bK", name, i)
			if refresh != "" {
				q.with("To", refresh)
			}
			all = append(all, []byte(q.String()))
		}
		at, dst := 0, make([]byte, 0, 4096)
		take := func() {
			_, dst = r.screener.screen(dst[:0], packet{all[at], subscription.UDP, r.udp, netip.AddrPortFrom(p.addr().Addr(), p.addr().Port())})
			at++
		}
		for range runs {
			take()
		}
		each := testing.AllocsPerRun(runs, take)
		if got := r.quick.size(); got < runs {
			t.Fatalf("%s: only %d took the short way", name, got)
		}
		if text, ok := p.tryRead(time.Second); !ok || !strings.HasPrefix(text, "SIP/2.0 200") {
			t.Fatalf("%s: answered %q", name, text)
		}
		if most := 24.0; each > most {
			t.Errorf("%s: %.0f allocations for each SUBSCRIBE, want at most %.0f", name, each, most)
		} else {
			t.Logf("%s: %.0f allocations for each SUBSCRIBE", name, each)
		}
	}
}

// TestAllocationsTurnedAway: what is turned away in a storm costs a part of what is served,
// and what is beyond the rate of 503s still less, or goodput falls as the load rises.
func TestAllocationsTurnedAway(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.PerSource, c.Limits.Total = Rate{PerSecond: -1}, Rate{PerSecond: -1} })
	p := r.udpPhone()
	const runs = 200
	at, dst := 0, make([]byte, 0, 4096)
	msgs := make([][]byte, 0, 3*runs)
	for i := range cap(msgs) {
		q := subscribeTo("sip:1001@x.test", p.addr()).with("User-Agent", "Yealink SIP-T46S 66.84.0.15").with("Call-ID", fmt.Sprint("away", i))
		q.branch = fmt.Sprint("z9hG4bKaway", i)
		msgs = append(msgs, []byte(q.String()))
	}
	take := func() {
		_, dst = r.screener.screen(dst[:0], packet{msgs[at], subscription.UDP, r.udp, p.addr()})
		at++
	}
	r.rec.full.Store(true)
	told := testing.AllocsPerRun(runs-1, take)
	r.turnedOff.rate, r.turnedOff.all.tokens = Rate{PerSecond: 1e-9, Burst: 1}, 0
	silent := testing.AllocsPerRun(runs-1, take)
	if n := testutil.ToFloat64(r.metrics.dropped.WithLabelValues("full")); n != 2*runs {
		t.Fatalf("%v of %d were turned away", n, 2*runs)
	}
	if n := testutil.ToFloat64(r.metrics.stateless.WithLabelValues("503")); n != runs {
		t.Errorf("%v of them were told, want %d", n, runs)
	}
	t.Logf("%.0f allocations for each that is told, %.0f for each that is not", told, silent)
	if told > 12 || silent > 6 {
		t.Errorf("%.0f allocations for each that is told, want at most 12; %.0f for each that is not, want at most 6", told, silent)
	}
}
