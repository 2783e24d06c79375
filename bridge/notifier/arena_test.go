package notifier

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// TestArena: over thousands of subscriptions that come, are refreshed with other texts, and
// go, every record keeps its own text and is found by its key, strings taken out of one
// stay as they were, and the memory stays in proportion.
func TestArena(t *testing.T) {
	p := &lamps{}
	n := New(Config{Lamps: p, Transport: &nowhere{}, Loops: 1})
	p.n = n
	l := n.loops[0]
	random := rand.New(rand.NewPCG(5, rand.Uint64()))
	flow := Flow{subscription.UDP, netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("[2001:db8::7]:7000")}
	add := func(i int) int32 {
		c := subscription.Cold{
			CallID: fmt.Sprint("call", i), RemoteTag: "tag", RemoteTarget: strings.Repeat(fmt.Sprint(i, "."), 1+random.IntN(100)),
			Tenant: "t", Number: fmt.Sprint(i % 50), WatcherID: fmt.Sprint("w", i%90),
		}
		k := key(c.CallID, c.RemoteTag, subscription.Dialog, "")
		if i%7 == 0 {
			k += "\x00t\x00\x00odd"
		}
		return l.add(k, subscription.New(subscription.Hot{Presentity: uint32(i % 50)}, c), flow)
	}
	const standing = 3000
	var slots []int32
	var names []int
	for i := range standing {
		slots, names = append(slots, add(i)), append(names, i)
	}
	kept := *l.coldOf(l.records.at(slots[17]))
	before := fmt.Sprintf("%+v", kept)
	for i := standing; i < 12*standing; i++ {
		at := random.IntN(len(slots))
		if random.IntN(3) == 0 {
			e := l.records.at(slots[at])
			c := *l.coldOf(e)
			c.UserAgent = strings.Repeat("u", random.IntN(200))
			l.keep(slots[at], c)
			continue
		}
		l.remove(slots[at], false)
		slots[at], names[at] = add(i), i
	}
	live := 0
	for at, slot := range slots {
		e := l.records.at(slot)
		c := *l.coldOf(e)
		if c.CallID != fmt.Sprint("call", names[at]) || l.flowOf(e) != flow {
			t.Fatalf("slot %d holds %s over %v, want call%d", slot, c.CallID, l.flowOf(e), names[at])
		}
		if found, ok := l.slotOf(l.keyOf(slot)); !ok || found != slot || (names[at]%7 == 0) != (l.oddKeys[slot] != "") {
			t.Fatalf("%q finds %d, want %d", l.keyOf(slot), found, slot)
		}
		live += len(l.arena.text(e.at)) + textHead
	}
	if after := fmt.Sprintf("%+v", kept); after != before {
		t.Errorf("a string changed: %s, was %s", after, before)
	}
	pieces := 0
	for _, x := range l.arena.pieces {
		if x.text != nil {
			pieces++
		}
	}
	if most := 2*live/pieceSize + 3; pieces > most {
		t.Errorf("%d pieces for %d bytes, want at most %d", pieces, live, most)
	}
	if len(l.byKey) != standing || len(l.oddKeys) > standing {
		t.Errorf("%d keys, %d odd ones", len(l.byKey), len(l.oddKeys))
	}
	if c := n.Counts(policy.Watcher{}); c.Total != standing {
		t.Errorf("%d are counted", c.Total)
	}
}

// TestBytesPerSubscription holds the bar of memory: what a standing subscription costs in
// the notifier, by the heap.
func TestBytesPerSubscription(t *testing.T) {
	p := &lamps{}
	n := New(Config{Lamps: p, Transport: &nowhere{}, Loops: 1})
	p.n = n
	l := n.loops[0]
	const many = 50_000
	before := heapOf()
	for i := range many {
		host := fmt.Sprintf("10.0.%d.%d:5060", i>>8&255, i&255)
		flow := Flow{subscription.UDP, netip.MustParseAddrPort("10.1.0.1:5060"), netip.MustParseAddrPort(host)}
		l.subscribe(&Subscribe{
			CallID: fmt.Sprintf("%d-9f8a7b6c@10.0.%d.%d", i, i>>8&255, i&255), RemoteTag: fmt.Sprint("p", i), CSeq: 1, Expires: time.Hour, Flow: flow,
			Cold: subscription.Cold{
				LocalURI: "<sip:1001@10.1.0.1:5060>", RemoteURI: "<sip:1002@10.1.0.1:5060>", RemoteTarget: "sip:1002@" + host,
				Transport: "UDP", Local: "10.1.0.1:5060", Remote: host, Advertised: "10.1.0.1:5060", Accept: "application/dialog-info+xml",
				Entity: "sip:1001@10.1.0.1:5060", UserAgent: "Yealink SIP-T46S 66.84.0.15",
			},
			Watcher:  policy.Watcher{Tenant: "default", Kind: policy.WatcherPhone, ID: fmt.Sprint("SEP", i/20)},
			Decision: policy.Decision{Outcome: policy.Allowed, View: policy.ViewNumber, Line: policy.Line{Tenant: "default", Number: fmt.Sprint(i / 50)}},
			Answer:   func(Answer) {},
		})
		l.submit()
		got := l.box.take(letters{})
		l.read(&got)
		l.response(Response{Branch: ParseBranch(l.buf), CSeq: 1, Status: 200})
	}
	each := (heapOf() - before) / many
	runtime.KeepAlive(n)
	if each > 500 {
		t.Errorf("%d bytes for each subscription, want at most 500", each)
	} else {
		t.Logf("%d bytes for each subscription", each)
	}
}

func heapOf() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
