package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// scenario is a policy in the administrator's own YAML, the sentence of the document it
// comes from in our words, and who asks for what. They are in testdata/sections, a file
// for each section of the documents.
//
// A line of asks is: watcher, target, outcome, view, pickup, step, rule, and for an
// external presentity the trunks to try. Watchers are phone:NAME, user:ID, trunk:NAME
// (digest held), app:USER/TRUNK, stranger (unknown, trusted) and public (unknown, not
// trusted); a leading ! makes any watcher untrusted, or its digest not held. Targets are
// numbers, or sip:user@host. NAME@tenant and NUMBER@tenant name another tenant than "t";
// a trailing ? marks a number that a PBX reported. A view of number/device shows the phone.
type scenario struct {
	file, name, says, policy, asks string
	// logins are lines "phone user profile", of tenant "t".
	logins string
	// problems are what is wrong with the policy, a line each, instead of asks.
	problems string
}

var scenarios = loadScenarios()

func loadScenarios() (out []scenario) {
	files, err := filepath.Glob("testdata/sections/*.md")
	if err != nil || len(files) == 0 {
		panic("no testdata/sections")
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			panic(err)
		}
		for _, part := range strings.Split("\n"+string(text), "\n## ")[1:] {
			s := scenario{file: strings.TrimSuffix(filepath.Base(f), ".md")}
			s.name, part, _ = strings.Cut(part, "\n")
			s.says, part, _ = strings.Cut(strings.TrimSpace(part), "\n\n```")
			for _, block := range strings.Split("\n```"+part, "\n```")[1:] {
				kind, body, ok := strings.Cut(block, "\n")
				if !ok || strings.TrimSpace(kind) == "" {
					continue
				}
				switch kind {
				case "yaml":
					s.policy = body
				case "ask":
					s.asks = body
				case "login":
					s.logins = body
				case "problems":
					s.problems = body
				default:
					panic(fmt.Sprintf("%s: block of kind %q", f, kind))
				}
			}
			out = append(out, s)
		}
	}
	return out
}
