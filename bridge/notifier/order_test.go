package notifier

import (
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"blfbridge/bridge/device"
	"blfbridge/bridge/store"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// slow is a store whose commits wait while it is held.
type slow struct {
	committer
	mu   sync.Mutex
	held []func()
	hold bool
}

func (s *slow) Submit(d []store.Delta, l []store.LampDelta, ack func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	submit := func() { s.committer.Submit(d, l, ack) }
	if s.hold {
		s.held = append(s.held, submit)
		return
	}
	submit()
}

func (s *slow) release() {
	s.mu.Lock()
	held := s.held
	s.held, s.hold = nil, false
	s.mu.Unlock()
	for _, submit := range held {
		submit()
	}
	synctest.Wait()
}

// slowRig is a rig whose commits can be held back.
func slowRig(t *testing.T) (*rig, *slow) {
	var s *slow
	r := newRig(t, Config{}, func(n *Notifier) {
		s = &slow{committer: n.committer}
		n.committer = s
	})
	return r, s
}

func (r *rig) reauthorize(d policy.Decision) {
	r.t.Helper()
	if err := r.n.Reauthorize(r.t.Context(), nil, func(Standing) policy.Decision { return d }); err != nil {
		r.t.Fatal(err)
	}
}

// TestPolicyBeforeThe200: the policy changes while a grant is on its way to the store. No
// NOTIFY leaves before the 200, and none tells more than the new policy allows.
func TestPolicyBeforeThe200(t *testing.T) {
	for _, c := range []struct {
		decision policy.Decision
		want     string
	}{
		{policy.Decision{Outcome: policy.Allowed, View: policy.ViewState}, "active v=0 terminated"},
		{policy.Decision{Outcome: policy.Refused}, "terminated;reason=rejected v= "},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, s := slowRig(t)
			defer r.stop()
			r.p.set("101", device.Ringing)
			s.hold = true
			answered := r.post("c1", "101", 1, time.Hour)
			r.reauthorize(c.decision)
			r.none()
			s.release()
			if a := answered(); len(a) != 1 || a[0].Status != 200 {
				t.Fatalf("answers %+v", a)
			}
			r.reply(r.want(c.want), 200)
		})
	}
}

// TestAnswerWhileUnsubscribing: the answer to an earlier NOTIFY comes between a SUBSCRIBE
// with Expires 0 and its 200.
func TestAnswerWhileUnsubscribing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := slowRig(t)
		defer r.stop()
		r.subscribe("c1", "101", 1, time.Hour)
		first := r.want("active v=0 terminated")
		s.hold = true
		answered := r.post("c1", "101", 2, 0)
		r.reply(first, 200)
		s.release()
		if a := answered(); len(a) != 1 || a[0].Status != 200 {
			t.Fatalf("answers %+v", a)
		}
		r.reply(r.want("terminated;reason=timeout v=1 terminated"), 200)
	})
}

// TestDialogEndedWhileRefreshing: the phone ends the dialog by its answer to a NOTIFY while
// its refresh is on its way to the store: a 200 would promise what is gone.
func TestDialogEndedWhileRefreshing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := slowRig(t)
		defer r.stop()
		r.subscribe("c1", "101", 1, time.Hour)
		first := r.want("active v=0 terminated")
		s.hold = true
		answered := r.post("c1", "101", 2, time.Hour)
		r.reply(first, 481)
		s.release()
		if a := answered(); len(a) != 1 || a[0].Status != 481 {
			t.Fatalf("answers %+v", a)
		}
		r.none()
	})
}

// TestPolicyOvertakes: a SUBSCRIBE that was decided by the old policy arrives after
// the standing ones were decided by the new one.
func TestPolicyOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.stop()
		late := func(s *Subscribe) { s.Received = time.Now().Add(-time.Second) }
		r.reauthorize(policy.Decision{Outcome: policy.Refused})
		if a := r.subscribe("c1", "101", 1, time.Hour, late); a.Status != 403 {
			t.Fatalf("answer %+v, want 403", a)
		}
		r.none()
		if a := r.subscribe("c2", "101", 1, time.Hour); a.Status != 200 {
			t.Fatalf("answer %+v to one decided by the new policy", a)
		}
		r.reply(r.want("active v=0 terminated"), 200)
	})
}

