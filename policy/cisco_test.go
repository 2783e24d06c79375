package policy

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ciscoRow is one item of cisco.md.
type ciscoRow struct{ key, says, rule, test string }

var ciscoDocs = map[string]string{"CUCM: Presence": "cucm", "CUCM: BLF Presence": "blf", "CME: Presence Service": "cme"}

func ciscoRows(t *testing.T) (rows []ciscoRow) {
	t.Helper()
	f, err := os.Open("cisco.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var doc, section string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line := sc.Text()
		switch {
		case strings.HasPrefix(line, "# "):
			doc = ciscoDocs[line[2:]]
		case strings.HasPrefix(line, "## "):
			section = line[3:]
		case strings.HasPrefix(line, "| item "), strings.HasPrefix(line, "|---"), !strings.HasPrefix(line, "|"):
		default:
			c := strings.Split(strings.Trim(line, "| "), " | ")
			if len(c) != 4 {
				t.Fatalf("malformed row %q", line)
			}
			rows = append(rows, ciscoRow{fmt.Sprintf("%s | %s | %s", doc, section, c[0]), c[1], c[2], strings.Trim(c[3], "`")})
		}
	}
	return rows
}

// TestCiscoIsComplete: cisco.md has as many items of each kind in each section as the
// documents have (testdata/cisco/items.txt), its sections are in their order, and who has
// no test says why.
func TestCiscoIsComplete(t *testing.T) {
	text, err := os.ReadFile("testdata/cisco/items.txt")
	if err != nil {
		t.Fatal(err)
	}
	want, order := map[string]string{}, []string{}
	for line := range strings.Lines(string(text)) {
		i := strings.LastIndex(line, " | ")
		want[line[:i]] = strings.TrimSpace(line[i+3:])
		if s := line[:strings.LastIndex(line[:i], " | ")]; !slices.Contains(order, s) {
			order = append(order, s)
		}
	}
	got, sections := map[string]int{}, []string{}
	for _, r := range ciscoRows(t) {
		got[r.key]++
		if s := r.key[:strings.LastIndex(r.key, " | ")]; !slices.Contains(sections, s) {
			sections = append(sections, s)
		}
		if cannot := strings.HasPrefix(r.rule, "cannot apply: "); cannot != (r.test == "-") {
			t.Errorf("%s: %s: a rule has a test, or it cannot apply", r.key, r.says)
		}
	}
	for key, n := range want {
		if fmt.Sprint(got[key]) != n {
			t.Errorf("%s: %d items, and the document has %s", key, got[key], n)
		}
	}
	for key := range got {
		if want[key] == "" {
			t.Errorf("%s is not in the document", key)
		}
	}
	if !slices.Equal(order, sections) {
		t.Errorf("sections\n%s\nin the documents\n%s", strings.Join(sections, "\n"), strings.Join(order, "\n"))
	}
}

// TestCiscoTestsExist: every test that cisco.md names is there; scripts/cisco looks
// whether it passed.
func TestCiscoTestsExist(t *testing.T) {
	known := map[string]bool{}
	function, rule := regexp.MustCompile(`func (Test\w+)\(t`), regexp.MustCompile(`name: +"([^"]+)"`)
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		dir := filepath.Dir(path)
		prefix := filepath.Base(dir) + "."
		if dir == "../policy" {
			prefix = ""
		}
		for _, m := range function.FindAllStringSubmatch(string(text), -1) {
			known[prefix+m[1]] = true
		}
		if dir == "../bridge/line" {
			for _, m := range rule.FindAllStringSubmatch(string(text), -1) {
				known["line:"+m[1]] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios {
		name := s.file + "/" + s.name
		if known[name] {
			t.Errorf("two cases %q", name)
		}
		known[name] = true
	}
	for _, r := range ciscoRows(t) {
		for name := range strings.SplitSeq(r.test, "`, `") {
			if top, _, sub := strings.Cut(name, "/"); sub && strings.Contains(top, "Test") {
				name = top // its subtests are known when it runs
			}
			if name != "-" && !known[name] {
				t.Errorf("%s: %s: no test %q", r.key, r.says, name)
			}
		}
	}
}
