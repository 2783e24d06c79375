package policy

import "testing"

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, number string
		match           bool
		rest            string // behind the dot
	}{
		{"1001", "1001", true, "1001"},
		{"1001", "10011", false, ""},
		{"1XXX", "1999", true, "1999"},
		{"1XXX", "199", false, ""},
		{"1XXX", "1*99", false, ""},
		{"9.1XXX", "91234", true, "1234"},
		{"9.!", "9123456", true, "123456"},
		{"9.!", "9", false, ""},
		{"!", "1", true, "1"},
		{"!#", "12#", true, "12#"},
		{"!.99", "1299", true, "99"},
		{"!.!", "12", true, "2"},
		{"[2-46]X", "69", true, "69"},
		{"[2-46]X", "59", false, ""},
		{"[^0]X", "09", false, ""},
		{"[^0]X", "19", true, "19"},
		{"*89.XXXX", "*891001", true, "1001"},
		{`\+1310XXXXXXX`, "13106341777", true, "13106341777"},
		{"+44!", "+44123", true, "44123"},
		{"X!", "12", true, "12"},
		{"!X", "1", false, ""},
		{"8.", "8", true, ""},
		{"1X", "bob", false, ""},
	} {
		p, err := parsePattern(c.pattern)
		if err != nil {
			t.Fatal(c.pattern, err)
		}
		pre, ok := p.match(c.number)
		if ok != c.match {
			t.Errorf("%s matches %s: %v", c.pattern, c.number, ok)
		}
		n := c.number
		if n[0] == '+' {
			n = n[1:]
		}
		if ok && n[pre:] != c.rest {
			t.Errorf("%s on %s leaves %q, want %q", c.pattern, c.number, n[pre:], c.rest)
		}
	}
	for _, s := range []string{"", ".", "12a", "[", "[]", "[^0-9]", "[a]", "1.2.3", "1-2"} {
		if _, err := parsePattern(s); err == nil {
			t.Errorf("%q is taken for a pattern", s)
		}
	}
}

func TestMorePreciseOfTwoPatterns(t *testing.T) {
	order := []string{"1001", "100X", "10[1-2]X", "1XXX", "1!", "!"}
	for i := range order[1:] {
		a, _ := parsePattern(order[i])
		b, _ := parsePattern(order[i+1])
		if a.specificity() <= b.specificity() {
			t.Errorf("%s is not closer than %s", order[i], order[i+1])
		}
	}
}