// TestBeginsAnew: a phone that uses a Call-ID and tag again while the answer to the last
// NOTIFY of the dialog is missing is no stranger within a dialog.
func TestBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.stop()
		for range 2 {
			if a := r.subscribe("c1", "101", 1, 0); a.Status != 200 {
				t.Fatalf("fetch: %+v", a)
			}
			r.want("terminated;reason=timeout v=0 terminated")
		}
	})
}

// dialled is a wire to a phone that has to be dialled and answers at once: FlowUp comes
// before Send has returned.
type dialled struct {
	*wire
	n  *Notifier
	up bool
}

func (d *dialled) Send(f Flow, msg []byte) error {
	if !d.up {
		d.up = true
		d.n.FlowUp(f)
		return ErrConnecting
	}
	return d.wire.Send(f, msg)
}

func TestFlowUpBeforeSendReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.stop()
		r.n.transport = &dialled{wire: r.w, n: r.n}
		r.subscribe("c1", "101", 1, time.Hour, stream)
		r.reply(r.want("active v=0 terminated"), 200)
	})
}

// TestClosedFlowIsTriedAgain: the phone closed its connection, but can be dialled.
func TestClosedFlowIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.stop()
		r.subscribe("c1", "101", 1, time.Hour, stream)
		r.reply(r.want("active v=0 terminated"), 200)
		f := Flow{subscription.TCP, netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.1:7000")}
		r.n.transport = &dialled{wire: r.w, n: r.n}
		r.n.FlowClosed(f)
		r.none()
		r.p.set("101", device.Busy)
		r.want("active v=1 confirmed")
		r.n.FlowClosed(f) // before the answer
		r.reply(r.want("active v=2 confirmed"), 200)
	})
}

// TestProxyReconnects: a proxy's connection was closed and it cannot be dialled; its next
// refresh comes over another one, which NOTIFYs take from then on.
func TestProxyReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.stop()
		routed := func(s *Subscribe) { s.Cold.Routes = "<sip:127.0.0.1:7000;transport=tcp;lr>" }
		r.subscribe("c1", "101", 1, time.Hour, stream, routed)
		r.reply(r.want("active v=0 terminated"), 200)
		old := Flow{subscription.TCP, netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.1:7000")}
		r.n.transport = &cutWire{wire: r.w, gone: old}
		r.n.FlowClosed(old)
		r.subscribe("c1", "101", 2, time.Hour, stream, func(s *Subscribe) { s.Flow.Remote = netip.MustParseAddrPort("127.0.0.1:7001") })
		r.reply(r.want("active v=1 terminated"), 200)
	})
}

// cutWire is a wire on which one connection is gone.
type cutWire struct {
	*wire
	gone Flow
}

func (w *cutWire) Send(f Flow, msg []byte) error {
	if f == w.gone {
		return ErrNoFlow
	}
	return w.wire.Send(f, msg)
}

// TestLatencyIsOfChanges: a NOTIFY sent again and one that ends a subscription show no
// change; the age of the state would be taken for the latency of a lamp.
func TestLatencyIsOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		r := newRig(t, Config{Registerer: reg})
		defer r.stop()
		r.p.set("101", device.Busy)
		time.Sleep(time.Hour)
		r.subscribe("c1", "101", 1, time.Hour)
		r.want("active v=0 confirmed")
		time.Sleep(33 * time.Second) // lost, and sent again
		sent := r.w.take()
		r.reply(sent[len(sent)-1], 200)
		r.p.set("101", device.Idle)
		r.reply(r.want("active v=2 terminated"), 200)
		time.Sleep(time.Hour - 33*time.Second + 100*time.Millisecond)
		r.reply(r.want("terminated;reason=timeout v=3 terminated"), 200)
		if n, sum := histogram(t, reg, "blfbridge_lamp_event_to_notify_seconds"); n != 1 || sum > 1 {
			t.Errorf("%d latencies of %g s in all, want that of the one change", n, sum)
		}
	})
}

