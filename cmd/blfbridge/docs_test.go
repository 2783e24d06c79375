package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	codeForm    = regexp.MustCompile("(?s)```.*?```|`[^`\n]+`") // blocks and words set as code
	commandForm = regexp.MustCompile("(?m)(?:^|`|with: )blfbridge ([a-z][^`#>|\n]*)")
)

// TestDocumentedCommands: every command that README and CONTRIBUTING show exists, with its
// flags and with as many arguments; every metric they name is one.
func TestDocumentedCommands(t *testing.T) {
	metrics, err := os.ReadFile("metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range []string{"README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"} {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range commandForm.FindAllStringSubmatch(strings.Join(codeForm.FindAllString(string(text), -1), "\n"), -1) {
			root := newRoot(&cli{in: strings.NewReader(""), out: io.Discard, err: io.Discard, env: func(string) (string, bool) { return "", false }})
			cmd, args, err := root.Find(strings.Fields(m[1]))
			found++
			if err == nil {
				err = cmd.ParseFlags(args)
			}
			if err == nil && cmd.Args != nil {
				err = cmd.Args(cmd, cmd.Flags().Args())
			}
			// A group named alone, as in `blfbridge policy`, or a command without what it wants, as in `blfbridge explain`.
			if err != nil && len(args) > 0 {
				t.Errorf("%s: blfbridge %s: %v", file, m[1], err)
			}
		}
		for _, name := range regexp.MustCompile(`blfbridge_[a-z]+_[a-z_]+`).FindAllString(string(text), -1) {
			if !strings.Contains(string(metrics), "`"+name+"`") {
				t.Errorf("%s: no metric %s", file, name)
			}
		}
	}
	if found < 6 {
		t.Errorf("found %d commands", found)
	}
}
