package eventpkg

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const goldenDir = "testdata/golden"

// goldenVersion is the version in the golden files.
const goldenVersion = 7

// goldenName is content/case/view.xml of a dialect. A dialect other than the default has a
// file only where its body differs from the default's.
func goldenName(d DialectID, c Content, lampCase string, v policy.View) string {
	return filepath.Join(goldenDir, d.String(), c.String(), lampCase, viewNames[v]+".xml")
}

// eachBody calls f with every state × view × dialect × content.
func eachBody(f func(d DialectID, c Content, lc lampCase, v policy.View, body []byte)) {
	for _, d := range Dialects() {
		for _, c := range Contents {
			for _, lc := range lampCases {
				for _, v := range policy.Views {
					lamp := Mask(lc.lamp, v)
					f(d, c, lc, v, AppendBody(nil, c, d, &lamp, goldenVersion))
				}
			}
		}
	}
}

func TestGolden(t *testing.T) {
	want := map[string]string{}
	eachBody(func(d DialectID, c Content, lc lampCase, v policy.View, body []byte) {
		name := goldenName(d, c, lc.name, v)
		if d == Default || want[goldenName(Default, c, lc.name, v)] != string(body) {
			want[name] = string(body)
		}
	})
	if *update {
		if err := os.RemoveAll(goldenDir); err != nil {
			t.Fatal(err)
		}
		for name, body := range want {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	have := goldens(t)
	for name, body := range want {
		switch got, ok := have[name]; {
		case !ok:
			t.Errorf("%s is missing; run go test ./bridge/eventpkg -update and read the difference", name)
		case got != body:
			t.Errorf("%s differs; the body is now:\n%s", name, body)
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is no longer what anybody is sent: remove it", name)
		}
	}
}

// goldens reads all golden files.
func goldens(t *testing.T) map[string]string {
	t.Helper()
	have := map[string]string{}
	err := filepath.WalkDir(goldenDir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		have[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return have
}

// A State that is added to package device must be drawn by somebody before it ships.
func TestEveryStateHasAGolden(t *testing.T) {
	for _, s := range device.States {
		var found *lampCase
		for i := range lampCases {
			if lampCases[i].name == s.String() {
				found = &lampCases[i]
			}
		}
		if found == nil {
			t.Errorf("no lamp case is named %q", s)
			continue
		}
		if got := found.lamp.Single(); got != s {
			t.Errorf("the lamp case %q shows %v", s, got)
		}
		for _, c := range Contents {
			for _, v := range policy.Views {
				if _, err := os.Stat(goldenName(Default, c, s.String(), v)); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// Every habit in the table must change at least one body, or it is no habit.
func TestDialectsDifferWhereTheySayTheyDo(t *testing.T) {
	have := goldens(t)
	for _, id := range Dialects()[1:] {
		d := *id.Dialect()
		plain := Dialect{Name: d.Name, Agents: d.Agents, Evidence: d.Evidence, NotifyRate: d.NotifyRate} // no body shows the rate
		own := 0
		for name := range have {
			if strings.HasPrefix(name, filepath.Join(goldenDir, d.Name)+string(filepath.Separator)) {
				own++
			}
		}
		if same := fmt.Sprint(d) == fmt.Sprint(plain); same != (own == 0) {
			t.Errorf("%s: habits like the default's: %v, golden files of its own: %d", d.Name, same, own)
		}
	}
}
