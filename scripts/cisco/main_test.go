package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const table = `# CUCM: Presence

## Groups

| item | what it says | rule | test |
|---|---|---|---|
| text | one | a | ` + "`TestOne`" + ` |
| tip | two | b | ` + "`groups/a case, of two`, `bridge.TestEnd/sub test`" + ` |
| tip | three | cannot apply: why | - |
| row | four | c | ` + "`line:a rule`" + ` |
`

func TestJudge(t *testing.T) {
	rows, err := parse(table)
	if err != nil || len(rows) != 4 || len(rows[1].tests) != 2 {
		t.Fatalf("%+v, %v", rows, err)
	}
	passed := `{"Action":"pass","Package":"blfbridge/policy","Test":"TestOne"}
not JSON
{"Action":"pass","Package":"blfbridge/policy","Test":"TestSections/groups/a_case,_of_two"}
{"Action":"pass","Package":"blfbridge/bridge","Test":"TestEnd/sub_test"}
{"Action":"pass","Package":"blfbridge/bridge/line","Test":"TestRules/a_rule"}
{"Action":"pass","Package":"blfbridge/bridge/line"}
`
	counted := "cucm | Groups | text | 1\ncucm | Groups | tip | 2\ncucm | Groups | row | 1\n"
	for name, c := range map[string]struct{ results, counted, want string }{
		"all":       {passed, counted, ""},
		"failed":    {strings.Replace(passed, "pass", "fail", 1), counted, `the test "TestOne" failed`},
		"skipped":   {strings.Replace(passed, `"pass","Package":"blfbridge/bridge",`, `"skip","Package":"blfbridge/bridge",`, 1), counted, `"bridge.TestEnd/sub test" was skipped`},
		"not run":   {strings.Replace(passed, "TestRules", "TestOthers", 1), counted, `"line:a rule" did not run`},
		"missing":   {passed, strings.Replace(counted, "tip | 2", "tip | 3", 1), "2 items, the document has 3"},
		"invented":  {passed, strings.Replace(counted, "cucm | Groups | row | 1\n", "", 1), "row: not in the document"},
		"elsewhere": {strings.Replace(passed, "blfbridge/policy", "blfbridge/other", 1), counted, `"TestOne" did not run`},
	} {
		rs, err := read(strings.NewReader(c.results))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(append(compare(rows, c.counted), judge(rows, rs)...), "\n")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestNamed: packages at any depth are found, those at the top too.
func TestNamed(t *testing.T) {
	rows, err := parse(table)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"blfbridge/bridge", "blfbridge/bridge/line", "blfbridge/bridge/sipua", "blfbridge/policy", "blfbridge/policy/policystore"}
	want := []string{"blfbridge/bridge", "blfbridge/bridge/line", "blfbridge/policy"}
	if got := named(rows, all); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestNothingRan: with no results every item of the real map is missing, and the exit
// says so.
func TestNothingRan(t *testing.T) {
	t.Chdir("../..")
	none := filepath.Join(t.TempDir(), "none.json")
	if err := os.WriteFile(none, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(&out, []string{none}); err == nil || !strings.Contains(out.String(), "did not run") || !strings.Contains(out.String(), " in all, by ") {
		t.Errorf("%v\n%s", err, out.String())
	}
}
