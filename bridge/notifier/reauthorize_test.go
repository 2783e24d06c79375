package notifier

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// campus is a document of many groups, ten lines and a phone in each; every group may
// watch the next one.
func campus(groups int, changed bool) *policy.Document {
	t := policy.Tenant{Name: "t"}
	for g := range groups {
		name := fmt.Sprint("G", g)
		t.PresenceGroups = append(t.PresenceGroups, policy.PresenceGroup{Name: name})
		p := policy.GroupPermission{From: name, To: fmt.Sprint("G", (g+1)%groups), Subscribe: policy.Allow}
		if changed && g == 0 {
			p.Subscribe = policy.Disallow
		}
		t.Permissions = append(t.Permissions, p)
		for i := range 10 {
			t.Lines = append(t.Lines, policy.DirectoryNumber{Number: fmt.Sprint(10_000_000 + g*10 + i), PresenceGroup: name})
		}
		t.Phones = append(t.Phones, policy.Phone{Name: fmt.Sprint("P", g), PresenceGroup: name})
	}
	return &policy.Document{Tenants: []policy.Tenant{t}}
}

// reauthorized is what a change of one pair of groups did.
type reauthorized struct {
	decided, ended int
	// took is from the document to the last decision, compiled the part before the first;
	// stall is the longest that a loop did nothing else.
	took, compiled, stall time.Duration
}

// onePair lets phones of every group subscribe to lines of the next group, evenly, forbids
// it to one of the groups, and measures.
func onePair(tb testing.TB, groups, subs int) (out reauthorized) {
	tb.Helper()
	compile := func(changed bool) *policy.Snapshot {
		s, err := policy.Compile(campus(groups, changed))
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
	old := compile(false)
	p := &lamps{}
	n := New(Config{Lamps: p, Transport: &nowhere{}, Loops: 2, MaxBacklog: subs + 1}) // none of them is to be put off
	p.n = n
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = n.Run(ctx) })
	defer running.Wait()
	defer cancel()
	<-n.Ready()
	flow := Flow{subscription.UDP, netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.1:7000")}
	target := func(number string) policy.Target { return policy.Target{Tenant: "t", Number: number, Learned: true} }
	var answered sync.WaitGroup
	answered.Add(subs)
	for i := range subs {
		g := i % groups
		number := fmt.Sprint(10_000_000 + (g+1)%groups*10 + i/groups%10)
		w := policy.Watcher{Tenant: "t", Kind: policy.WatcherPhone, ID: fmt.Sprint("P", g), Trusted: true}
		d := policy.Decide(old, w, target(number), policy.Counts{})
		if !d.Allow() {
			tb.Fatal(d)
		}
		n.Subscribe(&Subscribe{
			CallID: fmt.Sprint("c", i), RemoteTag: "t", CSeq: 1, Expires: time.Hour, Flow: flow, Watcher: w, Decision: d,
			Cold: subscription.Cold{
				LocalURI: "<sip:" + number + "@pbx.example>", RemoteURI: "<sip:200@pbx.example>", RemoteTarget: "sip:200@127.0.0.1:7000",
				Advertised: "127.0.0.1:5060", Entity: "sip:" + number + "@pbx.example",
				Tenant: "t", Number: number, WatcherTenant: "t", WatcherID: w.ID,
			},
			Answer: func(a Answer) {
				if a.Status != 200 {
					tb.Errorf("a SUBSCRIBE got %d", a.Status)
				}
				answered.Done()
			},
		})
	}
	answered.Wait()

	// Somebody asks the loops for something small all the time: how long do they wait?
	stop := make(chan struct{})
	var asking sync.WaitGroup
	var stall atomic.Int64
	asking.Go(func() {
		for {
			for _, l := range n.loops {
				began := time.Now()
				if n.in(ctx, l, func(*loop) {}) != nil {
					return
				}
				stall.Store(max(stall.Load(), int64(time.Since(began))))
			}
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Microsecond):
			}
		}
	})
	began := time.Now()
	var decided atomic.Int64
	next := compile(true).WithDomains(nil).WithLogins(nil) // all that bridge does
	if !next.SameLines(old) {
		tb.Error("a pair of groups made other lines")
	}
	compiled := time.Since(began)
	changes := policy.Affected(old, next)
	err := n.Reauthorize(ctx, func(s Standing) bool { return !changes.Touches(s.Watcher, target(s.Line.Number)) },
		func(s Standing) policy.Decision {
			decided.Add(1)
			return policy.Decide(next, s.Watcher, target(s.Line.Number), policy.Counts{})
		})
	out.took, out.compiled = time.Since(began), compiled
	close(stop)
	asking.Wait()
	if err != nil {
		tb.Fatal(err)
	}
	out.decided, out.stall = int(decided.Load()), time.Duration(stall.Load())
	if err := n.Visit(ctx, func(r Row) {
		if r.Hot.Status == subscription.Terminated {
			out.ended++
		}
	}); err != nil {
		tb.Fatal(err)
	}
	return out
}

// TestOnePairTouchesItsOwn: one pair of many changes; just the subscriptions between those
// two groups are decided again, and end.
func TestOnePairTouchesItsOwn(t *testing.T) {
	const groups, subs = 100, 5000
	got := onePair(t, groups, subs)
	if want := subs / groups; got.decided != want || got.ended != want {
		t.Errorf("%d were decided again and %d ended, want %d", got.decided, got.ended, want)
	}
}

// BenchmarkOnePair is the same with 1,000 groups and 200,000 subscriptions: ms/change is
// from the document to the last decision, ms/compile of it until there is a snapshot, and ms/stall the longest that a loop was busy
// with it in one go.
func BenchmarkOnePair(b *testing.B) {
	const groups, subs = 1000, 200_000
	var took, compiled, stall time.Duration
	for range b.N {
		got := onePair(b, groups, subs)
		if want := subs / groups; got.decided != want || got.ended != want {
			b.Fatalf("%d were decided again and %d ended, want %d", got.decided, got.ended, want)
		}
		took, compiled, stall = took+got.took, compiled+got.compiled, max(stall, got.stall)
	}
	b.ReportMetric(float64(took.Microseconds())/1e3/float64(b.N), "ms/change")
	b.ReportMetric(float64(compiled.Microseconds())/1e3/float64(b.N), "ms/compile")
	b.ReportMetric(float64(stall.Microseconds())/1e3, "ms/stall")
	b.ReportMetric(0, "ns/op")
}
