package config

import (
	"fmt"
	"strings"
)

// expand replaces ${NAME} and ${NAME:-default}; $${ is a plain ${. A default is taken
// where the variable is not set or empty, as in a shell; it is not expanded itself.
func expand(s string, env func(string) (string, bool)) (text, problem string) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), ""
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		inner, rest, closed := strings.Cut(s[i+2:], "}")
		if !closed {
			return "", fmt.Sprintf("%q has no closing brace", "${"+inner)
		}
		s = rest
		name, fallback, hasFallback := strings.Cut(inner, ":-")
		if !isName(name) {
			return "", fmt.Sprintf("%q is not the name of an environment variable", name)
		}
		value, set := env(name)
		switch {
		case set && (value != "" || !hasFallback):
			b.WriteString(value)
		case hasFallback:
			b.WriteString(fallback)
		default:
			return "", fmt.Sprintf("environment variable %s is not set", name)
		}
	}
}

func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
