package policy

import (
	"fmt"
	"strings"
	"testing"
)

func TestBeyondCME(t *testing.T) {
	buttons := func(n int) string { return strings.TrimSuffix(strings.Repeat("{number: '1'}, ", n), ", ") }
	lines := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "'2%02d', ", i)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ max, number, lines, buttons, want string }{
		"at CME's limits": {"100", strings.Repeat("1", 16), lines(10), buttons(7), ""},
		"no limit":        {"0", "1", lines(1), "", ""},
		"subscriptions":   {"99", "1", lines(1), "", "max_subscriptions 99 (100 and up)"},
		"long number":     {"100", strings.Repeat("1", 17), lines(1), "", "numbers of more than 16 characters (1)"},
		"lines":           {"100", "1", lines(11), "", "phones with more than 10 lines (1)"},
		"8 buttons":       {"100", "1", lines(1), buttons(8), "SIP phones with more than 7 buttons (1)"},
		"33 buttons":      {"100", "1", lines(1), buttons(33), "SIP phones with more than 7 buttons (1)"},
		"34 buttons":      {"100", "1", lines(1), buttons(34), "phones with more than 33 buttons (1)"},
		"several":         {"5", "1", lines(11), "", "max_subscriptions 5 (100 and up), phones with more than 10 lines (1)"},
	} {
		d, err := Load(fmt.Appendf(nil, "max_subscriptions: %s\ntenants:\n- name: a\n  lines: [{number: '%s'}]\n  phones: [{name: P, lines: [%s], blf_buttons: [%s]}]\n",
			c.max, c.number, c.lines, c.buttons))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := BeyondCME(d); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
