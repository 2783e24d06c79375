package sipua

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// TestBatch: what is queued leaves with Flush, whole, in order and from the right socket;
// one that cannot be sent is counted and takes none with it.
func TestBatch(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Listen = append(c.Listen, Listen{subscription.UDP, netip.MustParseAddrPort("[::1]:0")})
	})
	b := r.Batch()
	for _, a := range r.Addrs() {
		if a.Transport != subscription.UDP {
			continue
		}
		p := newUDPPhone(t, netip.AddrPortFrom(a.Addr.Addr(), 0).String(), a.Addr)
		f := notifier.Flow{Transport: subscription.UDP, Local: a.Addr, Remote: p.addr()}
		const count = 100 // fits the buffer of a phone
		want := func(i int) string { return fmt.Sprintf("NOTIFY %d ", i) + strings.Repeat("x", i*3) }
		for i := range count {
			if err := b.Send(f, []byte(want(i))); err != nil {
				t.Fatal(err)
			}
			if i == count/2 { // port 0 is nobody's
				if err := b.Send(notifier.Flow{Local: a.Addr, Remote: netip.AddrPortFrom(a.Addr.Addr(), 0)}, []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n, err := b.Flush(); n != 1 || err == nil {
			t.Errorf("%d failed, want 1: %v", n, err)
		}
		for i := range count {
			if got, ok := p.tryRead(5 * time.Second); !ok || got != want(i) {
				t.Fatalf("%d: got %q", i, got)
			}
		}
		if err := b.Send(f, []byte(strings.Repeat("y", 60_000))); err != nil {
			t.Fatal(err)
		}
		p.silent()
		if n, err := b.Flush(); n != 0 || err != nil {
			t.Errorf("%d failed: %v", n, err)
		}
		if got, ok := p.tryRead(5 * time.Second); !ok || len(got) != 60_000 {
			t.Errorf("got %d bytes", len(got))
		}
	}
}

// TestAnswerByBatch: the 200 of a SUBSCRIBE leaves with its loop's batch, before the NOTIFY.
func TestAnswerByBatch(t *testing.T) {
	r := newRig(t, nil)
	b, p := r.Batch(), r.udpPhone()
	r.rec.answers(func(notifier.Subscribe) {})
	p.send(subscribeTo("sip:1001@x.test", p.addr()).String())
	s := next(t, r.rec.subscribes, "SUBSCRIBE")
	s.Answer(notifier.Answer{Status: 200, LocalTag: "lt", Batch: b})
	if err := b.Send(s.Flow, []byte("NOTIFY")); err != nil {
		t.Fatal(err)
	}
	p.silent()
	if n, err := b.Flush(); n != 0 || err != nil {
		t.Errorf("%d failed: %v", n, err)
	}
	if res := p.read(); res.code != 200 {
		t.Errorf("got\n%s", res.raw)
	}
	if got, ok := p.tryRead(5 * time.Second); !ok || got != "NOTIFY" {
		t.Errorf("got %q", got)
	}
}

// TestBurstIsRead: datagrams that came together are told apart, the largest there can be
// among them, each with its sender.
func TestBurstIsRead(t *testing.T) {
	r := newRig(t, nil)
	from := map[string]netip.AddrPort{}
	for i := range 4 {
		p := r.udpPhone()
		for range 50 {
			q := subscribeTo("sip:1001@x.test", p.addr())
			from[q.callID] = p.addr()
			if i == 2 {
				p.send("SIP/2.0 " + strings.Repeat("x", 60_000))
			}
			p.send(q.String())
		}
	}
	for range len(from) {
		s := next(t, r.rec.subscribes, "SUBSCRIBE")
		if s.Flow.Remote != from[s.CallID] {
			t.Errorf("%s came from %v, want %v", s.CallID, s.Flow.Remote, from[s.CallID])
		}
	}
}
