package policy

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// note remembers the line of a key and returns its path; nothing unless lines are wanted.
func (q *quick) note(path, name string) string {
	if q.lines == nil || name == "" {
		return ""
	}
	at := join(path, name)
	q.lines[at] = q.lineNow()
	return at
}

// lineNow is the line of i, which only ever grows.
func (q *quick) lineNow() int {
	q.line += strings.Count(q.s[q.counted:q.i], "\n")
	q.counted = q.i
	return q.line + 1
}

func (q *quick) item(path string, n int) string {
	if q.lines == nil {
		return ""
	}
	at := path + "[" + strconv.Itoa(n) + "]"
	q.lines[at] = q.lineNow()
	return at
}

// set puts text into a single value.
func (q *quick) set(v reflect.Value, text string, quoted bool) {
	if !quoted && (text == "~" || text == "null" || text == "Null" || text == "NULL") {
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if u.UnmarshalText([]byte(text)) != nil {
			q.slow()
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(q.intern(text))
	case reflect.Bool:
		switch strings.ToLower(text) {
		case "true", "yes", "on":
			v.SetBool(true)
		case "false", "no", "off":
			v.SetBool(false)
		default:
			q.slow()
		}
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			q.slow()
		}
		v.SetInt(int64(n))
	default:
		q.slow()
	}
}

// intern lets the same text be there once, and the text of the document go.
func (q *quick) intern(s string) string {
	if have, ok := q.seen[s]; ok {
		return have
	}
	s = strings.Clone(s)
	q.seen[s] = s
	return s
}

// structInfo are the fields of a struct by key; embedded structs are flattened.
type structInfo struct {
	byName map[string]int
	index  [][]int
}

var structInfos sync.Map // reflect.Type → *structInfo

func infoOf(t reflect.Type) *structInfo {
	if x, ok := structInfos.Load(t); ok {
		return x.(*structInfo)
	}
	info := &structInfo{byName: map[string]int{}}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		info.byName[name] = len(info.index)
		info.index = append(info.index, f.Index)
	}
	structInfos.Store(t, info)
	return info
}

// begin is an empty slice for the list that goes to v: one that an earlier list grew.
func (q *quick) begin(v reflect.Value) reflect.Value {
	if list, ok := q.spare[v.Type()]; ok {
		delete(q.spare, v.Type())
		return list
	}
	return reflect.New(v.Type()).Elem()
}

// finish sets v to a list without spare room, nil if it is empty.
func (q *quick) finish(v, list reflect.Value) {
	if n := list.Len(); n > 0 {
		exact := reflect.MakeSlice(v.Type(), n, n)
		reflect.Copy(exact, list)
		v.Set(exact)
	}
	list.Clear()
	list.SetLen(0)
	q.spare[v.Type()] = list
}

// grow appends a zero element to a slice and returns it.
func grow(v reflect.Value) reflect.Value {
	n := v.Len()
	if n == v.Cap() {
		v.Grow(max(n, 8))
	}
	v.SetLen(n + 1)
	return v.Index(n)
}
