package pidf

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	for _, c := range []struct {
		name   string
		status Status
		cisco  bool
		want   Document
	}{
		{
			"on the phone with DND", Status{Entity: URI{Raw: "sip:a@b"}, Contact: URI{Raw: "sip:a@c"}, Open: true, Activities: OnThePhone | DND, Note: "Zoë & <Co>"}, false,
			Document{
				Entity: "sip:a@b", Tuples: []Tuple{{ID: "line", Basic: "open", Contact: "sip:a@c"}}, Notes: []string{"Zoë & <Co>"},
				Persons: []Person{{ID: "person", Activities: []string{"on-the-phone", "busy"}, Notes: []string{"Zoë & <Co>"}}},
			},
		},
		{
			"nothing known", Status{Entity: URI{Raw: "sip:a@b"}, Activities: Unknown}, false,
			Document{
				Entity: "sip:a@b", Tuples: []Tuple{{ID: "line", Basic: "closed"}},
				Persons: []Person{{ID: "person", Activities: []string{"unknown"}}},
			},
		},
		{
			"Cisco ringing with DND", Status{Entity: URI{Raw: "sip:a@b"}, Open: true, Activities: Alerting | DND, Note: "not shown"}, true,
			Document{
				Entity: "sip:a@b", Tuples: []Tuple{{ID: "line", Basic: "open"}},
				Persons: []Person{{ID: "person", Activities: []string{"alerting", "dnd"}}},
			},
		},
		{
			"Cisco idle", Status{Entity: URI{Raw: "sip:a@b"}, Open: true}, true,
			Document{
				Entity: "sip:a@b", Tuples: []Tuple{{ID: "line", Basic: "open"}},
				Persons: []Person{{ID: "person", Activities: []string{"available"}}},
			},
		},
		{
			"Cisco unknown", Status{Entity: URI{Raw: "sip:a@b"}, Activities: Unknown}, true,
			Document{Entity: "sip:a@b", Tuples: []Tuple{{ID: "line", Basic: "closed"}}, Persons: []Person{{ID: "person"}}},
		},
	} {
		b := Append(nil, &c.status)
		if c.cisco {
			b = AppendCisco(nil, &c.status)
		}
		got, err := Parse(b)
		if err != nil || !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: %v, read as\n%+v\nwant\n%+v", c.name, err, got, c.want)
		}
	}
}

func doc(inner string) string {
	return `<presence xmlns="` + Namespace + `" xmlns:dm="` + DataModel + `" xmlns:r="` + RPID + `" entity="sip:a@b">` + inner + `</presence>`
}

func TestParseIsStrict(t *testing.T) {
	const tuple = `<tuple id="a"><status><basic>open</basic></status></tuple>`
	for name, c := range map[string]struct {
		doc     string
		err     error // of Parse
		lenient bool  // ParseLenient reads it
	}{
		"nothing":               {"", ErrSyntax, false},
		"another document":      {`<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info"/>`, ErrSyntax, false},
		"xpidf":                 {`<presence><presentity uri="x"/></presence>`, ErrSyntax, false},
		"no entity":             {`<presence xmlns="` + Namespace + `"/>`, ErrSchema, false},
		"note before tuple":     {doc(`<note>x</note>` + tuple), ErrSchema, true},
		"person before tuple":   {doc(`<dm:person id="p"/>` + tuple), ErrSchema, true},
		"person without id":     {doc(tuple + `<dm:person/>`), ErrSchema, true},
		"tuple without id":      {doc(`<tuple><status/></tuple>`), ErrSchema, true},
		"id twice":              {doc(tuple + tuple), ErrSchema, true},
		"id shared":             {doc(tuple + `<dm:person id="a"/>`), ErrSchema, true},
		"id no name":            {doc(`<tuple id="1002"><status/></tuple>`), ErrSchema, true},
		"no status":             {doc(`<tuple id="a"/>`), ErrSchema, false},
		"two statuses":          {doc(`<tuple id="a"><status/><status/></tuple>`), ErrSchema, false},
		"odd basic":             {doc(`<tuple id="a"><status><basic>ajar</basic></status></tuple>`), ErrSchema, true},
		"contact before status": {doc(`<tuple id="a"><contact>x</contact><status/></tuple>`), ErrSchema, true},
		"text":                  {doc(`hello`), ErrSchema, true},
		"unknown of ours":       {doc(`<lamp/>`), ErrSchema, true},
		"unknown and busy":      {doc(tuple + `<dm:person id="p"><r:activities><r:unknown/><r:busy/></r:activities></dm:person>`), ErrSchema, true},
		"note after activity":   {doc(tuple + `<dm:person id="p"><r:activities><r:busy/><r:note>x</r:note></r:activities></dm:person>`), ErrSchema, true},

		"no tuples": {doc(""), nil, true},
		"everything": {doc(`<tuple id="a"><status><basic>open</basic><x:s xmlns:x="urn:x"/></status><x:t xmlns:x="urn:x"/>` +
			`<contact priority="0.8">sip:a@c</contact><note xml:lang="en">n</note><timestamp>2001-10-27T16:49:29Z</timestamp></tuple>` +
			`<note>m</note><dm:person id="p"><r:activities><r:note>w</r:note><r:away/></r:activities><dm:note>o</dm:note>` +
			`<dm:timestamp>2001-10-27T16:49:29Z</dm:timestamp></dm:person>`), nil, true},
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

func TestMeaning(t *testing.T) {
	d := Document{
		Tuples:  []Tuple{{Basic: "closed"}, {Basic: "open"}},
		Persons: []Person{{}, {Activities: []string{"busy"}, Notes: []string{"Ring 1001"}}},
	}
	if !d.Open() || !d.Doing("busy") || d.Doing("away") || !d.Ringing() {
		t.Errorf("%+v means open %v, busy %v, away %v, ringing %v", d, d.Open(), d.Doing("busy"), d.Doing("away"), d.Ringing())
	}
	for _, ringing := range []Document{{Notes: []string{"Ringing"}}, {Persons: []Person{{Activities: []string{"alerting"}}}}} {
		if !ringing.Ringing() || ringing.Open() {
			t.Errorf("%+v is not ringing", ringing)
		}
	}
	if (&Document{Notes: []string{"Ring my bell? On the phone"}}).Doing("alerting") || (&Document{Notes: []string{"Ready"}}).Ringing() {
		t.Error("ringing by mistake")
	}
}

// Whatever arrives, the readers return; and what the strict one reads, the lenient one
// reads the same.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "recorded", "*.pidf.xml"))
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
