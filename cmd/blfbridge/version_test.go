package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	s := newShell(t)
	s.says(s.ok("version"), "blfbridge v0.0.0-test\n", "go1.", "linux/")
	var b build
	if err := json.Unmarshal([]byte(s.ok("version", "--json")), &b); err != nil {
		t.Fatal(err)
	}
	if b.Version != "v0.0.0-test" || !strings.HasPrefix(b.Go, "go1.") || b.Platform == "" {
		t.Errorf("%+v", b)
	}
}

// TestCompletion: what bash is given is bash, and completes our commands.
func TestCompletion(t *testing.T) {
	s := newShell(t)
	script := s.ok("completion", "bash")
	check := exec.Command("bash", "-n")
	check.Stdin = strings.NewReader(script)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for line, word := range map[string]string{"": "serve", "show presence subscription ": "details", "policy import --": "--dry-run", "config ch": "check"} {
		args := strings.Fields(line)
		if line == "" || strings.HasSuffix(line, " ") {
			args = append(args, "")
		}
		r := s.run(append([]string{"__complete"}, args...)...)
		if r.code != exitOK || !strings.Contains(r.out, word) {
			t.Errorf("%q completes to %s", line, r.out)
		}
	}
	for _, shell := range []string{"zsh", "fish", "powershell"} {
		s.says(s.ok("completion", shell), "blfbridge")
	}
}
