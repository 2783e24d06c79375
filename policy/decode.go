package policy

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// maxAliased is how many values may come out of YAML aliases.
const maxAliased = 1_000_000

// decoder fills a document from a YAML tree and goes on after every problem. Scalars are
// taken as they are written: the number 0012 stays "0012".
type decoder struct {
	anchors  map[string]ast.Node
	lines    map[string]int // of every path seen
	problems Problems
	bad      []string // paths that could not be read
	aliases  int      // depth of aliases being expanded
	aliased  int
}

func (d *decoder) document(n ast.Node, doc *Document) {
	d.value(n, reflect.ValueOf(doc).Elem(), "")
}

func (d *decoder) problem(n ast.Node, path, format string, args ...any) {
	d.bad = append(d.bad, path)
	d.complain(n, path, format, args...)
}

// complain reports a problem that leaves the value at path as it is.
func (d *decoder) complain(n ast.Node, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{Path: path, Line: lineOfNode(n), Message: fmt.Sprintf(format, args...)})
}

// unread reports whether a problem at path may only come from what could not be read:
// that very value, one in it, or one that misses it.
func (d *decoder) unread(path string) bool {
	return slices.ContainsFunc(d.bad, func(b string) bool {
		return b == "" || path == b || strings.HasPrefix(path, b+".") || strings.HasPrefix(path, b+"[")
	})
}

// lineOf is the line of a path, or of the nearest one above it that was written.
func (d *decoder) lineOf(path string) int {
	for path != "" {
		if l, ok := d.lines[path]; ok {
			return l
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

func lineOfNode(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// value reads n into v; null leaves it alone.
func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	before := d.aliases
	n, ok := d.resolve(n, path)
	defer func() { d.aliases = before }()
	if !ok || n == nil {
		return
	}
	if d.aliases > 0 {
		if d.aliased++; d.aliased > maxAliased {
			if d.aliased == maxAliased+1 {
				d.problem(n, path, "aliases expand to more than %d values", maxAliased)
			}
			return
		}
	}
	if _, null := n.(*ast.NullNode); null {
		return
	}
	if v.Kind() == reflect.Pointer {
		p := reflect.New(v.Type().Elem())
		bad := len(d.bad)
		d.value(n, p.Elem(), path)
		if len(d.bad) == bad || p.Elem().Kind() == reflect.Struct {
			v.Set(p)
		}
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if text, ok := d.scalar(n, path); ok {
			if err := u.UnmarshalText([]byte(text)); err != nil {
				d.problem(n, path, "%s", strings.TrimPrefix(err.Error(), "policy: "))
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.String:
		if text, ok := d.scalar(n, path); ok {
			v.SetString(text)
		}
	case reflect.Bool:
		d.boolean(n, v, path)
	case reflect.Int:
		if text, ok := d.scalar(n, path); ok {
			i, err := strconv.Atoi(text)
			if err != nil {
				d.problem(n, path, "%q is no whole number", text)
				return
			}
			v.SetInt(int64(i))
		}
	default:
		panic("policy: document field of kind " + v.Kind().String())
	}
}

// resolve follows anchors, aliases and tags to the value they stand for.
func (d *decoder) resolve(n ast.Node, path string) (ast.Node, bool) {
	for range 16 {
		switch x := n.(type) {
		case *ast.AnchorNode:
			n = x.Value
		case *ast.TagNode:
			n = x.Value
		case *ast.AliasNode:
			name := x.Value.GetToken().Value
			target, ok := d.anchors[name]
			if !ok {
				d.problem(x, path, "*%s refers to no anchor; text that begins with * needs quotes: %q", name, "*"+name)
				return nil, false
			}
			d.aliases++
			n = target
		default:
			return n, true
		}
	}
	d.problem(n, path, "aliases refer to each other")
	return nil, false
}

func (d *decoder) structure(n ast.Node, v reflect.Value, path string) {
	var entries []*ast.MappingValueNode
	switch x := n.(type) {
	case *ast.MappingNode:
		entries = x.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{x}
	default:
		d.problem(n, path, "want keys and values, have %s", kindOf(n))
		return
	}
	fields := fieldsOf(v)
	seen := map[string]bool{}
	for _, e := range entries {
		if e.Key.IsMergeKey() {
			d.complain(e.Key, join(path, "<<"), "merge keys are not supported: write the keys out, or use line_classes")
			continue
		}
		key := e.Key.GetToken().Value
		at := join(path, key)
		f, ok := fields[key]
		switch {
		case !ok:
			names := make([]string, 0, len(fields))
			for name := range fields {
				names = append(names, name)
			}
			d.complain(e.Key, at, "unknown key %q%s", key, didYouMean(key, names))
			continue
		case seen[key]:
			d.complain(e.Key, at, "key %q is there twice", key)
			continue
		}
		seen[key] = true
		d.lines[at] = lineOfNode(e.Key)
		d.value(e.Value, f, at)
	}
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.problem(n, path, "want a list, have %s", kindOf(n))
		return
	}
	if len(seq.Values) == 0 {
		return // an empty list is none: nil, so that reading back what was written is equal
	}
	out := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, e := range seq.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.lines[at] = lineOfNode(e)
		d.value(e, out.Index(i), at)
	}
	v.Set(out)
}

func (d *decoder) boolean(n ast.Node, v reflect.Value, path string) {
	text, ok := d.scalar(n, path)
	if !ok {
		return
	}
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		v.SetBool(true)
	case "false", "no", "off":
		v.SetBool(false)
	default:
		d.problem(n, path, "%q is neither true nor false", text)
	}
}

// scalar is the text of a single value as it is written.
func (d *decoder) scalar(n ast.Node, path string) (string, bool) {
	switch x := n.(type) {
	case *ast.StringNode:
		return x.Value, true
	case *ast.LiteralNode:
		return x.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return x.GetToken().Value, true
	}
	if text, ok := plainColon(n); ok {
		return text, true
	}
	d.problem(n, path, "want a single value, have %s", kindOf(n))
	return "", false
}

// plainColon mends what the parser makes of [park:701@parkedcalls]: a key and a value,
// though a colon without a space behind it is part of the text (YAML 1.2 §7.3.3).
func plainColon(n ast.Node) (string, bool) {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) == 1 && !m.IsFlowStyle {
		n = m.Values[0]
	}
	e, ok := n.(*ast.MappingValueNode)
	if !ok || e.Key.GetToken() == nil {
		return "", false
	}
	var value string
	switch v := e.Value.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		value = v.GetToken().Value
	default:
		if value, ok = plainColon(v); !ok {
			return "", false
		}
	}
	key, val := e.Key.GetToken(), firstToken(e.Value)
	if key.Position == nil || val.Position == nil || key.Type == token.DoubleQuoteType || key.Type == token.SingleQuoteType ||
		key.Position.Line != val.Position.Line || key.Position.Column+len([]rune(key.Value))+1 != val.Position.Column {
		return "", false
	}
	return key.Value + ":" + value, true
}

// firstToken is where the text of a node begins.
func firstToken(n ast.Node) *token.Token {
	switch x := n.(type) {
	case *ast.MappingNode:
		if len(x.Values) > 0 {
			return firstToken(x.Values[0])
		}
	case *ast.MappingValueNode:
		return x.Key.GetToken()
	}
	return n.GetToken()
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	default:
		return fmt.Sprintf("%q", n.GetToken().Value)
	}
}

// fieldsOf maps keys to the fields of a struct; embedded structs are flattened.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			for k, x := range fieldsOf(v.Field(i)) {
				fields[k] = x
			}
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = v.Field(i)
	}
	return fields
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
