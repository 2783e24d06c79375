package policy

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxNesting is how deep the YAML text may nest; a document needs seven levels.
const maxNesting = 100

// Load reads a document from YAML (of which JSON is a part) and validates it. Every key
// must be known. The error is of type Problems and lists all that is wrong, with path
// and line. An empty text is the zero document.
func Load(text []byte) (*Document, error) {
	d := &Document{}
	if quickLoad(string(text), d, nil) == nil {
		err := Validate(d)
		if err == nil {
			return d, nil
		}
		// Only now it matters which line is which.
		dec := decoder{lines: map[string]int{}}
		if quickLoad(string(text), &Document{}, dec.lines) == nil {
			return nil, dec.report(err)
		}
	}
	return loadParsed(text)
}

// loadParsed is Load for every text, by way of the parser's tree.
func loadParsed(text []byte) (*Document, error) {
	d := &Document{}
	dec := decoder{anchors: map[string]ast.Node{}, lines: map[string]int{}}
	root, err := parse(text)
	if err != nil {
		return nil, Problems{{Message: err.Error()}}
	}
	if root != nil {
		ast.Walk(anchorCollector(dec.anchors), root)
		dec.document(root, d)
	}
	if problems := dec.report(Validate(d)); len(problems) > 0 {
		return nil, problems
	}
	return d, nil
}

// report puts together what is wrong with a text and with the document it holds.
func (d *decoder) report(invalid error) Problems {
	var found Problems
	errors.As(invalid, &found)
	// What could not be read is missing from the document: do not complain twice.
	problems := d.problems
	for _, p := range found {
		if !d.unread(p.Path) {
			p.Line = d.lineOf(p.Path)
			problems = append(problems, p)
		}
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
	return problems
}

// parse returns the root of the only YAML document of the text, nil if there is none.
func parse(text []byte) (root ast.Node, err error) {
	if !utf8.Valid(text) {
		return nil, errors.New("this is no UTF-8 text")
	}
	if err := checkNesting(text); err != nil {
		return nil, err
	}
	defer func() {
		// The parser indexes beyond its tokens for some malformed texts.
		if r := recover(); r != nil {
			root, err = nil, fmt.Errorf("this is no YAML: %v", r)
		}
	}()
	f, err := parser.ParseBytes(bytes.TrimPrefix(text, []byte("\ufeff")), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, errors.New(strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	for _, doc := range f.Docs {
		switch {
		case doc.Body == nil:
		case root != nil:
			return nil, errors.New("more than one YAML document: keep one of them")
		default:
			root = doc.Body
		}
	}
	return root, nil
}

// checkNesting protects the parser, which recurses without bound.
func checkNesting(text []byte) error {
	depth := 0
	for line := range bytes.Lines(text) {
		if bytes.Count(line[:len(line)-len(bytes.TrimLeft(line, "-?: \t"))], []byte{' '})/2 > maxNesting {
			return fmt.Errorf("nested deeper than %d levels", maxNesting)
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth--
			}
			if depth > maxNesting {
				return fmt.Errorf("nested deeper than %d levels", maxNesting)
			}
		}
	}
	return nil
}

type anchorCollector map[string]ast.Node

// Visit implements ast.Visitor.
func (a anchorCollector) Visit(n ast.Node) ast.Visitor {
	if x, ok := n.(*ast.AnchorNode); ok && x.Name != nil {
		a[x.Name.GetToken().Value] = x.Value
	}
	return a
}
