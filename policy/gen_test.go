package policy

import (
	"fmt"
	"math/rand/v2"
)

// gen makes random documents that are valid, of few names, so that everything collides.
type gen struct{ *rand.Rand }

func randomDocument(r *rand.Rand) *Document {
	g := gen{r}
	d := &Document{
		DefaultInterPresenceGroupSubscription: pick(g, "", Allow, Disallow),
		BLFForCallLists:                       pick(g, "", SwitchOn, SwitchOff),
		AllowWatchOffAs:                       pick(g, "", "unknown", Refuse),
		UnknownWatchers:                       UnknownWatchers{As: pick(g, "", StandardGroup, Refuse, Challenge), Others: pick(g, "", Challenge, Refuse)},
		LearnDomains:                          g.maybe(),
		WatcherAll:                            g.IntN(2) == 0,
		AllowSubscribe:                        g.maybe(),
		RefusedAs:                             pick(g, "", "", Refuse, PretendIdle),
		RetryInterval:                         pick(g, 0, 60, 3600),
		RetryLimit:                            pick(g, 0, 10, 100),
	}
	if g.IntN(10) == 0 {
		d.PresenceEnable = g.maybe()
	}
	if g.IntN(3) == 0 {
		d.UnknownWatchers.TrustedNetworks = []string{"10.0.0.0/8", "192.0.2.7"}
	}
	for i := range g.IntN(4) {
		d.Tenants = append(d.Tenants, g.tenant(fmt.Sprintf("t%d", i)))
	}
	if n := len(d.Tenants); n > 1 && g.IntN(2) == 0 {
		c := CrossTenantPermission{From: TenantGroup{"t0", "A"}, To: TenantGroup{"t1", pick(g, "", "A", "B")}, View: g.view(), Pickup: g.maybe()}
		d.CrossTenantPermissions = append(d.CrossTenantPermissions, c)
		d.DefaultTenant = "t1"
	}
	return d
}

func (g gen) tenant(name string) Tenant {
	t := Tenant{
		Name: name, Learn: g.maybe(), CountryCode: pick(g, "", "1", "64"), PickupCode: pick(g, "", "*89", "**"),
		LoginCode: pick(g, "", "*56"), LogoutCode: pick(g, "", "*57"),
		PresenceGroups: []PresenceGroup{{Name: "A"}, {Name: "B", Description: pick(g, "", "x: y", "yes", "007")}},
		Partitions:     []Partition{{Name: "P"}, {Name: "Q"}},
		CallingSearchSpaces: []CallingSearchSpace{
			{Name: "PQ", Partitions: pick(g, []string{"P", "Q"}, []string{"Q", "P"}, nil, []string{NonePartition, "Q"})},
			{Name: "Q", Partitions: []string{"Q"}},
		},
		LineClasses: []LineClass{{Name: "c", LineOptions: g.options()}},
	}
	if g.IntN(2) == 0 {
		t.Domains = []string{name + ".example", "alias." + name + ".example"}
	}
	seen := map[[2]string]bool{}
	for range g.IntN(5) {
		p := GroupPermission{From: g.group(), To: g.group(), Subscribe: pick(g, "", Allow, Disallow, SystemDefault), View: g.view(), Pickup: g.maybe()}
		if p.From == p.To {
			p.Subscribe = ""
		}
		if k := [2]string{p.From, p.To}; !seen[k] {
			seen[k] = true
			t.Permissions = append(t.Permissions, p)
		}
	}
	for n := range 4 {
		for _, part := range []string{"", "P", "Q"} {
			if g.IntN(3) > 0 {
				continue
			}
			l := DirectoryNumber{
				Number: fmt.Sprint(1000 + n), Partition: part, PresenceGroup: pick(g, "", g.group()),
				Class: pick(g, "", "c"), LineOptions: g.options(), DisplayName: pick(g, "", "Ann \"Bee\"", "null"),
			}
			if g.IntN(3) == 0 {
				l.Aliases = []string{fmt.Sprintf("1310634100%d", n)}
			}
			if g.IntN(3) == 0 {
				l.Devices = []string{fmt.Sprintf("PJSIP/%d", 1000+g.IntN(4)), fmt.Sprintf("park:70%d@lot", n)}
			}
			t.Lines = append(t.Lines, l)
		}
	}
	g.outside(&t)
	g.mobility(&t)
	for i := range g.IntN(4) {
		t.Phones = append(t.Phones, g.phone(i, &t))
	}
	for i := range 1 + g.IntN(2) {
		u := EndUser{UserID: fmt.Sprintf("u%d", i), PresenceGroup: pick(g, "", g.group()), SubscribeCallingSearchSpace: pick(g, "", "PQ")}
		switch {
		case i == 0:
			u.DeviceProfiles = []string{"up0"}
		default:
			u.DeviceProfiles = pick(g, nil, []string{"up1"})
		}
		if g.IntN(2) == 0 {
			u.Digest = &Digest{Username: u.UserID, Password: pick(g, "secret", "0", "~")}
		}
		t.EndUsers = append(t.EndUsers, u)
	}
	return t
}

