package line

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// TestPresentitiesAreComplete: what the plan leaves out of a line changes nothing of its
// lamp, and neither does the order. A device that changes therefore needs no other lines
// to be composed than its Presentities.
func TestPresentitiesAreComplete(t *testing.T) {
	lamps := map[string]bool{}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 5))
		snap, err := policy.Compile(randomPolicy(r))
		if err != nil {
			t.Fatal(err)
		}
		plan := Compile(snap.WithDomains([]string{"", "a.example"}), Config{SourceTenant: map[string]string{"s1": "t1"}})
		members := randomMembers(r)
		for _, tenant := range plan.snapshot.Tenants() {
			for _, n := range []string{"1000", "1001", "1002", "13106341000", "park:7@lot"} {
				for _, part := range []string{"", "P"} {
					l := policy.Line{Tenant: tenant, Partition: part, Number: n}
					for _, phone := range []bool{false, true} {
						some, all := membersOf(plan, members, l, phone), members
						compose := plan.Compose
						if phone {
							compose = plan.ComposeDevice
						}
						a := compose(l, all)
						r.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
						if b := compose(l, some); !reflect.DeepEqual(a, b) {
							t.Fatalf("seed %d: %v (phone %v): of all %+v, of its own %+v", seed, l, phone, a, b)
						}
						lamps[show(Lamp{State: a.State, DND: a.DND})] = true
					}
				}
			}
		}
	}
	if len(lamps) != 8 {
		t.Errorf("the random lamps are only %v", lamps)
	}
}

func oneOf[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func randomPolicy(r *rand.Rand) *policy.Document {
	d := &policy.Document{}
	if r.IntN(4) == 0 {
		return d
	}
	for i := range 2 {
		t := policy.Tenant{Name: fmt.Sprintf("t%d", i), CountryCode: "1", Partitions: []policy.Partition{{Name: "P"}}}
		if i == 1 {
			t.Domains = []string{"a.example"}
		}
		for n := range 3 {
			for _, part := range []string{"", "P"} {
				if r.IntN(2) == 0 {
					continue
				}
				l := policy.DirectoryNumber{Number: fmt.Sprint(1000 + n), Partition: part}
				for _, name := range []string{"PJSIP/1000", "PJSIP/1001", "1000@a.example", "park:7@lot"} {
					if r.IntN(5) == 0 {
						l.Devices = append(l.Devices, name)
					}
				}
				l.RingInUse = oneOf(r, "", policy.StateRinging)
				l.RingInAs = oneOf(r, "", "", policy.StateIdle, policy.StateBusy)
				l.UnregisteredAs = oneOf(r, "", policy.StateIdle)
				if r.IntN(5) == 0 {
					l.DNDDevices = []string{"Custom:DND1001"}
				}
				if r.IntN(4) == 0 && part == "" {
					l.Aliases = []string{fmt.Sprintf("310634%d", 1000+n)}
				}
				t.Lines = append(t.Lines, l)
			}
		}
		for n := range r.IntN(3) {
			p := policy.Phone{Name: fmt.Sprintf("SEP%d", n), Device: oneOf(r, "", "PJSIP/1000", "PJSIP/1001", "1001@a.example")}
			for _, k := range r.Perm(3)[:r.IntN(4)] {
				p.Lines = append(p.Lines, fmt.Sprint(1000+k))
			}
			t.Phones = append(t.Phones, p)
		}
		d.Tenants = append(d.Tenants, t)
	}
	return d
}

func randomMembers(r *rand.Rand) []Member {
	var out []Member
	for _, name := range []string{"PJSIP/1000", "PJSIP/1001", "PJSIP/1002", "1000@a.example", "1001@a.example", "PJSIP/3106341000"} {
		for _, source := range []string{"s0", "s1"} {
			if r.IntN(3) == 0 {
				continue
			}
			st := &device.Status{Name: name, Number: policy.DeviceNumber(name), State: oneOf(r, device.Unknown, device.Idle, device.Ringing, device.Busy), DND: r.IntN(3) == 0}
			if name[0] == '1' {
				st.Domain = "a.example"
			}
			for i := range r.IntN(3) {
				st.Calls = append(st.Calls, device.Call{
					ID: fmt.Sprint(source, name, i), Direction: oneOf(r, device.Initiator, device.Recipient),
					Phase: device.Phase(r.IntN(6)), Since: epoch.Add(time.Duration(r.IntN(3)) * time.Second),
				})
			}
			out = append(out, Member{Source: source, Status: st, Lost: r.IntN(8) == 0})
		}
	}
	for _, n := range []string{"1000", "1001"} {
		out = append(out, Member{Source: "s0", Status: &device.Status{Name: "Custom:DND" + n, Kind: device.DNDFlag, Number: n, DND: r.IntN(2) == 0}})
	}
	return append(out, Member{Source: "s0", Status: &device.Status{Name: "park:7@lot", Kind: device.Special, State: oneOf(r, device.Idle, device.Busy)}})
}

// TestComposeOfStates: every pair of states of a shared line, by the rule in one line.
func TestComposeOfStates(t *testing.T) {
	states := []device.State{device.Unknown, device.Idle, device.Ringing, device.Busy}
	for _, a := range states {
		for _, b := range states {
			got := Compose(DefaultOptions(), []Member{{Status: &device.Status{Name: "a", State: a}}, {Status: &device.Status{Name: "b", State: b}}})
			if want := max(a, b); got.State != want {
				t.Errorf("%v and %v make %v, want %v", a, b, got.State, want)
			}
		}
	}
	if got := Compose(DefaultOptions(), nil); got.State != device.Unknown {
		t.Errorf("no devices make %v", got.State)
	}
}

func TestTenantIsKnownOnceLearned(t *testing.T) {
	snap, err := policy.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	st := &device.Status{Name: "1001@new.example", Number: "1001", Domain: "new.example", State: device.Idle}
	before, after := Compile(snap, Config{}), Compile(snap.WithDomains([]string{"new.example"}), Config{})
	if tenant, known := before.Tenant("s", st); known || len(before.Presentities("s", st)) != 0 {
		t.Errorf("known before: %q", tenant)
	}
	if tenant, known := after.Tenant("s", st); !known || tenant != "new.example" {
		t.Errorf("after: %q, %v", tenant, known)
	}
}

func TestSourceTenant(t *testing.T) {
	snap, err := policy.Compile(&policy.Document{Tenants: []policy.Tenant{{Name: "a"}, {Name: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	plan := Compile(snap, Config{SourceTenant: map[string]string{"east": "b", "odd": "gone"}})
	st := &device.Status{Name: "PJSIP/1001", Number: "1001"}
	for source, want := range map[string]string{"east": "b", "west": "a"} {
		if tenant, known := plan.Tenant(source, st); tenant != want || !known {
			t.Errorf("source %s: tenant %q, %v, want %q", source, tenant, known, want)
		}
	}
	if tenant, known := plan.Tenant("odd", st); known {
		t.Errorf("source of a tenant that is not there: %q", tenant)
	}
}

func BenchmarkComposeShared(b *testing.B) {
	snap, _ := policy.Compile(nil)
	plan := Compile(snap, Config{})
	st := &device.Status{Name: "PJSIP/1001", Number: "1001", State: device.Busy, Calls: []device.Call{{ID: "a", Phase: device.Confirmed}}}
	members := []Member{{Source: "s", Status: st}}
	b.ReportAllocs()
	for b.Loop() {
		for _, l := range plan.Presentities("s", st) {
			plan.Compose(l, members)
		}
	}
}