func histogram(t *testing.T, g prometheus.Gatherer, name string) (count uint64, sum float64) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name && f.GetType() == dto.MetricType_HISTOGRAM {
			h := f.GetMetric()[0].GetHistogram()
			return h.GetSampleCount(), h.GetSampleSum()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0, 0
}

// TestCountsFollowTheTenant: a watcher that moves to another tenant with its target is
// counted there.
func TestCountsFollowTheTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.stop()
		r.subscribe("c1", "101", 1, time.Hour)
		r.reply(r.want("active v=0 terminated"), 200)
		r.reauthorize(policy.Decision{Outcome: policy.Allowed, View: policy.ViewNumber, Line: policy.Line{Tenant: "u", Number: "101"}})
		for tenant, want := range map[string]int{"t": 0, "u": 1} {
			if c := r.n.Counts(policy.Watcher{Tenant: tenant, ID: "200"}); c.Watcher != want || c.Total != 1 {
				t.Errorf("tenant %s: %+v, want %d of 1", tenant, c, want)
			}
		}
		r.w.take()
		r.p.set("101", device.Busy)
		r.none() // of the old tenant
	})
}

// TestDeviceMode: what the policy decides is watched, the line or its phone.
func TestDeviceMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.stop()
		phone := func(s *Subscribe) { s.Decision.Device = true }
		r.subscribe("c1", "101", 1, time.Hour, phone)
		r.reply(r.want("active v=0 terminated"), 200)
		r.p.set("101", device.Busy) // on another phone
		r.none()
		r.reauthorize(policy.Decision{Outcome: policy.Allowed, View: policy.ViewNumber, Line: policy.Line{Tenant: "t", Number: "101"}})
		r.reply(r.want("active v=1 confirmed"), 200)
	})
}

// TestTimersDoNotPile: a line that flaps under a minimum interval sets an early timer each
// time; the late one behind it must not be set again and again.
func TestTimersDoNotPile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := subscription.DefaultRules
		rules.MinInterval = 200
		r := newRig(t, Config{Rules: rules, Loops: 1})
		defer r.stop()
		r.subscribe("c1", "101", 1, time.Hour)
		r.reply(r.want("active v=0 terminated"), 200)
		for i := range 500 {
			r.p.set("101", []device.State{device.Busy, device.Idle}[i%2])
			time.Sleep(110 * time.Millisecond)
			synctest.Wait()
			for _, m := range r.w.take() {
				r.reply(m, 200)
			}
		}
		timers := 0
		if err := r.n.each(t.Context(), func(l *loop) {
			for i := range l.wheel.levels {
				for _, s := range l.wheel.levels[i].slots {
					timers += len(s)
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		if timers > 20 {
			t.Errorf("%d timers are set for one subscription", timers)
		}
	})
}

// TestChangeWhileRefreshing: what happens while a refresh is on its way to the store is
// told after its 200, in one NOTIFY, to where the refresh came from.
func TestChangeWhileRefreshing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := slowRig(t)
		defer r.stop()
		r.subscribe("c1", "101", 1, time.Hour)
		r.reply(r.want("active v=0 terminated"), 200)
		s.hold = true
		answered := r.post("c1", "101", 2, time.Hour)
		r.p.set("101", device.Ringing)
		r.none()
		again := r.post("c1", "101", 3, time.Hour)
		r.p.set("101", device.Busy)
		time.Sleep(time.Second)
		r.none()
		s.release()
		if a, b := answered(), again(); len(a) != 1 || a[0].Status != 200 || len(b) != 1 || b[0].Status != 200 {
			t.Fatalf("answers %+v and %+v", a, b)
		}
		r.reply(r.want("active v=1 confirmed"), 200)
		r.p.set("101", device.Idle)
		r.reply(r.want("active v=2 terminated"), 200)
	})
}
