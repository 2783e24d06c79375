package policy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// quickAgrees fails the test if the quick reader takes a text and the parser makes
// something else of it, and reports whether it takes it.
func quickAgrees(t *testing.T, text string) bool {
	t.Helper()
	var d Document
	if quickLoad(text, &d, nil) != nil {
		return false
	}
	lines := map[string]int{}
	var again Document
	if err := quickLoad(text, &again, lines); err != nil || !reflect.DeepEqual(again, d) {
		t.Fatalf("with lines: %v\n%s", err, text)
	}
	slow, err := loadParsed([]byte(text))
	if invalid := Validate(&d); invalid != nil {
		want := fmt.Sprint(err)
		if got := (&decoder{lines: lines}).report(invalid).Error(); got != want {
			t.Fatalf("problems differ:\n%s\nparser:\n%s\ntext:\n%s", got, want, text)
		}
		return true
	}
	if err != nil {
		t.Fatalf("the parser refuses it: %v\n%s", err, text)
	}
	if !reflect.DeepEqual(&d, slow) {
		t.Fatalf("read differently:\n%+v\n%+v\n%s", d, slow, text)
	}
	return true
}

// TestQuickReadsWhatIsWritten: exports, JSON and the documents of these tests go the
// quick way, and come out as they would the other.
func TestQuickReadsWhatIsWritten(t *testing.T) {
	for seed := range uint64(100) {
		d := randomDocument(rand.New(rand.NewPCG(seed, 8)))
		text, err := Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if !quickAgrees(t, string(text)) {
			t.Errorf("seed %d: an export goes the slow way:\n%s", seed, text)
		}
		asJSON, _ := json.Marshal(d)
		if !quickAgrees(t, string(asJSON)) {
			t.Errorf("seed %d: JSON goes the slow way:\n%s", seed, asJSON)
		}
		asJSON, _ = json.MarshalIndent(d, "", "  ")
		if !quickAgrees(t, string(asJSON)) {
			t.Errorf("seed %d: indented JSON goes the slow way:\n%s", seed, asJSON)
		}
	}
	for _, s := range scenarios {
		if !quickAgrees(t, "\ufeff"+strings.ReplaceAll(s.policy, "\n", "\r\n")) {
			t.Errorf("%s goes the slow way with Windows' line ends", s.name)
		}
		if !quickAgrees(t, s.policy) {
			t.Errorf("%s goes the slow way", s.name)
		}
	}
}

// TestQuickKnowsItsLimits: what the quick reader must not guess at.
func TestQuickKnowsItsLimits(t *testing.T) {
	for _, text := range []string{
		"tenants: &a [{name: x}]", "tenants: *a", "tenants:\n- name: x\n\tcountry_code: 1", "a: b: c", "tenants: [{name: x}", "default_tenant: a\n  b",
		"default_tenant: |\n  x", "? a\n: b", "---\n{}\n---\n{}", "tenants: [{name: x, name: y}]", "nope: 1", "default_tenant: \"a\n b\"",
		"tenants: [name: x]", "tenants:\n  - - x", "default_tenant: !!str x", "<<: {}", "default_tenant: - x", "tenants: [{name: a\n b}]",
		"default_tenant:\n  x", "max_subscriptions: many", "default_tenant: \"\\x41\"", "default_tenant: 'a", "{}x", "default_tenant: [a]", "tenants: x",
		"tenants: {}", "tenants: [{name: x},]", "  default_tenant: a\n default_tenant: b", "- a", "default_tenant: a # b\n# c\nblf_for_call_lists: [", "%YAML 1.2\n---\n{}",
	} {
		var d Document
		if quickLoad(text, &d, nil) == nil {
			t.Errorf("%q is read quickly: %+v", text, d)
		}
	}
}

func FuzzQuick(f *testing.F) {
	for _, s := range scenarios {
		f.Add(s.policy)
	}
	files, _ := filepath.Glob("testdata/problems/*.txt")
	for _, name := range files {
		text, _ := os.ReadFile(name)
		_, doc, _ := strings.Cut(string(text), "---\n")
		f.Add(doc)
	}
	for seed := range uint64(5) {
		text, _ := Marshal(randomDocument(rand.New(rand.NewPCG(seed, 9))))
		f.Add(string(text))
	}
	f.Add("{\"tenants\":[{\"name\":\"a\",\"learn\":null,\"lines\":[{\"number\":\"\\u0031\"}]}]}")
	f.Add("tenants:\n- name: 'it''s' # c\n  lines:\n\n  - number: 1\n    aliases: [a:b, +2,\n      3]\n  -\n    number: 2\n")
	f.Fuzz(func(t *testing.T, text string) { quickAgrees(t, text) })
}

// TestLargeProblemsHaveLines: a mistake in a long text is reported with its line, and soon.
func TestLargeProblemsHaveLines(t *testing.T) {
	var b strings.Builder
	b.WriteString("tenants:\n  - name: t\n    lines:\n")
	for i := range 100_000 {
		fmt.Fprintf(&b, "      - number: %d\n", 10_000+i)
	}
	b.WriteString("      - number: 10000\n")
	begun := time.Now()
	_, err := Load([]byte(b.String()))
	if err == nil || !strings.Contains(err.Error(), "tenants[0].lines[100000].number (line 100004): number \"10000\" is in partition") {
		t.Errorf("got %.200v", err)
	}
	if d := time.Since(begun); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}
