// Command count lists what a Cisco document says, section by section: its notes, tips,
// steps, bullets, table rows and examples, and one "text" for the prose of a section. The
// output for the three documents is items.txt beside it, against which policy/cisco.md
// is tested:
//
//	go run count.go cucm=FILE blf=FILE cme=FILE > items.txt
//
// Each line is document, section and kind, and how many there are; with -v the beginning
// of each item follows.
package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

var (
	tocEntry = regexp.MustCompile(`^- \[(.*?),? page \d[\d-]*\]`)
	step     = regexp.MustCompile(`^(- )?[|\s]*(\*\*)?Step \d+`)
	bullet   = regexp.MustCompile(`^\s*(<p>)?([-•]|\d+\.) `)
	link     = regexp.MustCompile(`^\s*[-•] \[|^\s*- Cisco IP Phone or|^\s*[-•]\s+Digest Auth|documentation that supports your phone model and this version of Cisco CallManager$`)
	// inner headings belong to the section above them.
	inner   = regexp.MustCompile(`^(Procedure|Before you begin|What to do next|What to Do Next|Note|SUMMARY STEPS|DETAILED STEPS|Restrictions|Prerequisites|BLF Call-List|BLF Speed-Dial|Cisco Unified IP Phone 7931|Examples|Step \d.*)$`)
	letters = regexp.MustCompile(`[A-Za-z]`)
	// summary steps are the detailed ones again.
	summary = regexp.MustCompile(`^\d+\. \*\*`)
	stepRow = regexp.MustCompile(`^<b>Step \d`)
	headRow = regexp.MustCompile(`^<b>[^<]*</b>(\t<b>[^<]*</b>)*$|^(Apply Presence Groups to|Related Topic|Description\tLink|Feature Name\tCisco)`)
	noise   = regexp.MustCompile(`window appears\.$|^\[[^\]]*\]\(#\), on page \d+$|^\[[^\]]*, on page \d+\]\(#\)$|^or$|^- Review|^\(before|^(Procedure|Before [Yy]ou [Bb]egin|Additional Information|Additional Steps|Command or Action|Field\b.*Description|Configuration Steps|Feature\b|Restriction\s|Refer to|See the|Table \d|-+$|\|)`)
	example = regexp.MustCompile(`^(A( Non)?( SIP| Phone| Cisco| Non)[A-Z]?|Example: )`)
)

type section struct {
	name  string
	items map[string][]string
}

var kinds = []string{"text", "example", "note", "tip", "step", "row", "bullet"}

func main() {
	verbose := false
	for _, arg := range os.Args[1:] {
		if arg == "-v" {
			verbose = true
			continue
		}
		doc, file, _ := strings.Cut(arg, "=")
		raw, err := os.ReadFile(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		for _, s := range parse(string(raw)) {
			for _, k := range kinds {
				if n := len(s.items[k]); n > 0 {
					fmt.Printf("%s | %s | %s | %d\n", doc, s.name, k, n)
					if verbose {
						for _, x := range s.items[k] {
							fmt.Printf("      %.160s\n", x)
						}
					}
				}
			}
		}
	}
}

func parse(text string) (out []*section) {
	titles := map[string]bool{"Understanding How Presence Works with Extension Mobility": true}
	for line := range strings.Lines(text) {
		if m := tocEntry.FindStringSubmatch(strings.TrimSpace(line)); m != nil && !strings.Contains(text, "\n# ") {
			titles[strings.Trim(m[1], "“”")] = true
		}
	}
	cur := &section{name: "(before)", items: map[string][]string{}} // the title page
	begin := func(name string) {
		cur = &section{name: name, items: map[string][]string{}}
		for _, s := range out {
			if s.name == name {
				cur.name = name + " (2)"
			}
		}
		out = append(out, cur)
	}
	add := func(kind, text string) { cur.items[kind] = append(cur.items[kind], text) }
	pending, fence := "", false
	for line := range strings.Lines(text) {
		s := strings.TrimSpace(line)
		bare := strings.TrimSpace(strings.Trim(s, "*|<td></td>tr "))
		switch {
		case strings.HasPrefix(s, "```"):
			fence = !fence
			if fence {
				add("example", "listing")
			}
			continue
		case fence, s == "":
			continue
		case strings.HasPrefix(s, "#"):
			if title := strings.TrimSpace(strings.TrimLeft(s, "#")); inner.MatchString(title) {
				if step.MatchString(title) {
					add("step", title)
				}
				continue
			}
			begin(strings.TrimSpace(strings.TrimLeft(s, "#")))
			continue
		case titles[s]:
			begin(s)
			continue
		case bare == "Note" || bare == "No" || bare == "Tip" || s == "Note" || s == "Tip" || s == "**Note**" || s == "**Tip**":
			pending = strings.ToLower(strings.Trim(s, "* "))
			continue
		case pending != "":
			add(pending, s)
			pending = ""
			continue
		}
		s = strings.NewReplacer("- Note**", "Note ", "- Tip**", "Tip ").Replace(s)
		if strings.HasPrefix(s, "Note ") || strings.HasPrefix(s, "**Note**") {
			add("note", s)
			continue
		}
		if strings.HasPrefix(s, "Tip ") || strings.HasPrefix(s, "**Tip**") {
			add("tip", s)
			continue
		}
		switch {
		case step.MatchString(s), stepRow.MatchString(s):
			add("step", s)
		case headRow.MatchString(s), summary.MatchString(s), !letters.MatchString(s):
		case noise.MatchString(s) && !strings.HasPrefix(s, "Feature Name"), tocEntry.MatchString(s):
		case strings.Contains(line, "\t"):
			add("row", s)
		case link.MatchString(s):
		case bullet.MatchString(line):
			add("bullet", s)
		case example.MatchString(s) && len(s) < 130 && !strings.Contains(s, " user "):
			add("example", s)
		default:
			if len(cur.items["text"]) == 0 {
				add("text", s)
			}
		}
	}
	return out
}
