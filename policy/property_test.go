package policy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func mustCompile(t testing.TB, d *Document) *Snapshot {
	t.Helper()
	s, err := Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func clone(t testing.TB, d *Document) *Document {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	c := &Document{}
	if err := json.Unmarshal(text, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDecisionsDoNotDependOnMapOrder: the same document compiles to the same decisions,
// every time.
func TestDecisionsDoNotDependOnMapOrder(t *testing.T) {
	for seed := range uint64(30) {
		d := randomDocument(rand.New(rand.NewPCG(seed, 1)))
		first := mustCompile(t, d)
		for range 4 {
			again := mustCompile(t, clone(t, d))
			requests(func(w Watcher, tg Target) {
				if a, b := Decide(first, w, tg, Counts{}), Decide(again, w, tg, Counts{}); a != b {
					t.Fatalf("seed %d: %+v → %+v is %+v, then %+v", seed, w, tg, a, b)
				}
			})
			for _, id := range []string{"1000", "1001", "1002", "SEP0", "u0"} {
				a, _ := first.WatcherByIdentity("t0", id)
				if b, _ := again.WatcherByIdentity("t0", id); a != b {
					t.Fatalf("seed %d: identity %q is %+v, then %+v", seed, id, a, b)
				}
			}
			if c := Affected(first, again); !c.Empty() {
				t.Fatalf("seed %d: equal documents differ: %+v", seed, c)
			}
		}
	}
}

// TestDecisionsDoNotDependOnListOrder: only calling search spaces, the lines of a phone
// and its buttons are ordered; everything else may be shuffled.
func TestDecisionsDoNotDependOnListOrder(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		d := randomDocument(r)
		shuffled := clone(t, d)
		if d.DefaultTenant == "" && len(d.Tenants) > 0 {
			shuffled.DefaultTenant = d.Tenants[0].Name
		}
		shuffle(r, shuffled.Tenants)
		for i := range shuffled.Tenants {
			tn := &shuffled.Tenants[i]
			shuffle(r, tn.PresenceGroups)
			shuffle(r, tn.Permissions)
			shuffle(r, tn.Partitions)
			shuffle(r, tn.CallingSearchSpaces)
			shuffle(r, tn.Lines)
			shuffle(r, tn.Phones)
			shuffle(r, tn.EndUsers)
			shuffle(r, tn.DeviceProfiles)
			shuffle(r, tn.Trunks)
			shuffle(r, tn.TrunkSecurityProfiles)
			shuffle(r, tn.ApplicationUsers)
			shuffle(r, tn.RoutePatterns)
			shuffle(r, tn.HuntPilots)
		}
		a, b := mustCompile(t, d), mustCompile(t, shuffled)
		requests(func(w Watcher, tg Target) {
			if x, y := Decide(a, w, tg, Counts{}), Decide(b, w, tg, Counts{}); x != y {
				t.Fatalf("seed %d: %+v → %+v is %+v, shuffled %+v", seed, w, tg, x, y)
			}
		})
	}
}

func shuffle[T any](r *rand.Rand, s []T) {
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

// TestAffectedMissesNothing: wherever a decision differs between two documents, the
// subscription is touched. And it does not touch everything: most edits leave most
// subscriptions alone.
func TestAffectedMissesNothing(t *testing.T) {
	touched, asked := 0, 0
	for seed := range uint64(800) {
		r := rand.New(rand.NewPCG(seed, 3))
		before := randomDocument(r)
		after := clone(t, before)
		wild := seed%8 < 2
		if seed%8 == 0 {
			after = randomDocument(r)
		} else if wild {
			editAll(gen{r}, after)
		} else if len(after.Tenants) > 0 {
			edit(gen{r}, &after.Tenants[r.IntN(len(after.Tenants))])
		}
		old, next := mustCompile(t, before), mustCompile(t, after)
		if logins := (gen{r}).logins(); seed%3 == 0 {
			old, next = old.WithLogins(logins), next.WithLogins(logins)
		} else if seed%3 == 1 {
			old, next = old.WithLogins(logins), next.WithLogins((gen{r}).logins())
		}
		c := Affected(old, next)
		requests(func(w Watcher, tg Target) {
			x, y := Decide(old, w, tg, Counts{}), Decide(next, w, tg, Counts{})
			touches := c.Touches(w, tg)
			if !touches && (x != y || trunksOf(old, x) != trunksOf(next, y)) {
				t.Fatalf("seed %d: %+v → %+v\nwas %+v\nis  %+v\nbut is not touched by %+v", seed, w, tg, x, y, c)
			}
			if !wild {
				asked++
				if touches {
					touched++
				}
			}
		})
	}
	if touched*4 > asked {
		t.Errorf("small edits touch %d of %d subscriptions", touched, asked)
	}
}

// trunksOf are the trunks that a decision leads to, and what is asked for there.
func trunksOf(s *Snapshot, d Decision) string {
	r, ok := s.Route(d.Line.Tenant, d.Route)
	if !ok {
		return ""
	}
	return fmt.Sprint(r.Trunks, r.Dial(d.Line.Number))
}

// editAll changes one setting of the whole document.
func editAll(g gen, d *Document) {
	no := false
	switch g.IntN(6) {
	case 0:
		d.WatcherAll = !d.WatcherAll
	case 1:
		d.RefusedAs = pick(g, "", PretendIdle)
	case 2:
		d.AllowSubscribe = pick(g, nil, &no)
	case 3:
		d.PresenceEnable = pick(g, nil, &no)
	case 4:
		d.BLFForCallLists = pick(g, SwitchOn, SwitchOff)
	case 5:
		d.AllowWatchOffAs = pick(g, "", Refuse)
	}
}

// edit changes one thing of a tenant.
func edit(g gen, t *Tenant) {
	switch g.IntN(16) {
	case 0:
		if len(t.Permissions) > 0 {
			t.Permissions = slices.Delete(t.Permissions, 0, 1)
		}
	case 1:
		if len(t.Lines) > 0 {
			l := &t.Lines[g.IntN(len(t.Lines))]
			l.PresenceGroup, l.AllowWatch = g.group(), g.maybe()
		}
	case 2:
		if len(t.Phones) > 0 {
			p := &t.Phones[g.IntN(len(t.Phones))]
			p.PresenceGroup, p.BLFButtons = g.group(), append(p.BLFButtons, BLFButton{Number: g.number()})
		}
	case 3:
		t.CallingSearchSpaces[0].Partitions = []string{"Q"}
	case 4:
		t.LineClasses[0].LineOptions = g.options()
	case 5:
		if n := len(t.EndUsers); n > 1 {
			t.EndUsers = t.EndUsers[:n-1]
		}
	case 6:
		// Another group in front changes every index, and nothing else.
		t.PresenceGroups = append([]PresenceGroup{{Name: "New"}}, t.PresenceGroups...)
	case 7:
		t.TrunkSecurityProfiles[1] = g.profile("sp")
	case 8:
		k := &t.Trunks[g.IntN(len(t.Trunks))]
		k.PresenceGroup, k.SecurityProfile = g.group(), pick(g, "", "open")
	case 9:
		u := &t.ApplicationUsers[g.IntN(2)]
		u.AcceptPresenceSubscription, u.PresenceGroup = g.IntN(2) == 0, pick(g, "", g.group())
	case 10:
		t.RouteGroups[0].Trunks = []string{"k2", "k0"}
		t.RoutePatterns = []RoutePattern{{Pattern: "500X", RouteList: "rl"}}
	case 11:
		t.HuntPilots = []HuntPilot{{Number: "1900", Partition: "Q"}}
		t.DefaultPresenceTrunk = "k0"
	case 12:
		t.DeviceProfiles[0].BLFButtons = g.buttons()
		t.DeviceProfiles[2].PresenceGroup = g.group()
	case 14:
		if len(t.Lines) > 0 {
			// A hunt pilot in the place of a line.
			l := t.Lines[0]
			t.Lines = t.Lines[1:]
			t.HuntPilots = append(t.HuntPilots, HuntPilot{Number: l.Number, Partition: l.Partition})
			yes := true
			t.Learn = &yes
		}
	case 15:
		for i := range t.RoutePatterns {
			t.RoutePatterns[i].PrefixDigits = "99"
		}
	case 13:
		t.SIPRoutePatterns = []SIPRoutePattern{{Pattern: "far.test", Trunk: "k2"}}
	}
}
