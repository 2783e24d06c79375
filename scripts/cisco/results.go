package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// results are the outcomes (pass, fail, skip) of tests, by package and name.
type results map[string]map[string]string

// read takes them from the output of go test -json.
func read(r io.Reader) (results, error) {
	out := results{}
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		var e struct{ Action, Package, Test string }
		if json.Unmarshal(in.Bytes(), &e) != nil || e.Test == "" {
			continue
		}
		switch e.Action {
		case "pass", "fail", "skip":
			if out[e.Package] == nil {
				out[e.Package] = map[string]string{}
			}
			out[e.Package][e.Test] = e.Action
		}
	}
	return out, in.Err()
}

// of is the outcome of a test as cisco.md names it, empty if it did not run.
func (rs results) of(name string) string {
	pkg, test := locate(name)
	test = strings.ReplaceAll(test, " ", "_") // as testing writes names
	for p, tests := range rs {
		if strings.HasSuffix(p, pkg) && tests[test] != "" {
			return tests[test]
		}
	}
	return ""
}

// judge tells which items have a test that did not run and pass.
func judge(rows []row, rs results) (wrong []string) {
	words := map[string]string{"": "did not run", "fail": "failed", "skip": "was skipped"}
	for _, r := range rows {
		for _, t := range r.tests {
			if got := rs.of(t); got != "pass" {
				wrong = append(wrong, fmt.Sprintf("%v: the test %q %s", &r, t, words[got]))
			}
		}
	}
	return wrong
}
