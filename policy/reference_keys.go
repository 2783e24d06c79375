package policy

import (
	"embed"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// The reference is made of the structs' own comments, so that there is one text to keep right.
//
//go:embed document.go entities.go trunks.go button.go
var structSources embed.FS

// docKey is one key of the policy document.
type docKey struct {
	owner, name string // the struct that declares it, and the key
	// typ is "text", "true or false", "whole number", "keys" (those of another struct), or
	// the words that are allowed: "allow | disallow"; "list of " stands in front for lists.
	typ      string
	of       string // the struct that keys are of
	required bool
	doc      string // what the key means
	fact
}

// docSection are the keys of one struct, and the paths at which it stands in a document.
type docSection struct {
	of    string
	paths []string
	keys  []docKey
}

// docSections lists every key of the document, struct by struct in the order in which they
// are met.
var docSections = sync.OnceValue(func() []docSection {
	w := walk{docs: fieldComments()}
	w.add(reflect.TypeFor[Document](), "")
	return w.sections
})

type walk struct {
	docs     map[string]string
	sections []docSection
}

// add walks a struct that stands at path. One that was met before gets a further path.
func (w *walk) add(t reflect.Type, path string) {
	if i := slices.IndexFunc(w.sections, func(s docSection) bool { return s.of == t.Name() }); i >= 0 {
		w.sections[i].paths = append(w.sections[i].paths, path)
		return
	}
	at := len(w.sections)
	w.sections = append(w.sections, docSection{of: t.Name(), paths: []string{path}})
	type below struct {
		of   reflect.Type
		path string
	}
	var later []below
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue // its fields are among the visible ones
		}
		owner := t.Name()
		if len(f.Index) > 1 {
			owner = t.FieldByIndex(f.Index[:1]).Type.Name()
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		k := docKey{owner: owner, name: name, required: options == "", doc: w.docs[owner+"."+f.Name], fact: facts[owner+"."+name]}
		of, list := f.Type, ""
		if of.Kind() == reflect.Slice {
			of, list = of.Elem(), "list of "
		}
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		k.typ = list + typeWords(of, k.words)
		if of.Kind() == reflect.Struct {
			k.of = of.Name()
			if list != "" {
				name += "[]"
			}
			later = append(later, below{of, join(path, name)})
		}
		w.sections[at].keys = append(w.sections[at].keys, k)
	}
	for _, b := range later {
		w.add(b.of, b.path)
	}
}

// typeWords is the type of a value; words are those it may have.
func typeWords(t reflect.Type, words []string) string {
	switch {
	case len(words) > 0:
		return strings.Join(words, " | ")
	case t.Kind() == reflect.Struct:
		return "keys"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "text"
	}
	return "whole number"
}

// fieldComments returns the comment of every field of the structs, by "Struct.Field", with
// keys in the place of Go's names.
func fieldComments() map[string]string {
	docs, keys := map[string]string{}, map[string]string{}
	files, err := structSources.ReadDir(".")
	if err != nil {
		panic("policy: " + err.Error()) // it is part of the program
	}
	for _, f := range files {
		text, err := structSources.ReadFile(f.Name())
		if err != nil {
			panic("policy: " + err.Error())
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), text, parser.ParseComments)
		if err != nil {
			panic("policy: " + err.Error()) // it compiled
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					for _, name := range f.Names {
						docs[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
						keys[name.Name], _, _ = strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
					}
				}
			}
			return false
		})
	}
	for field, text := range docs {
		_, own, _ := strings.Cut(field, ".")
		if rest, ok := strings.CutPrefix(text, own); ok {
			text = "`" + keys[own] + "`" + rest
		}
		docs[field] = camel.ReplaceAllStringFunc(text, func(word string) string {
			if key := keys[word]; key != "" {
				return "`" + key + "`"
			}
			return word
		})
	}
	return docs
}

// camel are words that are no English.
var camel = regexp.MustCompile(`\b[A-Z][a-z]+[A-Z][A-Za-z]+\b`)
