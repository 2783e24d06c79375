package ladder

import (
	"fmt"
	"strings"
)

// words splits a line at spaces, keeps quoted parts together and drops the comment.
func words(line string) ([]string, error) {
	var out []string
	var w strings.Builder
	in, quoted := false, false // inside a word, inside quotes
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quoted && c == '\\' && i+1 < len(line) && (line[i+1] == '"' || line[i+1] == '\\'):
			i++
			w.WriteByte(line[i])
		case c == '"':
			quoted, in = !quoted, true
		case quoted:
			w.WriteByte(c)
		case c == '#' && !in:
			return out, nil
		case c == ' ' || c == '\t' || c == '\r':
			if in {
				out = append(out, w.String())
				w.Reset()
				in = false
			}
		default:
			in = true
			w.WriteByte(c)
		}
	}
	if quoted {
		return nil, fmt.Errorf(`the quote is not closed`)
	}
	if in {
		out = append(out, w.String())
	}
	return out, nil
}

// field reads Header:Value.
func field(word string) (Field, bool) {
	name, value, ok := strings.Cut(word, ":")
	return Field{name, value}, ok && name != "" && !strings.ContainsAny(name, "=<>;@")
}

func fields(ws []string) ([]Field, error) {
	var out []Field
	for _, w := range ws {
		f, ok := field(w)
		if !ok {
			return nil, fmt.Errorf("%q is no Header:Value", w)
		}
		out = append(out, f)
	}
	return out, nil
}
