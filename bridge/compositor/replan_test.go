package compositor_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// someDocument has a few lines, phones and shared devices, in ways that often collide.
func someDocument(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString("tenants:\n  - name: t\n")
	if r.IntN(4) == 0 {
		b.WriteString("    domains: [d.test]\n")
	}
	b.WriteString("    lines:\n")
	for n := range 6 {
		if r.IntN(3) == 0 {
			continue
		}
		fmt.Fprintf(&b, "      - {number: %q, display_name: N%d", fmt.Sprint(100+n), r.IntN(2))
		if r.IntN(3) == 0 {
			fmt.Fprintf(&b, ", devices: [PJSIP/%d, PJSIP/%d]", 100+r.IntN(3), 103+r.IntN(3))
		}
		if r.IntN(3) == 0 {
			b.WriteString(", unregistered_as: idle")
		}
		b.WriteString("}\n")
	}
	b.WriteString("      - {number: \"999\"}\n    phones:\n")
	for n := range 4 {
		fmt.Fprintf(&b, "      - {name: P%d, lines: [%q, %q]", n, fmt.Sprint(100+r.IntN(3)), fmt.Sprint(103+r.IntN(4)))
		if r.IntN(2) == 0 {
			fmt.Fprintf(&b, ", device: PJSIP/%d", 100+n*2+r.IntN(2))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// TestPlanInSteps: after any number of changes of plan and devices, lamps are what a
// compositor shows that has known nothing but the last plan.
func TestPlanInSteps(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	keys := []compositor.Key{}
	for _, mode := range []compositor.Mode{compositor.OfLine, compositor.OfDevice} {
		for n := range 8 {
			keys = append(keys, compositor.Key{Line: policy.Line{Tenant: "t", Number: fmt.Sprint(100 + n)}, Mode: mode})
		}
	}
	attach := func(c *compositor.Compositor) compositor.Sink {
		s, err := c.Attach("a", compositor.SourceOptions{Tenant: "t"})
		if err != nil {
			t.Fatal(err)
		}
		s.Snapshot(nil)
		return s
	}
	moving := newRig(t, plan(t, someDocument(r)))
	sink := attach(moving.c)
	for _, k := range keys {
		moving.c.Intern(k)
	}
	devices := map[string]device.Status{}
	for range 300 {
		for range r.IntN(4) {
			d := device.Status{Name: fmt.Sprint("PJSIP/", 100+r.IntN(8)), State: device.State(r.IntN(4)), DND: r.IntN(4) == 0}
			if r.IntN(5) == 0 {
				d.Kind, d.Name = device.DNDFlag, "Custom:DND"+fmt.Sprint(100+r.IntN(8))
			}
			if d.Number = d.Name[len(d.Name)-3:]; r.IntN(5) == 0 {
				d.Domain = "d.test"
			}
			if r.IntN(6) == 0 {
				delete(devices, d.Name)
				sink.Remove(d.Name)
				continue
			}
			devices[d.Name] = d
			sink.Change(d)
		}
		p := plan(t, someDocument(r))
		moving.c.SetPlan(p)
		fresh := newRig(t, p)
		to := attach(fresh.c)
		for _, d := range devices {
			to.Change(d)
		}
		for _, k := range keys {
			got, want := moving.c.Lamp(moving.c.Intern(k)), fresh.c.Lamp(fresh.c.Intern(k))
			if !got.Same(&want) {
				t.Fatalf("%v: %+v, want %+v", k, got, want)
			}
		}
	}
}
