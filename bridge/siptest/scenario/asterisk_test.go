//go:build pbx

package scenario_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/lab"
	"blfbridge/bridge/siptest/scenario"
)

// TestAsteriskHints plays the office against Asterisk's own lamps. Asterisk gets plain
// calls right, and is wrong where it is known to be: it shows hold at the party being
// held, an offline phone as idle, and no DND. So the runner must pass the former and
// fail the latter.
func TestAsteriskHints(t *testing.T) {
	a, err := lab.Fresh("../../../scripts/pbx/asterisk", "scenario")
	if err != nil {
		t.Fatal(err)
	}
	addr, err := a.Up(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	pbx := scenario.Asterisk(addr.SIP)
	var text strings.Builder
	p := scenario.Printer{W: &text}
	rep, err := scenario.Run(t.Context(), scenario.Config{
		PBX: pbx, Bridge: addr.SIP, Watcher: pbx.Users[3], Foreign: true, Timeout: time.Second,
		Makes:      []scenario.Make{{Name: "dialog", UserAgent: "generic", Event: "dialog"}},
		OnScenario: p.Scenario, OnStep: p.Step,
		Schemas: map[string]string{"application/dialog-info+xml": "../../eventpkg/testdata/schema/dialog-info.xsd"},
	}, scenario.Office())
	if err != nil {
		t.Fatal(err)
	}
	p.Report(rep)
	t.Log(text.String())
	wrong := []string{"hold", "hangup_while_held", "call_waiting", "attended_transfer", "dnd", "dnd_and_call", "unregister"}
	for _, r := range rep.Results {
		if want := !slices.Contains(wrong, r.Scenario.Name); r.OK() != want || r.Skipped != "" {
			t.Errorf("%s: OK is %v, want %v", r.Scenario.Name, r.OK(), want)
		}
	}
	if rep.OK() || !slices.ContainsFunc(rep.Violations, func(v siptest.Violation) bool { return v.Rule == "schema" }) {
		t.Error("Asterisk's invalid bodies went unnoticed")
	}
	if slices.ContainsFunc(rep.Violations, func(v siptest.Violation) bool { return v.Rule != "schema" }) {
		t.Errorf("unexpected breaches:\n%s", siptest.Describe(rep.Violations))
	}
	if len(rep.Latencies()) < 10 || rep.Latencies()[0] <= 0 {
		t.Errorf("latencies: %v", rep.Latencies())
	}
}