func (g gen) phone(i int, t *Tenant) Phone {
	p := Phone{
		Name: fmt.Sprintf("SEP%d", i), PresenceGroup: pick(g, "", g.group()), BLFCallLists: pick(g, "", SwitchOn, SwitchOff, SwitchDefault),
		SubscribeCallingSearchSpace: pick(g, "", "PQ", "Q"), Device: pick(g, "", "PJSIP/1000"),
	}
	if p.ExtensionMobility = g.IntN(2) == 0; p.ExtensionMobility {
		p.LogoutProfile = pick(g, "", "up0", "auto")
	}
	if g.IntN(3) == 0 {
		p.Digest = &Digest{Username: p.Name, HA1: "0123456789abcdef0123456789ABCDEF"}
	}
	for n := range 3 {
		if t.Learn != nil && !*t.Learn {
			break
		}
		if g.IntN(3) == 0 {
			p.Lines = append(p.Lines, fmt.Sprint(1000+n))
		}
	}
	p.BLFButtons = g.buttons()
	return p
}

func (g gen) buttons() (list []BLFButton) {
	for range g.IntN(3) {
		list = append(list, pick(g,
			BLFButton{Number: g.number(), Label: "x"}, BLFButton{URI: "sip:" + g.number() + "@t0.example"}, BLFButton{Number: g.number(), Partition: "P"},
			BLFButton{Number: g.number(), Device: true}, BLFButton{Destination: "5001", Label: "é", LabelASCII: "e"}, BLFButton{Destination: "bob@far.test"}))
	}
	return list
}

// outside adds trunks, applications, routes and hunt pilots.
func (g gen) outside(t *Tenant) {
	t.TrunkSecurityProfiles = []TrunkSecurityProfile{{Name: "open", AcceptPresenceSubscription: true}, g.profile("sp")}
	for i := range 3 {
		k := Trunk{
			Name: fmt.Sprintf("k%d", i), Addresses: []string{fmt.Sprintf("192.0.2.%d", i)}, PresenceGroup: pick(g, "", g.group()),
			SecurityProfile: pick(g, "", "open", "sp", "sp"), SubscribeCallingSearchSpace: pick(g, "", "PQ"),
		}
		if g.IntN(5) == 0 {
			k.Protocol = pick(g, ProtocolH323, ProtocolMGCP, ProtocolSIP)
		}
		t.Trunks = append(t.Trunks, k)
	}
	for i := range 2 {
		t.ApplicationUsers = append(t.ApplicationUsers, ApplicationUser{
			UserID: fmt.Sprintf("app%d", i), AcceptPresenceSubscription: g.IntN(2) == 0, PresenceGroup: pick(g, "", g.group())})
	}
	t.RouteGroups = []RouteGroup{{Name: "rg", Trunks: pick(g, []string{"k0", "k1"}, []string{"k1", "k0"}, nil)}}
	t.RouteLists = []RouteList{{Name: "rl", RouteGroups: []string{"rg"}}}
	for _, p := range []string{"5XXX", "50[0-4]X", "!", "9.!"} {
		if g.IntN(3) == 0 {
			r := RoutePattern{Pattern: p, Partition: pick(g, "", "P", "Q"), Trunk: "k2", PrefixDigits: pick(g, "", "0")}
			if g.IntN(2) == 0 {
				r.Trunk, r.RouteList = "", "rl"
			}
			t.RoutePatterns = append(t.RoutePatterns, r)
		}
	}
	if g.IntN(2) == 0 {
		t.SIPRoutePatterns = []SIPRoutePattern{{Pattern: pick(g, "far.test", "*.test"), RouteList: "rl", Partition: pick(g, "", "P")}}
	}
	t.DefaultPresenceTrunk = pick(g, "", "", "k1")
	if g.IntN(2) == 0 {
		t.HuntPilots = []HuntPilot{{Number: "1900", Partition: pick(g, "", "P"), Members: nil}}
	}
}

