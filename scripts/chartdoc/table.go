package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

const (
	begin = "<!-- values: made by go run ./scripts/chartdoc -->\n"
	end   = "<!-- end of values -->\n"
)

// tableOf lists every value with its default.
func tableOf(values []*value) string {
	var b strings.Builder
	b.WriteString("| Value | Default | Meaning |\n|---|---|---|\n")
	var rows func([]*value)
	rows = func(values []*value) {
		for _, v := range values {
			if len(v.children) > 0 {
				rows(v.children)
				continue
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", v.path, literal(v.def), strings.ReplaceAll(v.doc, "|", `\|`))
		}
	}
	rows(values)
	return b.String()
}

// literal is a default on one line, as in YAML's flow style.
func literal(v any) string {
	if m, ok := v.(yaml.MapSlice); ok {
		var parts []string
		for _, item := range m {
			parts = append(parts, fmt.Sprintf("%v: %s", item.Key, literal(item.Value)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	if s, ok := v.(string); ok && s != "" {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil || bytes.Equal(b.Bytes(), []byte("null\n")) {
		return "{}"
	}
	return strings.TrimSpace(b.String())
}

// replaceTable puts the table between its marks.
func replaceTable(readme []byte, table string) ([]byte, error) {
	before, rest, ok := strings.Cut(string(readme), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return nil, errors.New("no marks for the table of values")
	}
	return []byte(before + begin + "\n" + table + "\n" + end + after), nil
}
