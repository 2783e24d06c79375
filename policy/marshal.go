package policy

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Marshal writes a document as YAML that Load reads back to an equal one: block style,
// keys in the order of this package, defaults left out, text quoted unless it is plain
// in every YAML version. The error is about text that YAML cannot hold.
func Marshal(d *Document) ([]byte, error) {
	w := &yamlWriter{}
	w.fields(reflect.ValueOf(d).Elem(), 0, false)
	if w.err != nil {
		return nil, w.err
	}
	if w.buf.Len() == 0 {
		return []byte("{}\n"), nil
	}
	return w.buf.Bytes(), nil
}

type yamlWriter struct {
	buf bytes.Buffer
	err error
}

// fields writes a struct's fields. In a list the first one stands behind the dash.
func (w *yamlWriter) fields(v reflect.Value, indent int, dash bool) (any bool) {
	for i := range v.NumField() {
		f, x := v.Type().Field(i), v.Field(i)
		if f.Anonymous {
			any = w.fields(x, indent, dash && !any) || any
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if strings.Contains(options, "omit") && empty(x) {
			continue
		}
		if !dash || any {
			w.buf.WriteString(strings.Repeat("  ", indent))
		}
		any = true
		w.buf.WriteString(name + ":")
		w.value(x, indent)
	}
	return any
}

func empty(v reflect.Value) bool {
	return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
}

// value writes what stands behind "key:".
func (w *yamlWriter) value(v reflect.Value, indent int) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil && w.err == nil {
			w.err = err
		}
		w.buf.WriteString(" " + w.text(string(text)) + "\n")
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		w.buf.WriteByte('\n')
		w.fields(v, indent+1, false)
	case reflect.Slice:
		w.buf.WriteByte('\n')
		for i := range v.Len() {
			w.buf.WriteString(strings.Repeat("  ", indent+1) + "-")
			if e := v.Index(i); e.Kind() != reflect.Struct {
				w.value(e, indent+1)
			} else {
				w.buf.WriteByte(' ')
				if !w.fields(e, indent+2, true) {
					w.buf.WriteString("{}\n")
				}
			}
		}
	case reflect.String:
		w.buf.WriteString(" " + w.text(v.String()) + "\n")
	case reflect.Bool:
		w.buf.WriteString(" " + strconv.FormatBool(v.Bool()) + "\n")
	case reflect.Int:
		w.buf.WriteString(" " + strconv.FormatInt(v.Int(), 10) + "\n")
	default:
		panic("policy: document field of kind " + v.Kind().String())
	}
}

// plainText is text that no YAML version takes for anything else, but for plainWords.
var plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./@-]*( [A-Za-z0-9_./@-]+)*$`)

var plainWords = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

func (w *yamlWriter) text(s string) string {
	if plainText.MatchString(s) && !slices.Contains(plainWords, strings.ToLower(s)) {
		return s
	}
	if !utf8.ValidString(s) && w.err == nil {
		w.err = fmt.Errorf("policy: cannot write %q: it is no valid UTF-8", s)
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f || !unicode.IsPrint(r) && r <= 0xffff:
			fmt.Fprintf(&b, `\u%04X`, r)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