func (g gen) profile(name string) TrunkSecurityProfile {
	p := TrunkSecurityProfile{Name: name, AcceptPresenceSubscription: g.IntN(5) > 0, Digest: g.IntN(3) > 0}
	p.ApplicationLevelAuthorization = p.Digest && g.IntN(3) > 0
	return p
}

func (g gen) mobility(t *Tenant) {
	t.DeviceProfiles = []DeviceProfile{
		{Name: "up0", BLFButtons: g.buttons()}, {Name: "up1", BLFButtons: g.buttons()},
		{Name: "auto", Autogenerated: true, PresenceGroup: pick(g, "", g.group()), SubscribeCallingSearchSpace: pick(g, "", "Q")},
	}
	if t.Learn == nil || *t.Learn {
		t.DeviceProfiles[0].Lines = pick(g, nil, []string{"1002", "1001"})
	}
}

// logins are users on phones of random documents; some exist in none.
func (g gen) logins() Logins {
	l := Logins{}
	for i := range 3 {
		if g.IntN(2) == 0 {
			l[PhoneRef{pick(g, "t0", "t1"), fmt.Sprintf("SEP%d", i)}] = Login{UserID: pick(g, "u0", "u1"), Profile: pick(g, "", "up0", "up1")}
		}
	}
	return l
}

func (g gen) options() LineOptions {
	if g.IntN(2) == 0 {
		return LineOptions{}
	}
	return LineOptions{AllowWatch: g.maybe(), RingInUse: pick(g, "", StateBusy, StateRinging), RingInAs: pick(g, "", StateIdle), Pickup: g.maybe()}
}

func (g gen) group() string { return pick(g, StandardGroup, "A", "B") }
func (g gen) number() string {
	return pick(g, "1000", "1001", "1002", "13106341001", "3106341002", "9")
}

func (g gen) maybe() *bool {
	b := g.IntN(2) == 0
	return pick(g, nil, &b)
}

func (g gen) view() *View {
	v := Views[g.IntN(len(Views))]
	return pick(g, nil, &v)
}

func pick[T any](g gen, of ...T) T { return of[g.IntN(len(of))] }

// requests calls fn with every watcher and target that random documents can have.
func requests(fn func(Watcher, Target)) {
	tenants := []string{"t0", "t1", DefaultTenant}
	var watchers []Watcher
	for _, t := range tenants {
		for i := range 3 {
			watchers = append(watchers,
				Watcher{Tenant: t, Kind: WatcherPhone, ID: fmt.Sprintf("SEP%d", i), Trusted: true},
				Watcher{Tenant: t, Kind: WatcherEndUser, ID: fmt.Sprintf("u%d", i), Trusted: true})
		}
		watchers = append(watchers, Watcher{Tenant: t, Trusted: true}, Watcher{Tenant: t},
			Watcher{Tenant: t, Kind: WatcherTrunk, ID: "k0", Trusted: true}, Watcher{Tenant: t, Kind: WatcherTrunk, ID: "k1"},
			Watcher{Tenant: t, Kind: WatcherApplication, ID: "app0", Trunk: "k0", Trusted: true},
			Watcher{Tenant: t, Kind: WatcherApplication, ID: "app1", Trunk: "k2", Trusted: true})
	}
	for _, w := range watchers {
		for _, t := range tenants {
			for _, n := range []string{"1000", "1001", "1002", "1003", "13106341001", "park:700@lot", "9", "5001", "91234", "1900"} {
				for _, learned := range []bool{false, true} {
					fn(w, Target{Tenant: t, Number: n, Learned: learned})
				}
			}
			fn(w, Target{Tenant: t, Number: "bob@far.test", Host: "far.test"})
		}
	}
}
