package eventpkg

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"blfbridge/bridge/eventpkg/dialoginfo"
	"blfbridge/bridge/eventpkg/pidf"
)

// The schemas in testdata/schema are those of RFC 4235 §4.4, RFC 3863 §4.4, RFC 4479 §5.1
// and RFC 4480 §5.1, with the imports made local and the include that RFC 4480 forgot.
//
// RFC 4235 contradicts itself: the text (§4.1.6.1), all examples and all phones have the
// attribute display, the schema display-name. The bodies follow the phones; for the
// schema's sake they are renamed here.
var toSchema = strings.NewReplacer(`<identity display="`, `<identity display-name="`)

// fromPBX undoes the one deliberate breach, of dialects with dialoginfo.HoldPBX.
var fromPBX = strings.NewReplacer(`pname="+sip.rendering" pvalue=`, `pname="sip.rendering" pval=`)

// ipv6 is what anyURI cannot hold by RFC 3986 but SIP writes: an address in brackets.
var ipv6 = strings.NewReplacer("[2001:db8::1]", "v6.test")

// xmllint runs the reference validator; schema may be empty.
func xmllint(t *testing.T, schema string, files ...string) (output string, ok bool) {
	t.Helper()
	path, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatalf("xmllint is needed to check bodies against the RFC schemas (Debian: libxml2-utils): %v", err)
	}
	args := []string{"--nonet", "--noout"}
	if schema != "" {
		args = append(args, "--schema", filepath.Join("testdata", "schema", schema))
	}
	out, err := exec.Command(path, append(args, files...)...).CombinedOutput()
	return string(out), err == nil
}

// spread writes the golden files of one content into a directory, changed by edit.
func spread(t *testing.T, c Content, edit func(name, body string) string) []string {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for name, body := range goldens(t) {
		if !strings.Contains(name, string(filepath.Separator)+c.String()+string(filepath.Separator)) {
			continue
		}
		flat := strings.TrimPrefix(strings.ReplaceAll(name, string(filepath.Separator), "_"), "testdata_golden_")
		path := filepath.Join(dir, flat)
		if err := os.WriteFile(path, []byte(edit(name, body)), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	if len(files) == 0 {
		t.Fatalf("no golden files of %v", c)
	}
	return files
}

func complaints(out string) string {
	var bad []string
	for line := range strings.Lines(out) {
		if !strings.HasSuffix(strings.TrimSpace(line), "validates") {
			bad = append(bad, line)
		}
	}
	return strings.Join(bad, "")
}

func TestGoldenDialogInfoIsValid(t *testing.T) {
	files := spread(t, DialogInfo, func(name, body string) string {
		d, ok := DialectByName(strings.Split(name, string(filepath.Separator))[2])
		if ok && d.Dialect().Hold == dialoginfo.HoldPBX {
			body = fromPBX.Replace(body)
		}
		return ipv6.Replace(toSchema.Replace(body))
	})
	if out, ok := xmllint(t, "dialog-info.xsd", files...); !ok {
		t.Errorf("xmllint:\n%s", complaints(out))
	}
}

func TestGoldenPresenceIsValid(t *testing.T) {
	files := spread(t, PIDF, func(_, body string) string { return body })
	if out, ok := xmllint(t, "presence.xsd", files...); !ok {
		t.Errorf("xmllint:\n%s", complaints(out))
	}
	// XPIDF never became an RFC; well-formed is what can be asked.
	files = spread(t, XPIDF, func(_, body string) string { return body })
	if out, ok := xmllint(t, "", files...); !ok {
		t.Errorf("xmllint:\n%s", out)
	}
}

// The validator must refuse what the two PBXs get wrong, or the tests above prove nothing.
func TestSchemaRefuses(t *testing.T) {
	pbxHold := goldenFile(t, "asterisk-hold", DialogInfo, "held", "number")
	for name, c := range map[string]struct{ schema, body string }{
		"Asterisk's hold parameter":    {"dialog-info.xsd", toSchema.Replace(pbxHold)},
		"Asterisk's remote first":      {"dialog-info.xsd", toSchema.Replace(recorded(t, "asterisk-ringing.dialog-info.xml"))},
		"Asterisk's note before tuple": {"presence.xsd", recorded(t, "asterisk-idle.pidf.xml")},
		"an activity unknown to RPID":  {"presence.xsd", strings.ReplaceAll(goldenFile(t, "default", PIDF, "busy", "number"), "on-the-phone", "on-the-sofa")},
	} {
		path := filepath.Join(t.TempDir(), "body.xml")
		if err := os.WriteFile(path, []byte(c.body), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, ok := xmllint(t, c.schema, path); ok {
			t.Errorf("%s passed the schema: %s", name, out)
		}
	}
}

// Our own strict readers must agree with the schemas on every body.
func TestGoldenParses(t *testing.T) {
	for name, body := range goldens(t) {
		switch {
		case strings.Contains(name, string(filepath.Separator)+"dialog-info"+string(filepath.Separator)):
			doc, err := dialoginfo.Parse([]byte(body))
			if strings.Contains(body, "pvalue=") {
				if err == nil {
					t.Errorf("%s: the PBX form of hold passed the strict reader", name)
				}
				doc, err = dialoginfo.ParseLenient([]byte(body))
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if !doc.Full || doc.Version != goldenVersion || doc.Entity == "" {
				t.Errorf("%s: read as %+v", name, doc)
			}
		case strings.Contains(name, string(filepath.Separator)+"pidf"+string(filepath.Separator)):
			if _, err := pidf.Parse([]byte(body)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func goldenFile(t *testing.T, dialect string, c Content, lampCase, view string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(goldenDir, dialect, c.String(), lampCase, view+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func recorded(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "recorded", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
