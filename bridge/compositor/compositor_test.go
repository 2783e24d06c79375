package compositor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/line"
	"blfbridge/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func plan(t *testing.T, yaml string, domains ...string) *line.Plan {
	t.Helper()
	d, err := policy.Load([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	s, err := policy.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return line.Compile(s.WithDomains(append(domains, "")), line.Config{})
}

// rig is a compositor whose feed and store a test reads.
type rig struct {
	t *testing.T
	c *compositor.Compositor

	mu      sync.Mutex
	batches []compositor.Batch
	kept    map[compositor.Key]string
	domains []string
}

func newRig(t *testing.T, p *line.Plan) *rig {
	r := &rig{t: t, kept: map[compositor.Key]string{}}
	r.c = compositor.New(compositor.Config{
		Plan: p,
		Feed: func(b compositor.Batch) { r.mu.Lock(); r.batches = append(r.batches, b); r.mu.Unlock() },
		Keep: func(k compositor.Key, l compositor.Lamp, gone bool) {
			r.kept[k] = l.State.String()
			if gone {
				r.kept[k] = "gone"
			}
		},
		NewDomain: func(d string) { r.domains = append(r.domains, d) },
	})
	return r
}

func (r *rig) attach(name string, grace time.Duration) compositor.Sink {
	r.t.Helper()
	s, err := r.c.Attach(name, compositor.SourceOptions{Grace: grace})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// moved returns the offsets fed since the last call, and checks that no batch is missing.
func (r *rig) moved() (n int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, b := range r.batches {
		n += len(b.Presentities)
		if b.Offset-b.From != uint64(len(b.Presentities)) || i > 0 && (b.From != r.batches[i-1].Offset || b.Epoch != r.batches[0].Epoch) {
			r.t.Errorf("the feed has a gap: %+v", r.batches)
		}
	}
	r.batches = nil
	return n
}

func (r *rig) want(tenant, number, lamp string) {
	r.t.Helper()
	l := r.c.Lamp(r.c.Intern(compositor.Key{Line: policy.Line{Tenant: tenant, Number: number}}))
	got := l.Single().String()
	if l.DND && l.State > device.Idle {
		got += "+dnd"
	}
	if got != lamp {
		r.t.Errorf("%s in %q shows %s, want %s", number, tenant, got, lamp)
	}
}

func phone(number, domain string, s device.State) device.Status {
	name := "PJSIP/" + number
	if domain != "" {
		name = number + "@" + domain
	}
	return device.Status{Name: name, Number: number, Domain: domain, State: s}
}

func flag(number string, on bool) device.Status {
	return device.Status{Name: "Custom:DND" + number, Kind: device.DNDFlag, Number: number, DND: on}
}

// tenantOf is the default tenant's name.
func tenantOf(t *testing.T) string {
	t.Helper()
	s, err := policy.Compile(&policy.Document{})
	if err != nil {
		t.Fatal(err)
	}
	name, _ := s.WithDomains([]string{""}).TenantByHost("", nil)
	return name
}

func TestSnapshotThenChanges(t *testing.T) {
	r, def := newRig(t, plan(t, "")), tenantOf(t)
	s := r.attach("a", time.Minute)
	r.want(def, "1001", "unknown")
	s.Snapshot([]device.Status{phone("1001", "", device.Idle), phone("1002", "", device.Busy), flag("1001", true)})
	r.want(def, "1001", "dnd")
	r.want(def, "1002", "busy")
	if n := r.moved(); n != 2 {
		t.Errorf("%d lamps moved, want 2", n)
	}
	s.Change(phone("1002", "", device.Busy))
	if n := r.moved(); n != 0 {
		t.Errorf("%d lamps moved by a repeated status", n)
	}
	s.Change(phone("1001", "", device.Ringing))
	r.want(def, "1001", "ringing+dnd")
	s.Remove("PJSIP/1002")
	r.want(def, "1002", "unknown")
	r.moved()
	// The PBX returns with the same truth: nothing is fed but what differs.
	s.Snapshot([]device.Status{phone("1001", "", device.Idle), flag("1001", true)})
	if n := r.moved(); n != 1 {
		t.Errorf("%d lamps moved, want 1", n)
	}
}

func TestDomainsApart(t *testing.T) {
	r := newRig(t, plan(t, "", "a.example", "b.example"))
	s := r.attach("fs", 0)
	s.Snapshot([]device.Status{phone("1001", "a.example", device.Busy), phone("1001", "b.example", device.Idle)})
	r.want("a.example", "1001", "busy")
	r.want("b.example", "1001", "idle")
	if fmt.Sprint(r.domains) != "[a.example b.example]" {
		t.Errorf("domains told: %v", r.domains)
	}
}

func TestGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, def := newRig(t, plan(t, "")), tenantOf(t)
		a, b := r.attach("a", 10*time.Second), r.attach("b", time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.c.Run(ctx) }()
		defer func() { cancel(); <-done }()
		a.Snapshot([]device.Status{phone("1001", "", device.Busy), flag("1001", true)})
		b.Snapshot([]device.Status{phone("2001", "", device.Idle)})
		a.Down(errors.New("EOF"))
		time.Sleep(9 * time.Second)
		r.want(def, "1001", "busy+dnd")
		r.moved()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		r.want(def, "1001", "unknown")
		r.want(def, "2001", "idle")
		if n := r.moved(); n != 1 {
			t.Errorf("%d lamps moved, want 1", n)
		}
		if st := r.c.Sources()[0]; st.Up || st.Why == nil || !st.Heard {
			t.Errorf("source: %+v", st)
		}
		a.Snapshot([]device.Status{phone("1001", "", device.Busy), flag("1001", true)})
		r.want(def, "1001", "busy+dnd")
		// Down and up within the grace period: nobody is told anything.
		r.moved()
		a.Down(errors.New("EOF"))
		time.Sleep(5 * time.Second)
		a.Snapshot([]device.Status{phone("1001", "", device.Busy), flag("1001", true)})
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := r.moved(); n != 0 {
			t.Errorf("%d lamps moved over a short loss", n)
		}
	})
}

