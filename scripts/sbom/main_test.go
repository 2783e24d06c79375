package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// TestOfThisProgram: the bill of this very test program, twice the same, with all that it names.
func TestOfThisProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var one, other bytes.Buffer
	for _, w := range []*bytes.Buffer{&one, &other} {
		if err := run(w, self, "v1.2.3"); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), other.Bytes()) {
		t.Error("the same program has two bills")
	}
	var b bom
	if err := json.Unmarshal(one.Bytes(), &b); err != nil {
		t.Fatal(err)
	}
	if b.Metadata.Component.Version != "v1.2.3" || b.Components[0].PURL != "pkg:golang/stdlib@"+strings.TrimPrefix(runtime.Version(), "go") {
		t.Errorf("%+v", b)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(b.Serial) {
		t.Errorf("its number is %s", b.Serial)
	}
}

func TestModules(t *testing.T) {
	b := describe(&debug.BuildInfo{GoVersion: "go1.26.8 X:none", Path: "blfbridge/cmd/blfbridge", Main: debug.Module{Version: "v1.0.0"}, Deps: []*debug.Module{
		{Path: "example.com/a", Version: "v1.0.0", Sum: "h1:a"},
		{Path: "example.com/b", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/c", Version: "v2.0.0"}},
	}}, [32]byte{}, "")
	var refs []string
	for _, c := range b.Components {
		refs = append(refs, c.Ref)
	}
	if got := strings.Join(refs, " "); got != "pkg:golang/stdlib@1.26.8 pkg:golang/example.com/a@v1.0.0 pkg:golang/example.com/c@v2.0.0" {
		t.Error(got)
	}
	if b.Metadata.Component.Name != "blfbridge" || b.Metadata.Component.Version != "v1.0.0" || len(b.Dependencies[0].DependsOn) != 3 {
		t.Errorf("%+v", b.Metadata)
	}
}
