package xmltree

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	n, err := Parse([]byte(`<?xml version="1.0" encoding="ISO-8859-1"?>` +
		`<a xmlns="urn:x" xmlns:y="urn:y" k="1" y:k="2">te<y:b/>xt` + "\xe4" + `</a>` + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if n.Name != "a" || n.Space != "urn:x" || n.Text != "textä" || len(n.Attrs) != 2 || n.Get("k") != "1" {
		t.Errorf("read as %+v", n)
	}
	if len(n.Children) != 1 || n.Children[0].Space != "urn:y" {
		t.Errorf("children %+v", n.Children)
	}
	if _, has := n.Attr("missing"); has {
		t.Error("an attribute that is not there was found")
	}
}

func TestParseRefuses(t *testing.T) {
	for name, doc := range map[string]string{
		"nothing":         "",
		"text only":       "hello",
		"two roots":       "<a/><b/>",
		"text after root": "<a/>x",
		"open element":    "<a><b></b>",
		"crossed":         "<a><b></a></b>",
		"own entity":      `<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>`,
		"bad UTF-8":       "<a>\xff</a>",
		"other charset":   `<?xml version="1.0" encoding="utf-16"?><a/>`,
		"too deep":        strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40),
		"too long":        "<a>" + strings.Repeat("x", MaxBytes) + "</a>",
	} {
		if n, err := Parse([]byte(doc)); err == nil {
			t.Errorf("%s is read as %+v", name, n)
		}
	}
}
