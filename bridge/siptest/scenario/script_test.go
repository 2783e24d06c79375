package scenario_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest/scenario"
)

func TestOffice(t *testing.T) {
	lamps := map[string]bool{}
	for _, s := range scenario.Office() {
		if s.Title == "" || len(s.Steps) == 0 || !s.Steps[len(s.Steps)-1].Check && s.Name != "busy_at_once" {
			t.Errorf("%s: no title, no steps, or the end is not checked", s.Name)
		}
		// Whatever happened, every phone is idle again for the next scenario.
		now := map[string]scenario.Lamp{}
		for _, st := range s.Steps {
			for p, l := range st.Want {
				now[p] = l
				lamps[l.String()] = true
			}
		}
		for p, l := range now {
			if l.State != device.Idle {
				t.Errorf("%s leaves %s %s", s.Name, p, l)
			}
		}
	}
	for _, l := range []string{"idle", "ringing", "busy", "held", "dnd", "unknown"} {
		if !lamps[l] {
			t.Errorf("no scenario lights %s", l)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for line, hint := range map[string]string{
		"A calls":               "calls whom",
		"A calls E":             `"E"`,
		"A answers B":           `answers whom? "B"`,
		"E calls A":             `"E" is no phone`,
		"A sings":               `"sings" is no verb`,
		"A answers => A":        "want PHONE LAMP",
		"A answers => A purple": `"purple"`,
		"A answers => E busy":   "want PHONE LAMP",
		"scenario x: again":     `a second scenario "x"`,
	} {
		_, err := scenario.Parse("scenario x: title\n  A calls B\n" + line + "\n")
		if !errors.Is(err, scenario.ErrScript) || !strings.Contains(err.Error(), hint) || !strings.Contains(err.Error(), "line 3:") {
			t.Errorf("%s: %v", line, err)
		}
	}
	if _, err := scenario.Parse("A calls B"); !errors.Is(err, scenario.ErrScript) {
		t.Errorf("a step without scenario: %v", err)
	}
}

func TestReport(t *testing.T) {
	busy, idle := scenario.Lamp{State: device.Busy}, scenario.Lamp{State: device.Idle}
	steps := func(seen scenario.Lamp) []scenario.StepResult {
		return []scenario.StepResult{
			{Step: scenario.Step{Verb: "all idle"}},
			{
				Step: scenario.Step{Phone: "A", Verb: "answers", Check: true, Want: map[string]scenario.Lamp{"A": busy}},
				Lamps: []scenario.LampResult{{Line: "A", Watcher: "dialog", Want: busy, Seen: seen, Changed: true, Latency: 3 * time.Millisecond},
					{Line: "B", Watcher: "dialog", Want: idle, Seen: idle}},
			},
		}
	}
	good := &scenario.Report{PBX: "asterisk", Results: []scenario.Result{{Scenario: scenario.Scenario{Name: "good"}, Steps: steps(busy)}}}
	bad := &scenario.Report{PBX: "asterisk", Results: []scenario.Result{{Scenario: scenario.Scenario{Name: "bad"}, Steps: steps(idle)}}}
	if !good.OK() || bad.OK() {
		t.Errorf("good %v, bad %v", good.OK(), bad.OK())
	}
	if l := good.Latencies(); fmt.Sprint(l) != "[3ms]" {
		t.Errorf("latencies %v", l)
	}
	for _, c := range []struct {
		rep    *scenario.Report
		colour bool
		want   []string
	}{
		{good, false, []string{"ok   A answers          A busy", "3ms", "1 scenarios passed, 0 failed", "\nPASS\n"}},
		{good, true, []string{"\x1b[32mok  \x1b[0m", "\x1b[31mbusy"}},
		{bad, false, []string{"FAIL A answers", "A at the dialog watcher: want busy, seen idle", "\nFAIL\n"}},
	} {
		var b strings.Builder
		p := scenario.Printer{W: &b, Colour: c.colour}
		for _, r := range c.rep.Results {
			p.Scenario(r.Scenario)
			for _, s := range r.Steps {
				p.Step(s)
			}
		}
		p.Report(c.rep)
		for _, w := range c.want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("lacks %q:\n%s", w, b.String())
			}
		}
	}
}
