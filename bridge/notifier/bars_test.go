package notifier

import (
	"net/netip"
	"testing"
	"time"

	"blfbridge/bridge/compositor"
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
