package policy

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with a document.
type Problem struct {
	// Path leads to the value: "tenants[0].lines[2].presence_group".
	Path string
	// Line is the line of the YAML text, 0 if the document did not come from one.
	Line    int
	Message string
}

// String writes path, line and message.
func (p Problem) String() string {
	s := p.Path
	if p.Line > 0 {
		s = strings.TrimSpace(fmt.Sprintf("%s (line %d)", p.Path, p.Line))
	}
	if s == "" {
		return p.Message
	}
	return s + ": " + p.Message
}

// Problems is the error of a document: everything wrong with it, in document order.
type Problems []Problem

// Error writes one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, x := range p {
		lines[i] = x.String()
	}
	return "policy: " + strings.Join(lines, "\npolicy: ")
}
