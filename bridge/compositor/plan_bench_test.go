package compositor_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/line"
	"blfbridge/policy"
)

// campus has two lines for each of its phones, and a user of the first one's profile.
func campus(tb testing.TB, phones int) *policy.Snapshot {
	tb.Helper()
	t := policy.Tenant{Name: "t"}
	for i := range phones {
		first, second := fmt.Sprint(1_000_000+i), fmt.Sprint(2_000_000+i)
		t.Lines = append(t.Lines, policy.DirectoryNumber{Number: first}, policy.DirectoryNumber{Number: second})
		t.Phones = append(t.Phones, policy.Phone{Name: "P" + first, Device: "PJSIP/" + first, Lines: []string{first}, ExtensionMobility: true})
	}
	t.DeviceProfiles = []policy.DeviceProfile{{Name: "desk", Lines: []string{"2000000"}}}
	t.EndUsers = []policy.EndUser{{UserID: "ann", DeviceProfiles: []string{"desk"}}}
	s, err := policy.Compile(&policy.Document{Tenants: []policy.Tenant{t}})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// BenchmarkLogin is a login with 50,000 phones and 100,000 lines, 1,000 of them looked at
// as devices: ms/compile is until there is a plan, ms/change until it is in force, and
// ms/stall the longest that a change of another device had to wait meanwhile.
func BenchmarkLogin(b *testing.B) {
	const phones = 50_000
	base := campus(b, phones)
	plans := [2]*line.Plan{}
	began := time.Now()
	for i, logins := range []policy.Logins{nil, {{Tenant: "t", Phone: "P1000000"}: {UserID: "ann", Profile: "desk"}}} {
		plans[i] = line.Compile(base.WithLogins(logins), line.Config{SourceTenant: map[string]string{"a": "t"}})
	}
	compiled := time.Since(began) / 2
	c := compositor.New(compositor.Config{Plan: plans[0]})
	sink, err := c.Attach("a", compositor.SourceOptions{Tenant: "t"})
	if err != nil {
		b.Fatal(err)
	}
	devices := make([]device.Status, 0, phones)
	for i := range phones {
		n := fmt.Sprint(1_000_000 + i)
		devices = append(devices, device.Status{Name: "PJSIP/" + n, Number: n, State: device.Idle})
	}
	sink.Snapshot(devices)
	for i := range 2 * phones {
		n := fmt.Sprint(1_000_000*(1+i/phones) + i%phones)
		c.Intern(compositor.Key{Line: policy.Line{Tenant: "t", Number: n}})
		if i < 1000 {
			c.Intern(compositor.Key{Line: policy.Line{Tenant: "t", Number: n}, Mode: compositor.OfDevice})
		}
	}
	user := compositor.Key{Line: policy.Line{Tenant: "t", Number: "2000000"}}
	stop := make(chan struct{})
	var asking sync.WaitGroup
	var stall time.Duration
	asking.Go(func() {
		d := devices[phones-1]
		for {
			d.State = [...]device.State{device.Idle: device.Busy, device.Busy: device.Idle}[d.State]
			began := time.Now()
			sink.Change(d)
			stall = max(stall, time.Since(began))
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Microsecond):
			}
		}
	})
	b.ResetTimer()
	for i := range b.N {
		c.SetPlan(plans[(i+1)%2])
		want := [2]device.State{device.Unknown, device.Idle}[(i+1)%2]
		if got := c.Lamp(c.Intern(user)).State; got != want {
			b.Fatalf("after %d: %s, want %s", i, got, want)
		}
	}
	b.StopTimer()
	close(stop)
	asking.Wait()
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1e3/float64(b.N), "ms/change")
	b.ReportMetric(float64(stall.Microseconds())/1e3, "ms/stall")
	b.ReportMetric(float64(compiled.Microseconds())/1e3, "ms/compile")
	b.ReportMetric(0, "ns/op")
}
