package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder writes a YAML document into a struct and collects what is wrong.
type decoder struct {
	*source
	env      func(string) (string, bool)
	problems Problems
}

func (d *decoder) bad(path, fix, format string, args ...any) {
	d.problems = append(d.problems, d.problem(path, fmt.Sprintf(format, args...), fix))
}

// broken reports whether path, something in it or something above it could not be
// decoded, so that a check of its value would only confuse.
func (d *decoder) broken(path string) bool {
	for _, p := range d.problems {
		if p.Path == "" || inside(p.Path, path) || inside(path, p.Path) || p.Path == path+"_file" {
			return true
		}
	}
	return false
}

// inside reports whether path is the one above or lies beneath it: "pbx[0].url" is inside "pbx".
func inside(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func (d *decoder) top(root ast.Node, c *Config) {
	if root != nil {
		d.structure("", root, reflect.ValueOf(c).Elem())
	}
}

// value decodes node into v.
func (d *decoder) value(path string, node ast.Node, v reflect.Value) {
	node = d.plain(path, node)
	if node == nil || node.Type() == ast.NullType {
		return // a key without value keeps its default
	}
	switch {
	case v.Kind() == reflect.Struct:
		d.structure(path, node, v)
	case v.Kind() == reflect.Slice:
		d.list(path, node, v)
	default:
		d.scalar(path, node, v)
	}
}

// plain takes off what YAML allows around a value and we do not need.
func (d *decoder) plain(path string, node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		d.bad(path, "write the value out", "anchors and aliases are not supported")
		return nil
	case *ast.TagNode:
		d.bad(path, "leave the tag out", "tags are not supported")
		return nil
	case *ast.MappingValueNode:
		return ast.Mapping(n.GetToken(), false, n)
	}
	return node
}

func (d *decoder) structure(path string, node ast.Node, v reflect.Value) {
	mapping, ok := d.plain(path, node).(*ast.MappingNode)
	if !ok {
		if !d.broken(path) {
			d.bad(path, "write \"key: value\" lines", "wants keys, has %s", describe(node))
		}
		return
	}
	fields := fieldsOf(v.Type())
	seen := map[string]bool{}
	for _, pair := range mapping.Values {
		key := pair.Key.String()
		if s, ok := pair.Key.(*ast.StringNode); ok {
			key = s.Value
		}
		at := join(path, key)
		if _, known := d.lines[at]; !known {
			d.lines[at] = lineOf(pair.Key)
		}
		if seen[key] {
			d.problems = append(d.problems, Problem{d.name, lineOf(pair.Key), at, "stands twice", "keep one"})
			continue
		}
		seen[key] = true
		if f, ok := fields[key]; ok {
			d.value(at, pair.Value, v.FieldByIndex(f.Index))
			continue
		}
		if name, ok := strings.CutSuffix(key, "_file"); ok {
			if f, ok := fields[name]; ok && f.Type == secretType {
				d.secretFile(at, pair.Value, v.FieldByIndex(f.Index), hasKey(mapping, name))
				continue
			}
		}
		d.bad(at, d.unknownKey(path, key, fields), "unknown key")
	}
}

func hasKey(m *ast.MappingNode, name string) bool {
	for _, pair := range m.Values {
		if s, ok := pair.Key.(*ast.StringNode); ok && s.Value == name {
			return true
		}
	}
	return false
}

func (d *decoder) list(path string, node ast.Node, v reflect.Value) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok && v.Type().Elem().Kind() == reflect.String {
		text, ok := d.text(path, node)
		if !ok {
			return
		}
		v.SetZero()
		for one := range strings.SplitSeq(text, ",") {
			if one = strings.TrimSpace(one); one != "" {
				v.Set(reflect.Append(v, reflect.ValueOf(one).Convert(v.Type().Elem())))
			}
		}
		return
	}
	if !ok {
		d.bad(path, "start each entry with \"- \"", "wants a list, has %s", describe(node))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, len(sequence.Values)))
	for i, n := range sequence.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.lines[at] = lineOf(n)
		one := reflect.New(v.Type().Elem()).Elem()
		if p, ok := one.Addr().Interface().(*PBX); ok {
			*p = DefaultPBX()
		}
		d.value(at, n, one)
		v.Set(reflect.Append(v, one))
	}
}

var secretType = reflect.TypeFor[Secret]()

// fieldsOf maps the keys of a struct to its fields.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(t) {
		if key := f.Tag.Get("yaml"); key != "" {
			fields[key] = f
		}
	}
	return fields
}

func describe(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys"
	case *ast.SequenceNode:
		return "a list"
	}
	return "a single value"
}
