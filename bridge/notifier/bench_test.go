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
			f := newFanOut(watchers)
			f.w.bytes.Store(0)
			b.ReportAllocs()
			b.ResetTimer()
			sent := 0
			for sent < b.N {
				f.move()
				sent += watchers
			}
			b.ReportMetric(float64(f.w.bytes.Load())/float64(sent), "bytes/NOTIFY")
		})
	}
}

// fanOut is one presentity and its watchers, every NOTIFY answered.
type fanOut struct {
	lamps *lamps
	w     *nowhere
	l     *loop
	id    uint32
	moves int
	calls []device.Call
}

func newFanOut(watchers int) *fanOut {
	f := &fanOut{lamps: &lamps{}, w: &nowhere{}}
	n := New(Config{Lamps: f.lamps, Transport: f.w, Loops: 1})
	f.lamps.n, f.l = n, n.loops[0]
	line := policy.Line{Tenant: "t", Number: "101"}
	f.id = f.lamps.Intern(compositor.Key{Line: line})
	flow := Flow{subscription.UDP, netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.1:7000")}
	for i := range watchers {
		f.l.subscribe(&Subscribe{
			CallID: fmt.Sprintf("call-%d@phone.example", i), RemoteTag: "a6c85cf", CSeq: 1, Expires: time.Hour, Flow: flow,
			Cold: subscription.Cold{
				LocalURI: "<sip:101@pbx.example>", RemoteURI: `"Ann One" <sip:200@pbx.example>`,
				RemoteTarget: "sip:200@127.0.0.1:7000", Advertised: "127.0.0.1:5060", Entity: "sip:101@pbx.example",
			},
			Decision: policy.Decision{Outcome: policy.Allowed, View: policy.ViewNumber, Line: line},
			Answer:   func(Answer) {},
		})
	}
	f.l.submit()
	got := f.l.box.take(letters{})
	f.l.read(&got)
	f.answer()
	f.calls = []device.Call{{ID: "1", Direction: device.Recipient, Phase: device.Early, Remote: device.Party{Number: "102", Name: "Bob Two"}}}
	return f
}

func (f *fanOut) answer() {
	for i := range f.l.txns {
		if t := &f.l.txns[i]; t.used {
			f.l.ended(int32(i), 200, 0)
		}
	}
}

// move lets the presentity change, every watcher be told and answer.
func (f *fanOut) move() {
	lamp := compositor.Lamp{State: device.Idle, Offset: uint64(f.moves + 1), At: time.Now()}
	if f.moves%2 == 0 {
		lamp.State, lamp.Calls = device.Ringing, f.calls
	}
	f.moves++
	f.lamps.all[f.id] = lamp
	f.l.changed(f.id)
	f.answer()
	f.l.wheel.advance(time.Now().UnixMilli(), f.l.fire)
}
