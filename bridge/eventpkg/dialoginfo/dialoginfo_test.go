package dialoginfo

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func encode(t *testing.T, info *Info, version string) []byte {
	t.Helper()
	b, at := Append(nil, info)
	return slices.Insert(b, at, []byte(version)...)
}

func TestRoundTrip(t *testing.T) {
	info := Info{
		Entity: URI{Raw: "sip:1002@pbx.test:5060"},
		Dialogs: []Dialog{
			{
				ID: "1002", CallID: `a"b&c@h`, LocalTag: "lt", RemoteTag: "rt", Direction: Recipient, State: Confirmed, Held: true,
				Local:  Party{Display: "Bob <Two>", Identity: URI{User: "1002", Host: "pbx.test"}, Target: URI{Raw: "sip:1002@192.0.2.1"}},
				Remote: Party{Display: "Zoë", Identity: URI{User: "*70", Host: "pbx.test"}, Target: URI{Raw: "sip:*891002@pbx.test"}},
			},
			{Key: 0xABC, Direction: Initiator, State: Trying},
			{ID: "x", State: Terminated},
		},
	}
	got, err := Parse(encode(t, &info, "4294967295"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Document{
		Version: 4294967295, Full: true, Entity: "sip:1002@pbx.test:5060",
		Dialogs: []Element{
			{
				ID: "1002", CallID: `a"b&c@h`, LocalTag: "lt", RemoteTag: "rt", Direction: Recipient,
				State: Confirmed, Known: true, Text: "confirmed", Duration: -1,
				Local: Participant{
					Display: "Bob <Two>", Identity: "sip:1002@pbx.test", Target: "sip:1002@192.0.2.1",
					Params: []Param{{"sip.rendering", "no"}},
				},
				Remote: Participant{Display: "Zoë", Identity: "sip:*70@pbx.test", Target: "sip:*891002@pbx.test"},
			},
			{ID: "0000000000000abc", Direction: Initiator, State: Trying, Known: true, Text: "trying", Duration: -1},
			{ID: "x", State: Terminated, Known: true, Text: "terminated", Duration: -1},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read as\n%+v\nwant\n%+v", got, want)
	}
	if l := got.Lamp(); l != &got.Dialogs[0] || !l.Held() {
		t.Errorf("the lamp shows %+v", l)
	}
}

func TestLampOrder(t *testing.T) {
	order := []State{Terminated, Trying, Proceeding, Early, Confirmed}
	for i, a := range order {
		for _, b := range order[i:] {
			info := Info{Entity: URI{Raw: "sip:a@b"}, Dialogs: []Dialog{{ID: "1", State: b}, {ID: "2", State: a}}}
			slices.Reverse(info.Dialogs)
			doc, err := Parse(encode(t, &info, "0"))
			if err != nil || doc.Lamp().State != b {
				t.Errorf("%v beside %v: the lamp shows %v, %v", a, b, doc.Lamp(), err)
			}
		}
	}
	if (&Document{}).Lamp() != nil {
		t.Error("a document without dialogs shows one")
	}
}

// doc builds a document around dialog elements.
func doc(dialogs string) string {
	return `<dialog-info xmlns="` + Namespace + `" version="0" state="full" entity="sip:a@b">` + dialogs + `</dialog-info>`
}

func TestParseIsStrict(t *testing.T) {
	const head = `<dialog-info xmlns="` + Namespace + `" `
	for name, c := range map[string]struct {
		doc     string
		err     error // of Parse
		lenient bool  // ParseLenient reads it
	}{
		"nothing":                {"", ErrSyntax, false},
		"another document":       {`<presence xmlns="urn:ietf:params:xml:ns:pidf"/>`, ErrSyntax, false},
		"no namespace":           {`<dialog-info version="0" state="full" entity="x"/>`, ErrSyntax, false},
		"no version":             {head + `state="full" entity="x"/>`, ErrSchema, false},
		"version of 33 bits":     {head + `version="4294967296" state="full" entity="x"/>`, ErrSchema, false},
		"negative version":       {head + `version="-1" state="full" entity="x"/>`, ErrSchema, false},
		"notify-state":           {head + `version="0" notify-state="full" entity="x"/>`, ErrSchema, false},
		"odd state":              {head + `version="0" state="half" entity="x"/>`, ErrSchema, false},
		"no entity":              {head + `version="0" state="full"/>`, ErrSchema, false},
		"text":                   {doc("hello"), ErrSchema, true},
		"element of ours":        {doc("<call/>"), ErrSchema, true},
		"no id":                  {doc("<dialog><state>early</state></dialog>"), ErrSchema, false},
		"no state":               {doc(`<dialog id="1"/>`), ErrSchema, false},
		"two states":             {doc(`<dialog id="1"><state>early</state><state>early</state></dialog>`), ErrSchema, false},
		"odd direction":          {doc(`<dialog id="1" direction="up"><state>early</state></dialog>`), ErrSchema, false},
		"odd attribute":          {doc(`<dialog id="1" colour="red"><state>early</state></dialog>`), ErrSchema, true},
		"local before state":     {doc(`<dialog id="1"><local/><state>early</state></dialog>`), ErrSchema, true},
		"remote before local":    {doc(`<dialog id="1"><state>early</state><remote/><local/></dialog>`), ErrSchema, true},
		"local twice":            {doc(`<dialog id="1"><state>early</state><local/><local/></dialog>`), ErrSchema, true},
		"target before identity": {doc(`<dialog id="1"><state>early</state><local><target uri="x"/><identity>y</identity></local></dialog>`), ErrSchema, true},
		"target without uri":     {doc(`<dialog id="1"><state>early</state><local><target/></local></dialog>`), ErrSchema, false},
		"pvalue":                 {doc(`<dialog id="1"><state>early</state><local><target uri="x"><param pname="+sip.rendering" pvalue="no"/></target></local></dialog>`), ErrSchema, true},
		"odd event":              {doc(`<dialog id="1"><state event="bored">terminated</state></dialog>`), ErrSchema, true},
		"odd code":               {doc(`<dialog id="1"><state code="42">terminated</state></dialog>`), ErrSchema, true},
		"odd duration":           {doc(`<dialog id="1"><state>early</state><duration>long</duration></dialog>`), ErrSchema, true},
		"foreign before ours":    {doc(`<x:y xmlns:x="urn:x"/><dialog id="1"><state>early</state></dialog>`), ErrSchema, true},
		"not of a namespace":     {`<d:dialog-info xmlns:d="` + Namespace + `" version="0" state="full" entity="x"><y/></d:dialog-info>`, ErrSchema, true},

		"no dialogs":         {doc(""), nil, true},
		"foreign last":       {doc(`<dialog id="1"><state>early</state><x:y xmlns:x="urn:x"/></dialog><x:y xmlns:x="urn:x"/>`), nil, true},
		"schemaLocation":     {`<dialog-info xmlns="` + Namespace + `" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b" version="1" state="partial" entity="x"/>`, nil, true},
		"a state of its own": {doc(`<dialog id="1"><state>parked</state></dialog>`), nil, true},
		"everything": {doc(`<dialog id="1" call-id="c" local-tag="l" remote-tag="r" direction="initiator">
			<state event="rejected" code="486">terminated</state><duration>145</duration>
			<replaces call-id="c" local-tag="l" remote-tag="r"/><referred-by display="Bob">sip:bob@x</referred-by>
			<route-set><hop>sip:h</hop></route-set><local><identity display-name="A">sip:a@b</identity>
			<target uri="sip:a@c"><param pname="isfocus" pval="true"/></target></local><remote/></dialog>`), nil, true},
	} {
		_, err := Parse([]byte(c.doc))
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: Parse = %v, want %v", name, err, c.err)
		}
		if _, err := ParseLenient([]byte(c.doc)); (err == nil) != c.lenient {
			t.Errorf("%s: ParseLenient = %v, want read: %v", name, err, c.lenient)
		}
	}
}

func TestParseReadsEverything(t *testing.T) {
	d, err := Parse([]byte(doc(`<dialog id="1"><state event="rejected" code="486"> terminated </state><duration>145</duration>` +
		`<local><identity display-name="A">sip:a@b</identity></local></dialog><dialog id="2"><state>parked</state></dialog>`)))
	if err != nil {
		t.Fatal(err)
	}
	e := d.Dialogs[0]
	if e.State != Terminated || e.Event != "rejected" || e.Code != 486 || e.Duration != 145 || e.Local.Display != "A" {
		t.Errorf("read as %+v", e)
	}
	if p := d.Dialogs[1]; p.Known || p.Text != "parked" || p.Held() {
		t.Errorf("a state that RFC 4235 does not know is read as %+v", p)
	}
}

func TestPBXFormOfHold(t *testing.T) {
	info := Info{
		Entity: URI{Raw: "sip:a@b"}, Hold: HoldPBX,
		Dialogs: []Dialog{{ID: "1", State: Confirmed, Held: true, Local: Party{Target: URI{Raw: "sip:a@b"}}}},
	}
	b := encode(t, &info, "0")
	if !strings.Contains(string(b), `<param pname="+sip.rendering" pvalue="no"/>`) {
		t.Errorf("not the form of Asterisk: %s", b)
	}
	if d, err := ParseLenient(b); err != nil || !d.Lamp().Held() {
		t.Errorf("not read as held: %v", err)
	}
}

// Whatever arrives, the readers return; and what the strict one reads, the lenient one
// reads the same.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "recorded", "*.dialog-info.xml"))
	if err != nil || len(files) == 0 {
		f.Fatal("no recorded bodies", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(doc(`<dialog id="1"><state>early</state></dialog>`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		strict, err := Parse(b)
		loose, errLoose := ParseLenient(b)
		if err != nil && !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrSchema) {
			t.Fatalf("an error of another kind: %v", err)
		}
		if err == nil && (errLoose != nil || !reflect.DeepEqual(strict, loose)) {
			t.Fatalf("strict %+v, lenient %+v, %v", strict, loose, errLoose)
		}
	})
}
