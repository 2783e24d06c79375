package notifier

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// barred is a loop without goroutine or sockets, whose allocations are counted.
type barred struct {
	*loop
	p    *lamps
	line policy.Line
	id   uint32
}

func newBarred() *barred {
	p := &lamps{}
	n := New(Config{Lamps: p, Transport: &nowhere{}, Loops: 1})
	p.n = n
	line := policy.Line{Tenant: "t", Number: "101"}
	return &barred{n.loops[0], p, line, p.Intern(compositor.Key{Line: line})}
}

func (l *barred) subscribed(callID, localTag string, cseq uint32, answer func(Answer)) *Subscribe {
	return &Subscribe{
		CallID: callID, RemoteTag: "a6c85cf", LocalTag: localTag, CSeq: cseq, Expires: time.Hour,
		Flow: Flow{subscription.UDP, netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.1:7000")},
		Cold: subscription.Cold{
			LocalURI: "<sip:101@pbx.example>", RemoteURI: "<sip:200@pbx.example>", Transport: "UDP",
			Local: "127.0.0.1:5060", Remote: "127.0.0.1:7000",
			RemoteTarget: "sip:200@127.0.0.1:7000", Advertised: "127.0.0.1:5060", Entity: "sip:101@pbx.example",
		},
		Watcher:  policy.Watcher{Tenant: "t", ID: "200"},
		Decision: policy.Decision{Outcome: policy.Allowed, View: policy.ViewNumber, Line: l.line},
		Answer:   answer,
	}
}

// take hands a SUBSCRIBE in and lets its group be committed; then every NOTIFY is answered.
func (l *barred) take(s *Subscribe) {
	l.subscribe(s)
	l.submit()
	got := l.box.take(letters{})
	l.read(&got)
	l.answerAll()
}

func (l *barred) answerAll() {
	for i := range l.txns {
		if l.txns[i].used {
			l.ended(int32(i), 200, 0)
		}
	}
}

// TestAllocationsPerNotify holds the bar of a NOTIFY in the steady state: a line changes,
// its watchers are told, each answers. The body's rendering is shared by the watchers.
func TestAllocationsPerNotify(t *testing.T) {
	const watchers, bar = 50, 2
	l := newBarred()
	for i := range watchers {
		l.take(l.subscribed(fmt.Sprintf("call-%d@phone.example", i), "", 1, func(Answer) {}))
	}
	calls := []device.Call{{ID: "1", Direction: device.Recipient, Phase: device.Early, Remote: device.Party{Number: "102"}}}
	offset, told := uint64(0), 0
	round := func() {
		offset++
		lamp := compositor.Lamp{State: device.Idle, Offset: offset, At: time.Now()}
		if offset%2 == 1 {
			lamp.State, lamp.Calls = device.Ringing, calls
		}
		l.p.all[l.id] = lamp
		l.changed(l.id)
		told += l.pace.fresh
		l.answerAll()
		l.wheel.advance(time.Now().UnixMilli(), l.fire)
	}
	round()
	round()
	told = 0
	const rounds = 50
	each := testing.AllocsPerRun(rounds, round) / watchers
	if told != (rounds+1)*watchers { // AllocsPerRun warms up once
		t.Fatalf("%d NOTIFYs, want %d: nothing was measured", told, (rounds+1)*watchers)
	}
	if t.Logf("%.2f allocations for each NOTIFY", each); each > bar {
		t.Errorf("%.2f allocations for each NOTIFY, want at most %d", each, bar)
	}
}

// TestAllocationsPerRefresh holds the bar of a refresh in the notifier: SUBSCRIBE, its
// commit, the 200, the NOTIFY and that one's 200.
func TestAllocationsPerRefresh(t *testing.T) {
	const bar = 12
	l := newBarred()
	var tag string
	l.take(l.subscribed("call@phone.example", "", 1, func(a Answer) { tag = a.LocalTag }))
	answered := 0
	cseq := uint32(1)
	s := l.subscribed("call@phone.example", tag, 1, func(a Answer) {
		if a.Status == 200 {
			answered++
		}
	})
	const rounds = 200
	each := testing.AllocsPerRun(rounds, func() {
		cseq++
		s.CSeq = cseq
		l.take(s)
	})
	if answered != rounds+1 {
		t.Fatalf("%d refreshes were granted, want %d", answered, rounds+1)
	}
	if t.Logf("%.2f allocations for each refresh", each); each > bar {
		t.Errorf("%.2f allocations for each refresh, want at most %d", each, bar)
	}
}