func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, def := newRig(t, plan(t, "")), tenantOf(t)
		a := r.attach("a", time.Minute)
		key := func(n string) compositor.Key {
			return compositor.Key{Line: policy.Line{Tenant: def, Number: n}}
		}
		r.c.Restore(key("1001"), compositor.Lamp{State: device.Busy})
		r.c.Restore(key("1009"), compositor.Lamp{State: device.Idle, DND: true})
		r.want(def, "1001", "busy")
		r.want(def, "1009", "dnd")
		if !r.c.Learned(def, "1009") {
			t.Error("a stored line is not learned")
		}
		a.Snapshot([]device.Status{phone("1001", "", device.Busy)})
		r.want(def, "1001", "busy")
		r.want(def, "1009", "unknown") // the PBX has it no more
		if r.c.Learned(def, "1009") || r.kept[key("1009")] != "gone" {
			t.Errorf("1009 is still learned, or kept as %q", r.kept[key("1009")])
		}
	})
}

func TestPlanChange(t *testing.T) {
	r, def := newRig(t, plan(t, "")), tenantOf(t)
	s := r.attach("a", 0)
	s.Snapshot([]device.Status{phone("1003", "", device.Busy), phone("1004", "", device.Idle)})
	r.moved()
	shared := strings.ReplaceAll(`
tenants:
- name: DEF
  lines:
  - {number: "1100", devices: [PJSIP/1003, PJSIP/1004]}
`, "DEF", def)
	r.c.SetPlan(plan(t, shared))
	r.want(def, "1100", "busy")
	r.want(def, "1003", "busy")
	if n := r.moved(); n != 1 {
		t.Errorf("%d lamps moved, want 1", n)
	}
	r.c.SetPlan(plan(t, ""))
	r.want(def, "1100", "unknown")
}

func TestDetach(t *testing.T) {
	r, def := newRig(t, plan(t, "")), tenantOf(t)
	s := r.attach("a", 0)
	if _, err := r.c.Attach("a", compositor.SourceOptions{}); !errors.Is(err, compositor.ErrDuplicate) {
		t.Errorf("a second source of one name: %v", err)
	}
	s.Snapshot([]device.Status{phone("1003", "", device.Busy)})
	r.c.Detach("a")
	r.want(def, "1003", "unknown")
	if len(r.c.Sources()) != 0 {
		t.Error("still there")
	}
}

// TestRestoreOutlivesNoSource: a stored lamp waits for a source that is not heard yet; if that
// is taken out of the configuration, nothing will ever speak for it.
func TestRestoreOutlivesNoSource(t *testing.T) {
	r, def := newRig(t, plan(t, "")), tenantOf(t)
	a := r.attach("a", time.Hour)
	r.attach("b", time.Hour)
	k := compositor.Key{Line: policy.Line{Tenant: def, Number: "1009"}}
	r.c.Restore(k, compositor.Lamp{State: device.Busy})
	a.Snapshot(nil)
	r.want(def, "1009", "busy")
	r.c.Detach("b")
	r.want(def, "1009", "unknown")
	if r.kept[k] != "gone" {
		t.Errorf("kept as %q", r.kept[k])
	}
}

// TestSingle: clearing or setting DND must not make an offline phone look alive.
func TestSingle(t *testing.T) {
	for _, c := range []struct {
		state device.State
		dnd   bool
		want  device.State
	}{
		{device.Unknown, false, device.Unknown}, {device.Unknown, true, device.Unknown},
		{device.Idle, true, device.DND}, {device.Ringing, true, device.Ringing}, {device.Busy, true, device.Busy},
	} {
		if got := (&compositor.Lamp{State: c.state, DND: c.dnd}).Single(); got != c.want {
			t.Errorf("%s dnd=%t shows %s, want %s", c.state, c.dnd, got, c.want)
		}
	}
}
