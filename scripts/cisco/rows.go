package main

import (
	"fmt"
	"io"
	"strings"
)

// row is one item of the documents, and what carries it.
type row struct {
	doc, section, kind, says, rule string
	tests                          []string // none: it cannot apply
}

var docs = map[string]string{"CUCM: Presence": "cucm", "CUCM: BLF Presence": "blf", "CME: Presence Service": "cme"}

// parse reads the tables of cisco.md.
func parse(text string) (rows []row, err error) {
	var doc, section string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "# "):
			doc = docs[line[2:]]
		case strings.HasPrefix(line, "## "):
			section = line[3:]
		case strings.HasPrefix(line, "| item "), strings.HasPrefix(line, "|---"), !strings.HasPrefix(line, "|"):
		default:
			c := strings.Split(strings.Trim(line, "| "), " | ")
			if len(c) != 4 {
				return nil, fmt.Errorf("policy/cisco.md: malformed row %q", line)
			}
			r := row{doc: doc, section: section, kind: c[0], says: c[1], rule: c[2]}
			if c[3] != "-" {
				r.tests = strings.Split(strings.Trim(c[3], "`"), "`, `")
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}

func (r *row) String() string { return r.doc + " | " + r.section + " | " + r.kind + ": " + r.says }

// locate splits the name of a test as cisco.md has it into a package's last element and
// the test: "TestX" and "file/case" are of policy, "line:case" of the rules of line.
func locate(name string) (pkg, test string) {
	switch pkg, rest, _ := strings.Cut(name, "."); {
	case strings.HasPrefix(rest, "Test") && !strings.ContainsAny(pkg, "/ :"):
		return "/" + pkg, rest
	case strings.HasPrefix(name, "line:"):
		return "/bridge/line", "TestRules/" + strings.TrimPrefix(name, "line:")
	case strings.HasPrefix(name, "Test"):
		return "/policy", name
	}
	return "/policy", "TestSections/" + name
}

// named are those of all packages that the rows name.
func named(rows []row, all []string) (packages []string) {
	suffixes := map[string]bool{}
	for _, r := range rows {
		for _, t := range r.tests {
			pkg, _ := locate(t)
			suffixes[pkg] = true
		}
	}
	for _, p := range all {
		for suffix := range suffixes {
			if strings.HasSuffix(p, suffix) {
				packages = append(packages, p)
				break
			}
		}
	}
	return packages
}

// compare tells where the map has not as many items as the documents.
func compare(rows []row, counted string) (wrong []string) {
	have, want := map[string]int{}, map[string]int{}
	for _, r := range rows {
		have[r.doc+" | "+r.section+" | "+r.kind]++
		if (len(r.tests) == 0) != strings.HasPrefix(r.rule, "cannot apply: ") {
			wrong = append(wrong, fmt.Sprintf("%v: it has a test, or says why it cannot apply", &r))
		}
	}
	for line := range strings.Lines(counted) {
		i := strings.LastIndex(line, " | ")
		n := 0
		if _, err := fmt.Sscan(line[i+3:], &n); err != nil {
			wrong = append(wrong, "items.txt: "+line)
		}
		want[line[:i]] = n
		if have[line[:i]] != n {
			wrong = append(wrong, fmt.Sprintf("%s: %d items, the document has %d", line[:i], have[line[:i]], n))
		}
	}
	for key := range have {
		if want[key] == 0 {
			wrong = append(wrong, key+": not in the document")
		}
	}
	return wrong
}

// report prints the totals of each section.
func report(w io.Writer, rows []row) {
	var order []string
	carried, cannot := map[string]int{}, map[string]int{}
	tests, all, none := map[string]bool{}, 0, 0
	for _, r := range rows {
		key := r.doc + "  " + r.section
		if carried[key]+cannot[key] == 0 {
			order = append(order, key)
		}
		if len(r.tests) == 0 {
			cannot[key]++
			none++
		} else {
			carried[key]++
			all++
		}
		for _, t := range r.tests {
			tests[t] = true
		}
	}
	fmt.Fprintln(w, "items carried, and such that cannot apply, of each section:")
	for _, key := range order {
		fmt.Fprintf(w, "%4d %4d  %s\n", carried[key], cannot[key], key)
	}
	fmt.Fprintf(w, "%4d %4d  in all, by %d tests\n", all, none, len(tests))
}
