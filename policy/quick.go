package policy

import (
	"errors"
	"reflect"
	"strings"
	"unicode/utf8"
)

// errSlow says that a text is beyond the quick reader: what it means, or what is wrong
// with it, is for the parser to say.
var errSlow = errors.New("policy: not for the quick reader")

// quick reads the plain part of YAML straight into a document, a hundred times as fast
// as the parser makes its tree: block and flow lists and keys, plain and quoted text on
// one line, comments, JSON. Whatever else it meets, and every mistake, it leaves to the
// parser. FuzzQuick holds both to the same document.
type quick struct {
	s       string
	i       int
	lines   map[string]int // of every path seen, if wanted
	line    int            // of counted
	counted int
	seen    map[string]string
	spare   map[reflect.Type]reflect.Value // slices for lists under way
}

// quickLoad reads a text; lines, if not nil, takes the line of every path.
func quickLoad(text string, d *Document, lines map[string]int) (err error) {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\n' || c == 0x7f {
			return errSlow // tabs, carriage returns, control characters
		}
	}
	if !utf8.ValidString(text) || strings.ContainsAny(text, "\u0085\u2028\u2029\ufeff") {
		return errSlow
	}
	q := &quick{s: text, lines: lines, seen: map[string]string{}, spare: map[reflect.Type]reflect.Value{}}
	defer func() {
		if r := recover(); r != nil {
			if r != any(errSlow) {
				panic(r)
			}
			err = errSlow
		}
	}()
	q.document(reflect.ValueOf(d).Elem())
	return nil
}

func (q *quick) slow() { panic(errSlow) }

func (q *quick) document(v reflect.Value) {
	indent := q.next()
	if strings.HasPrefix(q.s[q.i:], "---") {
		if rest := q.s[q.i+3:]; indent != 0 || rest != "" && rest[0] != '\n' {
			q.slow()
		}
		q.i += 3
		indent = q.next()
	}
	switch {
	case indent < 0:
		return
	case q.s[q.i] == '{':
		q.flow(v, "", -1)
		q.endOfLine()
	default:
		q.block(v, "", indent)
	}
	if q.next() >= 0 {
		q.slow()
	}
}

// next moves to the next content and returns its column; -1 at the end of the text. At
// the end of a line it goes on to the next one, over comments and empty lines.
func (q *quick) next() int {
	for q.i < len(q.s) {
		start := q.i
		for q.i < len(q.s) && q.s[q.i] == ' ' {
			q.i++
		}
		switch {
		case q.i == len(q.s):
			return -1
		case q.s[q.i] == '\n':
			q.i++
		case q.s[q.i] == '#' && (q.i == 0 || q.s[q.i-1] == ' ' || q.s[q.i-1] == '\n'):
			q.skipLine()
		default:
			if start > 0 && q.s[start-1] != '\n' {
				q.slow() // not at the beginning of a line
			}
			return q.i - start
		}
	}
	return -1
}

func (q *quick) skipLine() {
	if n := strings.IndexByte(q.s[q.i:], '\n'); n >= 0 {
		q.i += n + 1
	} else {
		q.i = len(q.s)
	}
}

// endOfLine makes sure that nothing but a comment follows.
func (q *quick) endOfLine() {
	start := q.i
	for q.i < len(q.s) && q.s[q.i] == ' ' {
		q.i++
	}
	switch {
	case q.i == len(q.s) || q.s[q.i] == '\n':
	case q.s[q.i] == '#' && q.i > start:
		q.skipLine()
		if q.i > 0 && q.s[q.i-1] == '\n' {
			q.i--
		}
	default:
		q.slow()
	}
}

// block reads keys or a list of that indentation; i is at its first character.
func (q *quick) block(v reflect.Value, path string, indent int) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if q.dash() {
		q.blockList(v, path, indent)
		return
	}
	q.blockKeys(v, path, indent)
}

// dash reports whether an item of a list begins here.
func (q *quick) dash() bool {
	return q.s[q.i] == '-' && (q.i+1 == len(q.s) || q.s[q.i+1] == ' ' || q.s[q.i+1] == '\n')
}

func (q *quick) blockKeys(v reflect.Value, path string, indent int) {
	if v.Kind() != reflect.Struct {
		q.slow()
	}
	info := infoOf(v.Type())
	var had uint64
	for {
		f, name := q.key(info, &had)
		at := q.note(path, name)
		field := v.FieldByIndex(f)
		for q.i < len(q.s) && q.s[q.i] == ' ' {
			q.i++
		}
		if q.i == len(q.s) || q.s[q.i] == '\n' || q.s[q.i] == '#' && q.s[q.i-1] == ' ' {
			col := q.next()
			switch {
			case col > indent, col == indent && q.dash():
				q.block(field, at, col)
			case col < 0:
				return
			default: // null
				if col < indent {
					q.i -= col
					return
				}
				continue
			}
		} else {
			q.inline(field, at, indent)
		}
		switch col := q.next(); {
		case col < indent:
			q.i -= max(col, 0)
			return
		case col > indent || q.dash():
			q.slow() // text over several lines, or worse
		}
	}
}

