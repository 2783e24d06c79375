package notifier

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// nowhere is a transport that takes everything.
type nowhere struct{ bytes atomic.Int64 }

func (w *nowhere) Send(_ Flow, msg []byte) error { w.bytes.Add(int64(len(msg))); return nil }

// BenchmarkEventToNotify is the path from a presentity that moved to the bytes of one
// NOTIFY and its 200, without sockets: decision, body (rendered once for all watchers),
// serialising, transaction, answer. ns/op and allocs/op are per NOTIFY.
func BenchmarkEventToNotify(b *testing.B) {
	for _, watchers := range []int{1, 50, 1000} {
		b.Run(fmt.Sprintf("watchers=%d", watchers), func(b *testing.B) {
			p, w := &lamps{}, &nowhere{}
			n := New(Config{Lamps: p, Transport: w, Loops: 1})
			p.n = n
			l := n.loops[0]
			line := policy.Line{Tenant: "t", Number: "101"}
			id := p.Intern(compositor.Key{Line: line})
			flow := Flow{subscription.UDP, netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.1:7000")}
			for i := range watchers {
				l.subscribe(&Subscribe{
					CallID: fmt.Sprintf("call-%d@phone.example", i), RemoteTag: "a6c85cf", CSeq: 1, Expires: time.Hour, Flow: flow,
					Cold: subscription.Cold{
						LocalURI: "<sip:101@pbx.example>", RemoteURI: `"Ann One" <sip:200@pbx.example>`,
						RemoteTarget: "sip:200@127.0.0.1:7000", Advertised: "127.0.0.1:5060", Entity: "sip:101@pbx.example",
					},
					Decision: policy.Decision{Outcome: policy.Allowed, View: policy.ViewNumber, Line: line},
					Answer:   func(Answer) {},
				})
			}
			l.submit()
			got := l.box.take(letters{})
			l.read(&got)
			answer := func() {
				for i := range l.txns {
					if t := &l.txns[i]; t.used {
						l.ended(int32(i), 200, 0)
					}
				}
			}
			answer()
			calls := []device.Call{{ID: "1", Direction: device.Recipient, Phase: device.Early, Remote: device.Party{Number: "102", Name: "Bob Two"}}}
			w.bytes.Store(0)
			b.ReportAllocs()
			b.ResetTimer()
			sent := 0
			for i := 0; sent < b.N; i++ {
				lamp := compositor.Lamp{State: device.Idle, Offset: uint64(i + 1), At: time.Now()}
				if i%2 == 0 {
					lamp.State, lamp.Calls = device.Ringing, calls
				}
				p.all[id] = lamp
				l.changed(id)
				answer()
				l.wheel.advance(time.Now().UnixMilli(), l.fire)
				sent += watchers
			}
			b.ReportMetric(float64(w.bytes.Load())/float64(sent), "bytes/NOTIFY")
		})
	}
}
