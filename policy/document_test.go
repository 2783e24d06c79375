package policy

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestProblems runs testdata/problems: a document behind "---", and before it the
// problems that must be reported, all of them and no others.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			want, doc, ok := strings.Cut(string(text), "---\n")
			if !ok {
				t.Fatal("no --- line")
			}
			got := ""
			if _, err := Load([]byte(doc)); err != nil {
				var problems Problems
				if !errors.As(err, &problems) {
					t.Fatalf("error of type %T", err)
				}
				for _, p := range problems {
					got += p.String() + "\n"
				}
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestMarshalLoadIsIdentity: what is exported and imported is the same document, and is
// exported as the same text.
func TestMarshalLoadIsIdentity(t *testing.T) {
	for seed := range uint64(300) {
		d := randomDocument(rand.New(rand.NewPCG(seed, 7)))
		text, err := Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Load(text)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		if !reflect.DeepEqual(got, d) {
			t.Fatalf("seed %d: came back differently:\n%s\n%+v\n%+v", seed, text, got, d)
		}
		again, err := Marshal(got)
		if err != nil || !bytes.Equal(again, text) {
			t.Fatalf("seed %d: exported differently (%v):\n%s\n%s", seed, err, text, again)
		}
	}
}

func TestMarshalQuotesWhatLooksLikeSomethingElse(t *testing.T) {
	for _, s := range []string{"0012", "1e3", "true", "null", "~", "yes", "*89", "&x", "- a", "a: b", "a #b", "park:701@x", "[1]", "{", "0x1F", "1_000",
		"2024-01-01", "!x", "%2A", "@x", "`x", "|", ">", "'", "\"", "\\", "é☎", "a\tb", "a\nb\n", "\n", " x ", "?", "-", "=", "<<", ".inf", "+1", "1.0", "0o17", "\u0085", "\ufeff", "#"} {
		d := &Document{Tenants: []Tenant{{Name: "t", PresenceGroups: []PresenceGroup{{Name: "g", Description: s}},
			Lines: []DirectoryNumber{{Number: "1", Description: s, DisplayName: s}}}}}
		text, err := Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Load(text)
		if err != nil {
			t.Errorf("%q: %v\n%s", s, err, text)
		} else if !reflect.DeepEqual(got, d) {
			t.Errorf("%q came back as %q\n%s", s, got.Tenants[0].Lines[0].DisplayName, text)
		}
	}
}

func TestScalarsAreTakenAsWritten(t *testing.T) {
	d, err := Load([]byte(`
tenants:
  - name: 007
    country_code: 1
    learn: off
    lines:
      - {number: 0012, aliases: [+13106341777, 1_000, 1.10], devices: [park:701@parkedcalls, Custom:DND99, 1001@a.example]}
    phones: [{name: yes, blf_call_lists: on, device: null, lines: [0012]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	tn := d.Tenants[0]
	l := tn.Lines[0]
	if tn.Name != "007" || tn.CountryCode != "1" || *tn.Learn || l.Number != "0012" ||
		strings.Join(l.Aliases, " ") != "+13106341777 1_000 1.10" ||
		strings.Join(l.Devices, " ") != "park:701@parkedcalls Custom:DND99 1001@a.example" ||
		tn.Phones[0].Name != "yes" || tn.Phones[0].BLFCallLists != SwitchOn || tn.Phones[0].Device != "" {
		t.Errorf("got %+v", d)
	}
}

func TestAnchorsAndJSON(t *testing.T) {
	for _, text := range []string{
		"tenants: [{name: a, partitions: &p [{name: x}]}, {name: b, partitions: *p}]",
		`{"tenants":[{"name":"a","partitions":[{"name":"x"}]},{"name":"b","partitions":[{"name":"x"}]}]}`,
	} {
		d, err := Load([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Tenants) != 2 || !reflect.DeepEqual(d.Tenants[0].Partitions, d.Tenants[1].Partitions) || d.Tenants[1].Partitions[0].Name != "x" {
			t.Errorf("%s: got %+v", text, d)
		}
	}
}

func TestEmptyTextsAreTheZeroDocument(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "{}", "null", "\ufeff", "tenants:\n", "tenants: []\n"} {
		d, err := Load([]byte(text))
		if err != nil || !reflect.DeepEqual(d, &Document{}) {
			t.Errorf("%q: %+v, %v", text, d, err)
		}
	}
}

// TestHostileTextsEndQuickly: nesting and aliases that blow up are errors.
func TestHostileTextsEndQuickly(t *testing.T) {
	bomb := "a: &a [" + strings.Repeat("x,", 999) + "x]\n"
	for name, text := range map[string]string{
		"brackets": strings.Repeat("[", 1_000_000),
		"braces":   strings.Repeat("{a: ", 100_000),
		"dashes":   strings.Repeat("- ", 1_000_000),
		"question": strings.Repeat("? ", 1_000_000),
		"unknown":  bomb + "b: &b [" + strings.Repeat("*a,", 999) + "*a]\n",
		"lines": "tenants:\n  - name: a\n    lines: &l [" + strings.Repeat("{number: 1, devices: [a, b, c]},", 2000) + "]\n" +
			strings.Repeat("  - {name: b, lines: *l}\n", 2000),
		"loop": "tenants: &t [*t]",
	} {
		if _, err := Load([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzDocument(f *testing.F) {
	for _, s := range scenarios {
		f.Add([]byte(s.policy))
	}
	files, _ := filepath.Glob("testdata/problems/*.txt")
	for _, name := range files {
		text, _ := os.ReadFile(name)
		f.Add(text)
	}
	f.Add([]byte("tenants: [{name: &a x, domains: [*a, a:b, \"\\x00\"]}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Load(text)
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("error without problems: %v", err)
			}
			return
		}
		if _, err := Compile(d); err != nil {
			t.Fatalf("loaded, but does not compile: %v", err)
		}
		out, err := Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Load(out)
		if err != nil {
			t.Fatalf("exported, but does not load: %v\n%s", err, out)
		}
		if !reflect.DeepEqual(d, again) {
			t.Fatalf("came back differently:\n%s\n%+v\n%+v", out, d, again)
		}
	})
}
