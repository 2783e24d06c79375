package policy

import (
	"fmt"
	"strings"
	"testing"
)

// compile makes the scenario's snapshot, with its users logged in.
func (s scenario) compile(t testing.TB) *Snapshot {
	t.Helper()
	snap := compileYAML(t, s.policy)
	logins := Logins{}
	for line := range strings.Lines(s.logins) {
		f := append(strings.Fields(line), "", "")
		var err error
		if logins, err = logins.LogIn(snap, PhoneRef{"t", f[0]}, f[1], f[2]); err != nil {
			t.Fatal(err)
		}
	}
	return snap.WithLogins(logins)
}

// each calls fn for every line of asks.
func (s scenario) each(t testing.TB, snap *Snapshot, fn func(w Watcher, tg Target, f []string)) {
	t.Helper()
	for line := range strings.Lines(strings.TrimSpace(s.asks)) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) < 7 {
			t.Fatalf("malformed line %q", line)
		}
		w := parseWatcher(f[0])
		fn(w, parseTarget(snap, w, f[1]), f)
	}
}

func (s scenario) run(t *testing.T) {
	if s.says == "" || (s.asks == "") == (s.problems == "") {
		t.Fatal("a case has a sentence, and asks or problems")
	}
	if s.problems != "" {
		_, err := Load([]byte(s.policy))
		if got := strings.ReplaceAll(fmt.Sprint(err), "policy: ", ""); got != strings.TrimSpace(s.problems) {
			t.Errorf("%s\ngot\n%s\nwant\n%s", s.says, got, s.problems)
		}
		return
	}
	snap := s.compile(t)
	s.each(t, snap, func(w Watcher, tg Target, f []string) {
		d := Decide(snap, w, tg, Counts{})
		pickup, view := "-", d.View.String()
		if d.Pickup {
			pickup = "pickup"
		}
		if d.Device {
			view += "/device"
		}
		got := fmt.Sprint(d.Outcome, " ", view, " ", pickup, " ", d.Step, " ", d.Rule)
		if d.Route != "" {
			r, ok := snap.Route(d.Line.Tenant, d.Route)
			if !ok {
				t.Errorf("no route %q", d.Route)
			}
			got += " via " + strings.Join(r.Trunks, " ")
		}
		if want := strings.Join(f[2:], " "); got != want {
			t.Errorf("%s\n %s → %s\n got  %s\n want %s\n%s", s.says, f[0], f[1], got, want, explained(snap, w, tg))
		}
	})
}

func explained(s *Snapshot, w Watcher, t Target) string {
	var b strings.Builder
	for _, tr := range Explain(s, w, t, Counts{}) {
		b.WriteString("   " + tr.String() + "\n")
	}
	return b.String()
}

func parseWatcher(s string) Watcher {
	w := Watcher{Tenant: "t", Trusted: true}
	if rest, ok := strings.CutPrefix(s, "!"); ok {
		s, w.Trusted = rest, false
	}
	if name, tenant, ok := strings.Cut(s, "@"); ok {
		s, w.Tenant = name, tenant
	}
	kind, id, _ := strings.Cut(s, ":")
	w.ID = id
	switch kind {
	case "phone":
		w.Kind = WatcherPhone
	case "user":
		w.Kind = WatcherEndUser
	case "trunk":
		w.Kind = WatcherTrunk
	case "app":
		w.Kind = WatcherApplication
		w.ID, w.Trunk, _ = strings.Cut(id, "/")
	case "public":
		w.Trusted = false
	case "stranger":
	default:
		panic("no such watcher: " + s)
	}
	return w
}

func parseTarget(snap *Snapshot, w Watcher, s string) Target {
	if user, host := SplitURI(s); strings.HasPrefix(s, "sip:") {
		t, _ := snap.ResolveTarget(w.Tenant, user, host, nil)
		return t
	}
	t := Target{Tenant: "t"}
	if rest, ok := strings.CutSuffix(s, "?"); ok {
		s, t.Learned = rest, true
	}
	if number, tenant, ok := strings.Cut(s, "@"); ok {
		s, t.Tenant = number, tenant
	}
	t.Number, _ = snap.StripPickup(t.Tenant, s)
	return t
}

func TestSections(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.file+"/"+s.name, s.run)
	}
}

// TestExplainEndsWithTheDecision: what people are told is what is done.
func TestExplainEndsWithTheDecision(t *testing.T) {
	for _, s := range scenarios {
		if s.problems != "" {
			continue
		}
		snap := s.compile(t)
		s.each(t, snap, func(w Watcher, tg Target, _ []string) {
			d, traces := Decide(snap, w, tg, Counts{}), Explain(snap, w, tg, Counts{})
			last := traces[len(traces)-1]
			if d.Allow() {
				if last.Step != StepView || !strings.Contains(last.Rule, "view "+d.View.String()) {
					t.Errorf("%s: last step of an allowed request is %v", s.name, last)
				}
				last = traces[len(traces)-2]
			}
			if (last != Trace{d.Step, d.Rule, d.Outcome.String()}) {
				t.Errorf("%s: explained as %v, decided as %+v", s.name, last, d)
			}
			for i, tr := range traces[:len(traces)-1] {
				if tr.Step > traces[i+1].Step {
					t.Errorf("%s: step %v comes before %v", s.name, tr.Step, traces[i+1].Step)
				}
			}
		})
	}
}

func TestCountsOverTheLimitsAreUnavailable(t *testing.T) {
	snap := compileYAML(t, "max_subscriptions: 100\nmax_subscriptions_per_watcher: 3\n")
	w, tg := Watcher{Tenant: DefaultTenant, Trusted: true}, Target{Tenant: DefaultTenant, Number: "1", Learned: true}
	for _, c := range []struct {
		counts Counts
		want   string
	}{
		{Counts{99, 2}, `allowed same group "Standard"`},
		{Counts{100, 0}, "unavailable max_subscriptions: 100"},
		{Counts{0, 3}, "unavailable max_subscriptions_per_watcher: 3"},
	} {
		d := Decide(snap, w, tg, c.counts)
		if got := fmt.Sprint(d.Outcome, " ", d.Rule); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.counts, got, c.want)
		}
	}
}

func TestDecisionNamesGroupsAndLine(t *testing.T) {
	snap := compileYAML(t, `
tenants:
  - name: t
    presence_groups: [{name: Sales}, {name: Board}]
    permissions: [{from: Sales, to: Board, subscribe: allow}]
    partitions: [{name: Internal}]
    calling_search_spaces: [{name: Office, partitions: [Internal]}]
    lines: [{number: "1001", partition: Internal, aliases: ["13106341777"], presence_group: Board}]
    phones: [{name: SEP1, presence_group: Sales, subscribe_calling_search_space: Office}]
`)
	d := Decide(snap, Watcher{Tenant: "t", Kind: WatcherPhone, ID: "SEP1", Trusted: true}, Target{Tenant: "t", Number: "13106341777"}, Counts{})
	want := Decision{
		Outcome: Allowed, View: ViewNumber, Pickup: true, Step: StepGroup, Rule: `permission "Sales"→"Board": allow`,
		PickupRule: `permission "Sales"→"Board": allow`, WatcherGroup: "Sales", PresentityGroup: "Board", Line: Line{"t", "Internal", "1001"},
	}
	if d != want {
		t.Errorf("got %+v\nwant %+v", d, want)
	}
}

func compileYAML(t testing.TB, text string) *Snapshot {
	t.Helper()
	doc, err := Load([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	snap, err := Compile(doc)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}
