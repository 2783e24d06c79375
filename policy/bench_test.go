package policy

import (
	"fmt"
	"testing"
)

// large is a tenant of 1,000 groups and 50,000 phones with a line and ten buttons each.
func large(tb testing.TB) *Snapshot {
	tb.Helper()
	const groups, phones = 1000, 50_000
	t := Tenant{Name: "t", Partitions: []Partition{{Name: "P"}, {Name: "Q"}},
		CallingSearchSpaces: []CallingSearchSpace{{Name: "PQ", Partitions: []string{"P", "Q"}}}}
	for i := range groups {
		t.PresenceGroups = append(t.PresenceGroups, PresenceGroup{Name: fmt.Sprintf("Group %d", i)})
		for j := range 5 {
			t.Permissions = append(t.Permissions, GroupPermission{
				From: fmt.Sprintf("Group %d", i), To: fmt.Sprintf("Group %d", (i+j+1)%groups), Subscribe: Allow})
		}
	}
	for i := range phones {
		n, group := fmt.Sprint(100_000+i), fmt.Sprintf("Group %d", i%groups)
		t.Lines = append(t.Lines, DirectoryNumber{Number: n, Partition: "Q", PresenceGroup: group})
		p := Phone{Name: "SEP" + n, Lines: []string{n + "@Q"}, PresenceGroup: group, SubscribeCallingSearchSpace: "PQ"}
		for j := range 10 {
			p.BLFButtons = append(p.BLFButtons, BLFButton{Number: fmt.Sprint(100_000 + (i+j+1)%phones)})
		}
		t.Phones = append(t.Phones, p)
	}
	t.TrunkSecurityProfiles = []TrunkSecurityProfile{{Name: "apps", AcceptPresenceSubscription: true, Digest: true, ApplicationLevelAuthorization: true}}
	t.ApplicationUsers = []ApplicationUser{{UserID: "app", AcceptPresenceSubscription: true, PresenceGroup: "Group 0"}}
	for i := range 200 {
		name := fmt.Sprintf("K%d", i)
		t.Trunks = append(t.Trunks, Trunk{Name: name, SecurityProfile: "apps", PresenceGroup: "Group 0", Addresses: []string{fmt.Sprintf("10.0.0.%d", i)}})
		t.RoutePatterns = append(t.RoutePatterns, RoutePattern{Pattern: fmt.Sprintf("7%03dX!", i), Partition: "P", Trunk: name})
	}
	s, err := Compile(&Document{Tenants: []Tenant{t}})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

var benchTargets = []struct {
	name, number string
	want         Step
}{
	{"button", "100010", StepButton},
	{"same_group", "102000", StepGroup},
	{"permission", "102003", StepGroup},
	{"system_default", "102500", StepGroup},
	{"not_found", "999999", StepTarget},
	{"external", "7199123456", StepGroup},
}

func BenchmarkDecide(b *testing.B) {
	s := large(b)
	w := Watcher{Tenant: "t", Kind: WatcherPhone, ID: "SEP100000", Trusted: true}
	for _, c := range benchTargets {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := Decide(s, w, Target{Tenant: "t", Number: c.number}, Counts{}); d.Step != c.want {
					b.Fatalf("%+v", d)
				}
			}
		})
	}
}

func BenchmarkDecideApplication(b *testing.B) {
	s := large(b)
	w := Watcher{Tenant: "t", Kind: WatcherApplication, ID: "app", Trunk: "K7", Trusted: true}
	b.ReportAllocs()
	for b.Loop() {
		if d := Decide(s, w, Target{Tenant: "t", Number: "100000"}, Counts{}); d.Step != StepTarget {
			b.Fatalf("%+v", d) // a trunk has no calling search space here
		}
	}
}

func BenchmarkDecideTrunk(b *testing.B) {
	s := large(b)
	w := Watcher{Tenant: "t", Kind: WatcherPhone, ID: "SEP100000", Trusted: true}
	b.ReportAllocs()
	for b.Loop() {
		if d := DecideTrunk(s, w, "K7"); !d.Allow() {
			b.Fatalf("%+v", d)
		}
	}
}

// BenchmarkLogin is what a login costs besides the phone itself.
func BenchmarkLogin(b *testing.B) {
	s := large(b)
	for b.Loop() {
		n := s.WithLogins(Logins{{"t", "SEP100000"}: {"nobody", ""}})
		if !Affected(s, n).Empty() {
			b.Fatal("nobody is no user")
		}
	}
}

func BenchmarkCompileLarge(b *testing.B) {
	for b.Loop() {
		large(b)
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	for _, sc := range scenarios {
		if sc.problems != "" {
			continue
		}
		s := sc.compile(t)
		sc.each(t, s, func(w Watcher, tg Target, f []string) {
			if a := testing.AllocsPerRun(2, func() { Decide(s, w, tg, Counts{}) }); a != 0 {
				t.Errorf("%s: %s → %s: %v allocations", sc.name, f[0], f[1], a)
			}
			if a := testing.AllocsPerRun(2, func() { DecideTrunk(s, w, "K") }); a != 0 {
				t.Errorf("%s: %s → trunk: %v allocations", sc.name, f[0], a)
			}
		})
	}
}
