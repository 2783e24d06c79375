package notifier

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/policy"
)

// outside is an External that keeps what it was told; loops call it one at a time.
type outside struct {
	told  []string
	admit policy.Outcome
	fetch []func() // that wait
}

func (o *outside) Fetch(w Watch, done func()) bool {
	o.tell("fetch", w)
	o.fetch = append(o.fetch, done)
	return true
}

func (o *outside) Admit(_ policy.Watcher, d policy.Decision) (policy.Decision, time.Duration) {
	d.Outcome = o.admit
	return d, 7 * time.Second
}
func (o *outside) Watch(w Watch)   { o.tell("watch", w) }
func (o *outside) Unwatch(w Watch) { o.tell("unwatch", w) }
func (o *outside) tell(what string, w Watch) {
	o.told = append(o.told, fmt.Sprintf("%s %s via %s by %s hops %d", what, w.Key.Number, w.Route, w.Watcher.ID, w.MaxForwards))
}

func (o *outside) take(t *testing.T, want ...string) {
	t.Helper()
	if fmt.Sprint(o.told) != fmt.Sprint(want) {
		t.Errorf("told %q, want %q", o.told, want)
	}
	o.told = nil
}

func via(route string) opt {
	return func(s *Subscribe) { s.Decision.Route, s.MaxForwards = route, 69 }
}

// TestExternalWatch: who watches external presentities is told once per subscription, not
// at its refreshes, and taken back when it is over or the number is ours now.
func TestExternalWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outside{admit: policy.Allowed}
		r := newRig(t, Config{Loops: 1, External: o})
		defer func() { r.stop() }()
		r.subscribe("c0", "101", 1, time.Hour)
		r.answered()
		o.take(t)
		r.subscribe("c1", "5001", 1, time.Hour, via("R"))
		r.answered()
		o.take(t, "watch 5001 via R by 200 hops 69")
		r.subscribe("c1", "5001", 2, time.Hour, via("R"))
		r.answered()
		o.take(t)
		r.subscribe("c1", "5001", 3, time.Hour, via("S"))
		r.answered()
		o.take(t, "watch 5001 via S by 200 hops 69", "unwatch 5001 via R by 200 hops 69")
		decide := func(d policy.Decision) func(Standing) policy.Decision {
			return func(s Standing) policy.Decision { d.Line = s.Line; return d }
		}
		_ = r.n.Reauthorize(t.Context(), nil, decide(policy.Decision{Outcome: policy.Allowed, View: policy.ViewNumber, Route: "T"}))
		o.take(t, "watch 101 via T by 200 hops 0", "watch 5001 via T by 200 hops 69", "unwatch 5001 via S by 200 hops 69")
		_ = r.n.Reauthorize(t.Context(), nil, decide(policy.Decision{Outcome: policy.Allowed, View: policy.ViewNumber}))
		o.take(t, "unwatch 101 via T by 200 hops 0", "unwatch 5001 via T by 200 hops 69")
		r.subscribe("c1", "5001", 4, time.Hour, via("R"))
		r.answered()
		r.subscribe("c1", "5001", 5, 0, via("R"))
		r.answered()
		o.take(t, "watch 5001 via R by 200 hops 69", "unwatch 5001 via R by 200 hops 69")
	})
}

// TestExternalAdmit: what is known of an external presentity decides about a further watcher.
func TestExternalAdmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outside{}
		r := newRig(t, Config{Loops: 1, External: o})
		defer func() { r.stop() }()
		for outcome, want := range map[policy.Outcome]Answer{
			policy.Refused: {Status: 403}, policy.NotFound: {Status: 404}, policy.Unavailable: {Status: 503, RetryAfter: 7 * time.Second},
		} {
			o.admit = outcome
			if a := r.subscribe(fmt.Sprint("c", outcome), "5001", 1, time.Hour, via("R")); a != want {
				t.Errorf("outcome %v: answered %+v, want %+v", outcome, a, want)
			}
		}
		o.take(t)
		r.none()
	})
}

// TestRecheck: each outcome ends the subscriptions to that presentity, and no other, with
// the reason it stands for.
func TestRecheck(t *testing.T) {
	for outcome, reason := range map[policy.Outcome]string{
		policy.Refused: "rejected", policy.NotFound: "noresource", policy.Unavailable: "probation",
	} {
		synctest.Test(t, func(t *testing.T) {
			o := &outside{admit: policy.Allowed}
			r := newRig(t, Config{Loops: 1, External: o})
			defer func() { r.stop() }()
			r.subscribe("c0", "5000", 1, time.Hour, via("R"))
			r.answered()
			r.subscribe("c1", "5001", 1, time.Hour, via("R"))
			r.answered()
			o.told = nil
			id := r.p.Intern(compositor.Key{Line: policy.Line{Tenant: "t", Number: "5001"}})
			r.n.Recheck(id, func(s Standing) policy.Decision { return policy.Decision{Outcome: outcome, Line: s.Line} })
			if got, msg := r.one(); got != "terminated;reason="+reason+" v= " {
				t.Errorf("outcome %v: %s", outcome, got)
			} else {
				r.reply(msg, 200)
			}
			o.take(t, "unwatch 5001 via R by 200 hops 69")
		})
	}
}

// answered answers the one NOTIFY on the wire.
func (r *rig) answered() {
	r.t.Helper()
	_, msg := r.one()
	r.reply(msg, 200)
	synctest.Wait()
}

// TestFetchWaits: a fetch of an external presentity is answered, once, when it has been
// asked outside; within a subscription, and for our own lines, nobody is asked.
func TestFetchWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outside{admit: policy.Allowed}
		r := newRig(t, Config{Loops: 1, External: o})
		defer func() { r.stop() }()
		r.subscribe("c0", "101", 1, 0)
		r.answered()
		o.take(t)
		answered := r.post("c1", "5001", 1, 0, via("R"))
		o.take(t, "fetch 5001 via R by 200 hops 69")
		r.none()
		if len(answered()) > 0 {
			t.Fatal("answered before it was asked outside")
		}
		o.fetch[0]()
		synctest.Wait()
		if a := answered(); len(a) != 1 || a[0].Status != 200 {
			t.Fatalf("%+v", a)
		}
		r.want("terminated;reason=timeout v=0 terminated")
		o.take(t)
	})
}
