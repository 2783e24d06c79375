package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

func dump(c *Config) string { return fmt.Sprintf("%+v", *c) }

// Whatever the file holds: no panic, and an error is a list of problems that point
// into the file. What is accepted is valid.
func FuzzConfig(f *testing.F) {
	reference, err := os.ReadFile("testdata/default.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		onePBX, string(reference), "", "a", "- ", "pbx:\n- ", "sip: {listen: [udp://0.0.0.0:5060, x]}", "&a\nb: *a", "? a\n: b",
		"log:\n  level: |\n    info\n", "<<: {a: b}", "pbx: [{password_file: /dev/null}]", "sip: !!map {}", "1: 2\n? [a]\n: b", "${A}: ${B:-x}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, func(name string) (string, bool) { return name, len(name) < 3 })
		if err == nil {
			if err := c.Validate(); err != nil {
				t.Fatalf("accepted, but not valid: %v", err)
			}
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("%T is no list of problems: %v", err, err)
		}
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1
		for _, p := range problems {
			if p.Message == "" || p.Line < 0 || p.Line > lines {
				t.Errorf("%d lines, problem %+v", lines, p)
			}
		}
	})
}