// key reads "name:" of a field that was not there before.
func (q *quick) key(info *structInfo, had *uint64) (index []int, name string) {
	start := q.i
	for q.i < len(q.s) && (q.s[q.i] >= 'a' && q.s[q.i] <= 'z' || q.s[q.i] >= '0' && q.s[q.i] <= '9' || q.s[q.i] == '_') {
		q.i++
	}
	name = q.s[start:q.i]
	if q.i == len(q.s) || q.s[q.i] != ':' || q.i+1 < len(q.s) && q.s[q.i+1] != ' ' && q.s[q.i+1] != '\n' {
		q.slow()
	}
	q.i++
	return q.field(info, had, name), name
}

func (q *quick) field(info *structInfo, had *uint64, name string) []int {
	n, ok := info.byName[name]
	if !ok || *had&(1<<n) != 0 {
		q.slow()
	}
	*had |= 1 << n
	return info.index[n]
}

func (q *quick) blockList(v reflect.Value, path string, indent int) {
	if v.Kind() != reflect.Slice {
		q.slow()
	}
	list := q.begin(v)
	for n := 0; ; n++ {
		at := q.item(path, n)
		e := grow(list)
		q.i++ // the dash
		start := q.i
		for q.i < len(q.s) && q.s[q.i] == ' ' {
			q.i++
		}
		col := indent + 1 + q.i - start
		var after int
		switch {
		case q.i == len(q.s) || q.s[q.i] == '\n' || q.s[q.i] == '#' && q.i > start:
			if after = q.next(); after <= indent {
				q.slow() // an empty item
			}
			if q.lines != nil {
				q.lines[at] = q.lineNow()
			}
			q.block(e, at, after)
			after = q.next()
		case e.Kind() == reflect.Struct && q.s[q.i] >= 'a' && q.s[q.i] <= 'z':
			q.blockKeys(e, at, col)
			after = q.next()
		default:
			q.inline(e, at, indent)
			after = q.next()
		}
		switch {
		case after > indent:
			q.slow()
		case after < indent || !q.dash():
			q.i -= max(after, 0)
			q.finish(v, list)
			return
		}
	}
}

// inline reads a value that begins on this line, and its end.
func (q *quick) inline(v reflect.Value, path string, indent int) {
	switch q.s[q.i] {
	case '[', '{':
		q.flow(v, path, indent)
	case '"', '\'':
		q.set(v, q.quoted(), true)
	default:
		start := q.i
		q.first(false)
		for q.i < len(q.s) && q.s[q.i] != '\n' && (q.s[q.i] != '#' || q.s[q.i-1] != ' ') {
			if q.s[q.i] == ':' && (q.i+1 == len(q.s) || q.s[q.i+1] == ' ' || q.s[q.i+1] == '\n') {
				q.slow()
			}
			q.i++
		}
		end := q.i
		for q.s[end-1] == ' ' {
			end--
		}
		if q.i < len(q.s) && q.s[q.i] == '#' {
			q.i-- // to the space before it
		}
		q.set(v, q.s[start:end], false)
	}
	q.endOfLine()
}

// first checks that plain text may begin here.
func (q *quick) first(flow bool) {
	c := q.s[q.i]
	switch {
	case strings.IndexByte(",[]{}#&*!|>'\"%@`=~", c) >= 0 && (c != '~' || !q.ends(q.i+1, flow)):
		q.slow()
	case c == '-' || c == '?' || c == ':':
		// Only dashes that go on as text or number; ":" and "?" are left to the parser.
		if c != '-' || q.ends(q.i+1, flow) || q.s[q.i+1] == '-' || q.s[q.i+1] == ' ' {
			q.slow()
		}
	case c == '<' && strings.HasPrefix(q.s[q.i:], "<<"):
		q.slow()
	case c == '.' && strings.HasPrefix(q.s[q.i:], "..."):
		q.slow()
	}
}

// ends reports whether plain text ends at i.
func (q *quick) ends(i int, flow bool) bool {
	return i >= len(q.s) || q.s[i] == '\n' || q.s[i] == ' ' || flow && strings.IndexByte(",[]{}", q.s[i]) >= 0
}
