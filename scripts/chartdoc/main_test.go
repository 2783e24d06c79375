package main

import (
	"strings"
	"testing"
)

// TestCurrent: schema and table are those of values.yaml and of the configuration.
func TestCurrent(t *testing.T) {
	if err := run("../../charts/blfbridge", true); err != nil {
		t.Error(err)
	}
}

// TestEveryValueIsExplained: a value without a comment is an error, and so is a rule for none.
func TestEveryValueIsExplained(t *testing.T) {
	if _, err := read([]byte("# One.\none: 1\ntwo:\n  three: 3\n")); err == nil || !strings.Contains(err.Error(), "two.three") {
		t.Errorf("%v", err)
	}
	values, err := read([]byte("# One\n# and more.\none: 1\n"))
	if err != nil || values[0].doc != "One and more." {
		t.Errorf("%+v, %v", values, err)
	}
	if _, err := schemaOf(values); err == nil || !strings.Contains(err.Error(), "rules.go has") {
		t.Errorf("%v", err)
	}
}
