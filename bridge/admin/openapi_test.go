package admin_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"blfbridge/bridge/admin/admintest"
)

var update = flag.Bool("update", false, "rewrite testdata")

// TestOpenAPI: what clients are made from changes only on purpose.
func TestOpenAPI(t *testing.T) {
	r := admintest.Start(t, nil)
	a := do(t, "GET", r.URL+"/openapi.json", "")
	if a.status != 200 || !strings.Contains(a.header.Get("Content-Type"), "json") {
		t.Fatalf("%d %s", a.status, a.header.Get("Content-Type"))
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(a.body), "", " "); err != nil {
		t.Fatal(err)
	}
	indented.WriteByte('\n')
	const golden = "testdata/openapi.json"
	if *update {
		if err := os.WriteFile(golden, indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(want), bytes.TrimSpace(indented.Bytes())) {
		t.Errorf("the API's description is not that of %s: see what changed with go test -update and git diff", golden)
	}
}

// TestOpenAPISecurity: the document says of every write that it needs the token.
func TestOpenAPISecurity(t *testing.T) {
	r := admintest.Start(t, nil)
	var doc struct {
		Paths map[string]map[string]struct {
			Summary  string
			Security []map[string][]string
		}
	}
	get(t, r.URL+"/openapi.json", &doc)
	operations := 0
	for path, methods := range doc.Paths {
		for method, o := range methods {
			operations++
			_, named := o.Security[0]["token"]
			if o.Summary == "" || named != (method != "get") {
				t.Errorf("%s %s: %+v", method, path, o)
			}
		}
	}
	if operations != 31 {
		t.Errorf("%d operations", operations)
	}
}
