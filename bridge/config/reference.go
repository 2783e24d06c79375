package config

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"sync"
	"time"
)

// The reference is made of types.go itself, so that there is one text to keep right.
//
//go:embed types.go
var typesSource string

// Key describes one key of the configuration.
type Key struct {
	// Path is "sip.listen"; in a list, "pbx[].name".
	Path string
	// Type is "text", "list", "number", "true or false", "duration", "secret", or the
	// words that are allowed: "bolt | redis".
	Type string
	// Default as it is written in YAML; empty if there is none.
	Default string
	// Required keys must be set.
	Required bool
	// Doc says what the key means.
	Doc string
}

// Keys lists every key in the order of the reference.
var Keys = sync.OnceValue(func() []Key {
	docs := comments()
	keys := keysOf(docs, "", reflect.ValueOf(*Defaults()))
	return keys
})

func keysOf(docs map[string]string, path string, v reflect.Value) (keys []Key) {
	for _, f := range reflect.VisibleFields(v.Type()) {
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		at, field := join(path, name), v.FieldByIndex(f.Index)
		if field.Kind() == reflect.Struct {
			keys = append(keys, keysOf(docs, at, field)...)
			continue
		}
		if field.Type() == reflect.TypeFor[[]PBX]() {
			keys = append(keys, keysOf(docs, at+"[]", reflect.ValueOf(DefaultPBX()))...)
			continue
		}
		if field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct {
			keys = append(keys, keysOf(docs, at+"[]", reflect.Zero(field.Type().Elem()))...)
			continue
		}
		keys = append(keys, Key{
			Path:     at,
			Type:     typeName(f),
			Default:  literal(field),
			Required: f.Tag.Get("required") != "",
			Doc:      docs[v.Type().Name()+"."+f.Name],
		})
	}
	return keys
}

func typeName(f reflect.StructField) string {
	switch {
	case f.Tag.Get("enum") != "":
		return strings.ReplaceAll(f.Tag.Get("enum"), ",", " | ")
	case f.Type == durationType:
		return "duration"
	case f.Type == secretType:
		return "secret"
	}
	switch f.Type.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "list"
	case reflect.String:
		return "text"
	}
	return "number"
}

// literal writes a value as YAML; "" for an empty one.
func literal(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return show(x)
	case []string:
		if len(x) == 0 {
			return ""
		}
		return `["` + strings.Join(x, `", "`) + `"]`
	case string:
		if strings.ContainsAny(x, ": ") {
			return fmt.Sprintf("%q", x)
		}
		return x
	case Secret:
		return ""
	}
	return fmt.Sprint(v.Interface())
}

// comments returns the comment of every field of types.go, by "Struct.Field".
func comments() map[string]string {
	file, err := parser.ParseFile(token.NewFileSet(), "types.go", typesSource, parser.ParseComments)
	if err != nil {
		panic("config: " + err.Error()) // it compiled
	}
	docs := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		structure, ok := spec.Type.(*ast.StructType)
		if !ok {
			return true
		}
		for _, f := range structure.Fields.List {
			for _, name := range f.Names {
				docs[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
			}
		}
		return true
	})
	return docs
}

// Reference is the description of every key, in Markdown.
func Reference() string {
	var b strings.Builder
	section := ""
	for _, k := range Keys() {
		top, _, _ := strings.Cut(k.Path, ".")
		if top != section {
			if section != "" {
				b.WriteByte('\n')
			}
			section = top
			fmt.Fprintf(&b, "## %s\n\n| Key | Type | Default | Meaning |\n|---|---|---|---|\n", strings.TrimSuffix(top, "[]"))
		}
		def := "–"
		switch {
		case k.Required:
			def = "**required**"
		case k.Default != "":
			def = "`" + k.Default + "`"
		}
		name := "`" + k.Path + "`"
		if k.Type == "secret" {
			name += ", `" + k.Path + "_file`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, strings.ReplaceAll(k.Type, "|", "\\|"), def, strings.ReplaceAll(k.Doc, "|", "\\|"))
	}
	return b.String()
}
