package config

import (
	"fmt"
	"strings"
)

// examples are what DefaultYAML shows for the keys that the example PBX must set.
var examples = map[string]string{
	"pbx[].name":     "pbx",
	"pbx[].type":     "asterisk",
	"pbx[].url":      "http://127.0.0.1:8088",
	"pbx[].username": "blfbridge",
	"pbx[].password": "${ARI_PASSWORD}",
}

// DefaultYAML is a complete configuration: every key with its meaning, those that have
// a default set to it, the others commented out, and one example PBX.
func DefaultYAML() string {
	var b strings.Builder
	b.WriteString("# blfbridge serve. Every key that is left out has the value shown here, except pbx.\n")
	var open []string // sections that are open
	for _, k := range Keys() {
		parts := strings.Split(k.Path, ".")
		sections, name := parts[:len(parts)-1], parts[len(parts)-1]
		common := 0
		for common < len(open) && common < len(sections) && open[common] == sections[common] {
			common++
		}
		inPBX := sections[0] == "pbx[]"
		first := ""
		for depth := common; depth < len(sections); depth++ {
			if depth == 0 {
				b.WriteByte('\n')
			}
			if sections[depth] == "pbx[]" {
				b.WriteString("pbx:\n")
				first = "  - " // the entry begins with its first key
				continue
			}
			if list, is := strings.CutSuffix(sections[depth], "[]"); is {
				fmt.Fprintf(&b, "%s%s: [] # each entry:\n", indent(depth, inPBX), list)
				first = "# - "
				continue
			}
			fmt.Fprintf(&b, "%s%s:\n", indent(depth, inPBX), sections[depth])
		}
		open = sections
		pad := indent(len(sections), inPBX)
		for line := range strings.SplitSeq(wrap(k.Doc, 88-len(pad)), "\n") {
			fmt.Fprintf(&b, "%s# %s\n", pad, line)
		}
		value, set := examples[k.Path]
		if !set {
			value, set = k.Default, k.Default != ""
		}
		switch {
		case first == "# - ":
			fmt.Fprintf(&b, "%s%s%s:\n", pad, first, name)
		case strings.HasSuffix(sections[len(sections)-1], "[]") && !inPBX:
			fmt.Fprintf(&b, "%s#   %s:\n", pad, name)
		case first != "":
			fmt.Fprintf(&b, "%s%s: %s\n", first, name, value)
		case set:
			fmt.Fprintf(&b, "%s%s: %s\n", pad, name, value)
		default:
			fmt.Fprintf(&b, "%s#%s:\n", pad, name)
		}
	}
	return b.String()
}

func indent(depth int, inPBX bool) string {
	if inPBX && depth > 0 {
		depth++
	}
	return strings.Repeat("  ", depth)
}

// wrap breaks a text into lines of at most width bytes.
func wrap(s string, width int) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(s) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
