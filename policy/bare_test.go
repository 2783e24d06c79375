package policy

import (
	"strings"
	"testing"
)

const barePolicy = `
watcher_all: true
tenants:
- name: t
  domains: [t.example]
  pickup_code: "**"
  presence_groups: [{name: Board}]
  permissions: [{from: Standard, to: Board, subscribe: allow, pickup: false}]
  lines: [{number: 100, presence_group: Board}, {number: 101, pickup: false}]
  phones: [{name: P, lines: [102]}]
  trunks: [{name: K, destinations: [192.0.2.1]}]
- name: other
  domains: [other.example]
`

func TestBareCode(t *testing.T) {
	snap := compileYAML(t, barePolicy)
	p := Watcher{Tenant: "t", Kind: WatcherPhone, ID: "P", Trusted: true}
	d := Decide(snap, p, Target{Tenant: "t", Bare: true}, Counts{})
	if !d.Allow() || !d.Pickup || d.Line != BareLine(p) || !strings.Contains(d.Rule, "**") {
		t.Fatalf("a phone may watch what it may pick up: %+v", d)
	}
	if w, ok := BareWatcher(d.Line); !ok || w != p {
		t.Errorf("BareWatcher = %+v, %v", w, ok)
	}
	for name, c := range map[string]struct {
		w Watcher
		t Target
		o Outcome
	}{
		"a trunk":          {Watcher{Tenant: "t", Kind: WatcherTrunk, ID: "K", Trusted: true}, Target{Tenant: "t", Bare: true}, NotFound},
		"another tenant":   {p, Target{Tenant: "other", Bare: true}, NotFound},
		"not trusted":      {Watcher{Tenant: "t", Kind: WatcherPhone, ID: "P"}, Target{Tenant: "t", Bare: true}, Challenged},
		"somebody else's":  {p, Target{Tenant: "t", Number: BareLine(Watcher{Tenant: "t", Kind: WatcherPhone, ID: "Q"}).Number, Learned: true}, NotFound},
		"a number of none": {p, Target{Tenant: "t"}, NotFound},
	} {
		if d := Decide(snap, c.w, c.t, Counts{}); d.Outcome != c.o {
			t.Errorf("%s: %+v, want %v", name, d, c.o)
		}
	}
	for user, want := range map[string]bool{"**": true, "%2A%2A": true, "**100": false, "100": false, "*89": false, "": false} {
		if got, _ := snap.TargetIn("t", user); got.Bare != want {
			t.Errorf("TargetIn(%q) = %+v", user, got)
		}
	}
	for _, l := range []Line{{}, {Number: "100"}, {Number: barePrefix + "P"}, {Number: barePrefix + "ghost\x1fP"}} {
		if w, ok := BareWatcher(l); ok {
			t.Errorf("BareWatcher(%q) = %+v", l.Number, w)
		}
	}
}

func TestPickupReasons(t *testing.T) {
	snap := compileYAML(t, barePolicy)
	p := Watcher{Tenant: "t", Kind: WatcherPhone, ID: "P", Trusted: true}
	for number, want := range map[string]string{
		"100": `view number, no pickup by permission "Standard"→"Board": pickup: false`,
		"101": "view number, no pickup by line 101: pickup: false",
		"102": "view number, pickup allowed",
	} {
		steps := Explain(snap, p, Target{Tenant: "t", Number: number, Learned: true}, Counts{})
		if got := steps[len(steps)-1].Rule; got != want {
			t.Errorf("%s: %q, want %q", number, got, want)
		}
	}
}
