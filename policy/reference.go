package policy

import (
	"fmt"
	"strings"
)

// Reference is the description of every key, in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, s := range docSections() {
		title := "The document"
		if s.paths[0] != "" {
			title = "`" + strings.Join(s.paths, "`, `") + "`"
		}
		fmt.Fprintf(&b, "\n## %s\n\n| Key | Value | Default | Cisco's | Meaning |\n|---|---|---|---|---|\n", title)
		for _, k := range s.keys {
			value, def := k.typ, "–"
			if k.of != "" {
				value += ", below"
			}
			if k.limits != "" {
				value += ", " + k.limits
			}
			switch {
			case k.required:
				def = "**required**"
			case k.value != "":
				def = "`" + k.value + "`"
			}
			cisco := "–"
			if k.cisco != "" {
				cisco = k.cisco
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", k.name, cell(value), def, cell(cisco), cell(k.doc))
		}
	}
	return b.String()
}

var cell = strings.NewReplacer("|", "\\|", "<", "&lt;").Replace

const referenceHead = `# The policy document

Every key, with the name that CUCM or CME has for it; – has none there. Where our ranges or defaults are not
Cisco's it says so. A key that is left out has its default. ` + "`blfbridge policy import`" + ` tells what CME would not take.
`
