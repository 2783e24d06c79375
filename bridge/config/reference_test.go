package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func TestGoldens(t *testing.T) {
	for name, got := range map[string]string{"reference.md": Reference(), "default.yaml": DefaultYAML()} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is out of date: run go test ./bridge/config -update and look at the difference", path)
		}
	}
}

func TestEveryKeyIsDescribed(t *testing.T) {
	for _, k := range Keys() {
		if !strings.HasSuffix(k.Doc, ".") {
			t.Errorf("%s: the comment %q is not a sentence", k.Path, k.Doc)
		}
		if k.Type == "" {
			t.Errorf("%s has no type", k.Path)
		}
	}
	if n := len(Keys()); n < 60 {
		t.Errorf("only %d keys", n)
	}
}

// DefaultYAML says the same as a file with nothing but its PBX, and so it does when
// every key that is commented out is given its (empty) value.
func TestDefaultYAMLIsTheDefault(t *testing.T) {
	env := map[string]string{"ARI_PASSWORD": "x"}
	want := mustParse(t, "pbx: [{name: pbx, type: asterisk, url: 'http://127.0.0.1:8088', username: blfbridge, password: x}]", nil)
	want.source = nil
	text := DefaultYAML()
	for _, doc := range []string{text, uncomment(text)} {
		got := mustParse(t, doc, env)
		got.source = nil
		if g, w := dump(got), dump(want); g != w {
			t.Errorf("got  %s\nwant %s\nfrom\n%s", g, w, doc)
		}
	}
}

func uncomment(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if key := strings.TrimLeft(l, " "); strings.HasPrefix(key, "#") && !strings.HasPrefix(key, "# ") {
			lines[i] = strings.Replace(l, "#", "", 1)
		}
	}
	return strings.Join(lines, "\n")
}
