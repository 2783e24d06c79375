package policy

import (
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func TestReferenceGolden(t *testing.T) {
	const path = "testdata/reference.md"
	if *update {
		if err := os.WriteFile(path, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || Reference() != string(want) {
		t.Errorf("%s is out of date (%v): run go test ./policy -run ReferenceGolden -update and look at the difference", path, err)
	}
}

// TestEveryKeyIsDescribed: no key is without a sentence and an entry in facts, and facts
// has no other. The keys are counted by another way than the reference's own.
func TestEveryKeyIsDescribed(t *testing.T) {
	keys := map[string]bool{}
	var visit func(reflect.Type)
	visit = func(s reflect.Type) {
		for i := range s.NumField() {
			f := s.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if of := inner(f.Type); of.Kind() == reflect.Struct {
				visit(of)
			}
			if !f.Anonymous {
				keys[s.Name()+"."+name] = true
			}
		}
	}
	visit(reflect.TypeFor[Document]())
	described := map[string]bool{}
	for _, s := range docSections() {
		for _, k := range s.keys {
			at := k.owner + "." + k.name
			described[at] = true
			if !strings.HasSuffix(k.doc, ".") {
				t.Errorf("%s: the comment %q is not a sentence", at, k.doc)
			}
			if _, ok := facts[at]; !ok {
				t.Errorf("%s is not in facts", at)
			}
		}
	}
	for at := range keys {
		if !described[at] {
			t.Errorf("%s is not described", at)
		}
	}
	for at := range facts {
		if !keys[at] {
			t.Errorf("facts has %s, which is no key", at)
		}
	}
	if len(keys) < 130 {
		t.Errorf("only %d keys", len(keys))
	}
}

func inner(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// TestFactsHold: the words and limits of the reference are those that Validate knows.
func TestFactsHold(t *testing.T) {
	in := func(key, value string) string {
		owner, name, _ := strings.Cut(key, ".")
		pair := name + ": " + value
		head := "tenants:\n- name: a\n  presence_groups: [{name: G}]\n"
		switch owner {
		case "Document":
			return pair
		case "UnknownWatchers":
			return "unknown_watchers: {" + pair + "}"
		case "GroupPermission":
			return head + "  permissions: [{from: G, to: Standard, " + pair + "}]"
		case "CrossTenantPermission":
			return head + "- name: b\ncross_tenant_permissions: [{from: {tenant: a}, to: {tenant: b}, " + pair + "}]"
		case "LineOptions":
			return head + "  lines: [{number: '1', " + pair + "}]"
		case "Phone":
			return head + "  phones: [{name: P, lines: ['1'], " + pair + "}]"
		case "Trunk":
			return head + "  trunks: [{name: K, addresses: [192.0.2.1], " + pair + "}]"
		}
		t.Fatalf("%s has words: say here where it stands", key)
		return ""
	}
	takes := func(text string) bool {
		_, err := Load([]byte(text))
		return err == nil
	}
	for key, f := range facts {
		for _, w := range f.words {
			if !takes(in(key, w)) {
				t.Errorf("%s: %s is refused", key, w)
			}
		}
		if len(f.words) > 0 && takes(in(key, "nonsense")) {
			t.Errorf("%s: nonsense is taken", key)
		}
		if f.value != "" && len(f.words) > 0 && !takes(in(key, f.value)) {
			t.Errorf("%s: the default %s is refused", key, f.value)
		}
	}
	for key, ends := range map[string][4]string{"retry_interval": {"59", "60", "3600", "3601"}, "retry_limit": {"9", "10", "100", "101"},
		"max_subscriptions": {"-1", "0", "1", "x"}} {
		for i, v := range ends {
			if got := takes(key + ": " + v); got != (i == 1 || i == 2) {
				t.Errorf("%s: %s: taken %v", key, v, got)
			}
		}
		if limits := facts["Document."+key].limits; !strings.HasPrefix(limits, ends[1]) {
			t.Errorf("%s: %s", key, limits)
		}
	}
}
