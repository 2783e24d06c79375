package policy

import (
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// flow reads [a list], {keys: values} or a single value between them. Lines that it goes
// on to must be indented deeper than indent.
func (q *quick) flow(v reflect.Value, path string, indent int) {
	switch q.s[q.i] {
	case '[':
		q.flowList(v, path, indent)
	case '{':
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.New(v.Type().Elem()))
			v = v.Elem()
		}
		q.flowKeys(v, path, indent)
	case '"', '\'':
		q.set(v, q.quoted(), true)
	default:
		q.set(v, q.plainFlow(), false)
	}
}

// space skips spaces and line ends between brackets.
func (q *quick) space(indent int) {
	for q.i < len(q.s) && (q.s[q.i] == ' ' || q.s[q.i] == '\n') {
		q.i++
		if q.s[q.i-1] == '\n' {
			col := 0
			for q.i < len(q.s) && q.s[q.i] == ' ' {
				q.i++
				col++
			}
			if col <= indent && q.i < len(q.s) && q.s[q.i] != '\n' {
				q.slow()
			}
			if strings.HasPrefix(q.s[q.i:], "---") || strings.HasPrefix(q.s[q.i:], "...") {
				q.slow()
			}
		}
	}
	if q.i == len(q.s) || q.s[q.i] == '#' {
		q.slow()
	}
}

func (q *quick) flowList(v reflect.Value, path string, indent int) {
	if v.Kind() != reflect.Slice {
		q.slow()
	}
	q.i++
	q.space(indent)
	list := q.begin(v)
	for n := 0; q.s[q.i] != ']'; n++ {
		at := q.item(path, n)
		q.flow(grow(list), at, indent)
		q.separator(']', indent)
	}
	q.i++
	q.finish(v, list)
}

func (q *quick) flowKeys(v reflect.Value, path string, indent int) {
	if v.Kind() != reflect.Struct {
		q.slow()
	}
	q.i++
	q.space(indent)
	info := infoOf(v.Type())
	var had uint64
	for q.s[q.i] != '}' {
		var f []int
		var name string
		if q.s[q.i] == '"' {
			name = q.quoted()
			if q.i == len(q.s) || q.s[q.i] != ':' {
				q.slow()
			}
			q.i++
			f = q.field(info, &had, name)
		} else {
			f, name = q.key(info, &had)
		}
		at := q.note(path, name)
		q.space(indent)
		if q.s[q.i] != ',' && q.s[q.i] != '}' { // else null
			q.flow(v.FieldByIndex(f), at, indent)
		}
		q.separator('}', indent)
	}
	q.i++
}

// separator reads the comma after a value, or stands before the end.
func (q *quick) separator(end byte, indent int) {
	q.space(indent)
	switch q.s[q.i] {
	case end:
	case ',':
		q.i++
		q.space(indent)
		if q.s[q.i] == end || q.s[q.i] == ',' {
			q.slow()
		}
	default:
		q.slow()
	}
}

// plainFlow reads plain text between brackets, on one line.
func (q *quick) plainFlow() string {
	start := q.i
	q.first(true)
	for {
		if q.i == len(q.s) {
			q.slow()
		}
		c := q.s[q.i]
		if c == ',' || c == ']' || c == '}' || c == '\n' {
			break
		}
		if c == '[' || c == '{' || c == '#' && q.s[q.i-1] == ' ' || c == '"' || c == '\'' ||
			c == ':' && (q.ends(q.i+1, true) || q.s[q.i+1] == '"' || q.s[q.i+1] == '\'') {
			q.slow()
		}
		q.i++
	}
	end := q.i
	for end > start && q.s[end-1] == ' ' {
		end--
	}
	if end == start {
		q.slow()
	}
	return q.s[start:end]
}

// quoted reads text in quotes, on one line.
func (q *quick) quoted() string {
	mark := q.s[q.i]
	q.i++
	start := q.i
	for q.i < len(q.s) && q.s[q.i] != mark && q.s[q.i] != '\\' && q.s[q.i] != '\n' {
		q.i++
	}
	if q.i < len(q.s) && q.s[q.i] == mark && !strings.HasPrefix(q.s[q.i:], "''") {
		q.i++
		return q.s[start : q.i-1]
	}
	text := []byte(q.s[start:q.i])
	for {
		if q.i == len(q.s) || q.s[q.i] == '\n' {
			q.slow()
		}
		c := q.s[q.i]
		q.i++
		switch {
		case c == '\'' && mark == c && q.i < len(q.s) && q.s[q.i] == '\'':
			q.i++
			text = append(text, c)
		case c == mark:
			return string(text)
		case c == '\\' && mark == '"':
			text = q.escape(text)
		default:
			text = append(text, c)
		}
	}
}

func (q *quick) escape(text []byte) []byte {
	if q.i == len(q.s) {
		q.slow()
	}
	c := q.s[q.i]
	q.i++
	switch c {
	case '"', '\\', '/':
		return append(text, c)
	case 'n':
		return append(text, '\n')
	case 't':
		return append(text, '\t')
	case 'u', 'U':
		n := 4
		if c == 'U' {
			n = 8
		}
		if q.i+n > len(q.s) {
			q.slow()
		}
		r, err := strconv.ParseUint(q.s[q.i:q.i+n], 16, 32)
		if err != nil || !utf8.ValidRune(rune(r)) || r == 0 {
			q.slow()
		}
		q.i += n
		return utf8.AppendRune(text, rune(r))
	}
	q.slow()
	return nil
}
