package line

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// rule is one rule of DESIGN §2 or of the documents: a policy, what the PBX reports, and
// the lamps that come of it.
//
// A line of devices is: NAME STATE [dnd] [lost] CALL…, or flag:NUMBER on|off. A call is
// id<phase (the device is called) or id>phase (it dialled), in the order of beginning.
// A line of lamps is: NUMBER STATE [dnd] [CALL-ID,…]; number@partition, tenant:number and
// phone/number (device-based) narrow it down.
type rule struct{ name, says, policy, devices, lamps string }

func TestRules(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, r.run)
	}
}

func (r rule) run(t *testing.T) {
	plan := compile(t, r.policy, r.devices)
	members := parseDevices(t, r.devices)
	for row := range strings.Lines(strings.TrimSpace(r.lamps)) {
		f := strings.Fields(row)
		l, phone := parseLine(f[0], plan.snapshot)
		own := membersOf(plan, members, l, phone)
		var first Lamp
		for i := range 10 {
			rand.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
			lamp := plan.Compose(l, own)
			if phone {
				lamp = plan.ComposeDevice(l, own)
			}
			if i == 0 {
				first = lamp
			} else if !reflect.DeepEqual(lamp, first) {
				t.Fatalf("%s: the order of the devices matters: %+v and %+v", f[0], first, lamp)
			}
		}
		if got, want := show(first), strings.Join(f[1:], " "); got != want {
			t.Errorf("%s\n %s: got %s, want %s", r.says, f[0], got, want)
		}
	}
}

// membersOf picks what the plan says takes part, as the compositor does.
func membersOf(p *Plan, all []Member, l policy.Line, phone bool) []Member {
	var own []Member
	for _, m := range all {
		lines := p.Presentities(m.Source, m.Status)
		if phone {
			lines = p.DevicePresentities(m.Source, m.Status)
		}
		if slices.Contains(lines, l) {
			own = append(own, m)
		}
	}
	return own
}

// compile makes a plan that has learned the domains of the devices, as the running
// bridge does.
func compile(t *testing.T, text, devices string) *Plan {
	t.Helper()
	doc, err := policy.Load([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	snap, err := policy.Compile(doc)
	if err != nil {
		t.Fatal(err)
	}
	var domains []string
	for _, m := range parseDevices(t, devices) {
		domains = append(domains, m.Status.Domain)
	}
	return Compile(snap.WithDomains(domains), Config{})
}

func show(l Lamp) string {
	s := l.State.String()
	if l.DND {
		s += " dnd"
	}
	var ids []string
	for _, c := range l.Calls {
		ids = append(ids, c.ID)
	}
	if len(ids) > 0 {
		s += " " + strings.Join(ids, ",")
	}
	return s
}

func parseLine(s string, snap *policy.Snapshot) (l policy.Line, phone bool) {
	s, phone = strings.CutPrefix(s, "phone/")
	l.Tenant = snap.Tenants()[0]
	if slices.Contains(snap.Tenants(), policy.DefaultTenant) {
		l.Tenant = policy.DefaultTenant
	}
	if tenant, rest, ok := strings.Cut(s, "|"); ok {
		l.Tenant, s = tenant, rest
	}
	l.Number = s
	if !policy.SpecialName(s) {
		l.Number, l.Partition, _ = strings.Cut(s, "@")
	}
	return l, phone
}

var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func parseDevices(t *testing.T, text string) []Member {
	t.Helper()
	var out []Member
	for row := range strings.Lines(strings.TrimSpace(text)) {
		f := strings.Fields(row)
		if len(f) == 0 {
			continue
		}
		if number, ok := strings.CutPrefix(f[0], "flag:"); ok {
			out = append(out, Member{Source: "pbx", Status: &device.Status{
				Name: "Custom:DND" + number, Kind: device.DNDFlag, Number: number, DND: f[1] == "on",
			}})
			continue
		}
		m := Member{Source: "pbx", Status: &device.Status{Name: f[0], Number: policy.DeviceNumber(f[0])}}
		if policy.SpecialName(f[0]) {
			m.Status.Kind, m.Status.Number = device.Special, ""
			if _, rest, _ := strings.Cut(f[0], ":"); strings.Contains(rest, ".") {
				m.Status.Number, m.Status.Domain, _ = strings.Cut(rest, "@")
			}
		} else if _, domain, ok := strings.Cut(f[0], "@"); ok {
			m.Status.Domain = domain
		}
		var err error
		if m.Status.State, err = device.ParseState(f[1]); err != nil {
			t.Fatal(err)
		}
		for i, w := range f[2:] {
			switch w {
			case "dnd":
				m.Status.DND = true
			case "lost":
				m.Lost = true
			default:
				c := parseCall(t, w)
				c.Since = epoch.Add(time.Duration(i) * time.Second)
				m.Status.Calls = append(m.Status.Calls, c)
			}
		}
		out = append(out, m)
	}
	return out
}

func parseCall(t *testing.T, w string) device.Call {
	t.Helper()
	i := strings.IndexAny(w, "<>")
	if i < 0 {
		t.Fatalf("malformed call %q", w)
	}
	c := device.Call{ID: w[:i]}
	if w[i] == '<' {
		c.Direction = device.Recipient
	}
	for p := device.Trying; p <= device.Terminated; p++ {
		if p.String() == w[i+1:] {
			c.Phase = p
			return c
		}
	}
	t.Fatalf("malformed call %q", w)
	return c
}
