package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// File is empty if there was none; Line is 0 if the key does not stand in it.
	File string
	Line int
	// Path is the key: "pbx[0].url". Empty for the document as a whole.
	Path string
	// Message says what is wrong, and Fix (which may be empty) what would mend it.
	Message, Fix string
}

// Error is the problem in one line: "blf.yaml:3: sip.nat: …".
func (p Problem) Error() string {
	var b strings.Builder
	switch {
	case p.File != "" && p.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	case p.File != "":
		b.WriteString(p.File + ": ")
	case p.Line > 0:
		fmt.Fprintf(&b, "line %d: ", p.Line)
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Fix != "" {
		b.WriteString("; " + p.Fix)
	}
	return b.String()
}

// Problems is everything that is wrong with a configuration.
type Problems []Problem

// Error lists the problems, a line each.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
}

// source remembers where each key stands in its file.
type source struct {
	name  string
	lines map[string]int
}

// problem makes a Problem at a key: at its line, or at that of the nearest key above.
func (s *source) problem(path, message, fix string) Problem {
	p := Problem{Path: path, Message: message, Fix: fix}
	if s == nil {
		return p
	}
	p.File = s.name
	for at := path; at != ""; at = parent(at) {
		if line, ok := s.lines[at]; ok {
			p.Line = line
			break
		}
	}
	return p
}

// parent is the path above: "pbx[0].url" → "pbx[0]" → "pbx" → "".
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
