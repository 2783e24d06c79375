package bridge_test

import (
	"bufio"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestRFCList: every standard that the source names is in scripts/rfc.txt with a status,
// and the list names no other.
func TestRFCList(t *testing.T) {
	listed := map[string]bool{}
	f, err := os.Open("../scripts/rfc.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		w := strings.Fields(lines.Text())
		if len(w) == 0 || w[0] == "#" {
			continue
		}
		if len(w) < 3 || !slices.Contains([]string{"yes", "partial", "no"}, w[1]) {
			t.Errorf("rfc.txt: %q is not: number, yes|partial|no, title", lines.Text())
			continue
		}
		listed[w[0]] = true
	}
	named := map[string]string{}
	number := regexp.MustCompile(`RFC ?(\d{4,5})`)
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".md") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range number.FindAllSubmatch(text, -1) {
			named[string(m[1])] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range slices.Sorted(maps.Keys(named)) {
		if !listed[n] {
			t.Errorf("RFC %s is named in %s but not listed in scripts/rfc.txt", n, named[n])
		}
	}
	for n := range listed {
		if named[n] == "" {
			t.Errorf("scripts/rfc.txt lists RFC %s, which the source never names", n)
		}
	}
}
