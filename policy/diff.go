package policy

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// Change is one difference between two documents, for people.
type Change struct {
	// Tenant is empty for what concerns all.
	Tenant string
	// Kind is the key of the list ("phones"), or of the setting; Name names the element,
	// empty for a setting.
	Kind, Name string
	// Action is "added", "removed", "changed" or "moved": the order matters there.
	Action string
	// Details are the settings that differ, "key: before → after"; of secrets only that
	// they do.
	Details []string
}

// String writes the change on one line.
func (c Change) String() string {
	s := c.Action + " " + c.Kind
	if c.Tenant != "" {
		s = "tenant " + c.Tenant + ": " + s
	}
	if c.Name != "" {
		s += " " + c.Name
	}
	if len(c.Details) > 0 {
		s += ": " + strings.Join(c.Details, ", ")
	}
	return s
}

// Diff lists what importing next in the place of old would change, in the order of the
// document. Lists whose order means nothing are compared by name.
func Diff(old, next *Document) []Change { return DiffFirst(old, next, math.MaxInt) }

// DiffFirst is Diff with Details for no more than that many changes: those of a large
// document, written out, are larger than it is.
func DiffFirst(old, next *Document, detailed int) []Change {
	d := differ{detailed: detailed}
	d.settings(reflect.ValueOf(old).Elem(), reflect.ValueOf(next).Elem(), "Tenants")
	tenants := map[string]*Tenant{}
	for i := range old.Tenants {
		tenants[old.Tenants[i].Name] = &old.Tenants[i]
	}
	for i := range next.Tenants {
		t := &next.Tenants[i]
		d.tenant = t.Name
		before := tenants[t.Name]
		delete(tenants, t.Name)
		if before == nil {
			d.add("tenant", "", "added")
			before = &Tenant{Name: t.Name}
		}
		d.settings(reflect.ValueOf(before).Elem(), reflect.ValueOf(t).Elem(), "")
	}
	for i := range old.Tenants {
		if t := &old.Tenants[i]; tenants[t.Name] != nil {
			d.tenant = t.Name
			d.add("tenant", "", "removed")
		}
	}
	return d.changes
}

type differ struct {
	tenant   string
	detailed int
	changes  []Change
}

// full reports that further changes are told without details.
func (d *differ) full() bool { return len(d.changes) >= d.detailed }

func (d *differ) add(kind, name, action string, details ...string) {
	if d.full() {
		details = nil
	}
	d.changes = append(d.changes, Change{d.tenant, kind, name, action, details})
}

// settings compares the fields of a document or tenant; skip names one to leave out.
func (d *differ) settings(a, b reflect.Value, skip string) {
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if f.Name == skip {
			continue
		}
		key := keyOf(f)
		x, y := a.Field(i), b.Field(i)
		if same(x, y) {
			continue // one has the list of the other: a small edit of a large document
		}
		if x.Kind() == reflect.Slice && x.Type().Elem().Kind() == reflect.Struct {
			d.list(key, x, y)
			continue
		}
		var details []string
		compare(&details, "", x, y)
		for j, s := range details {
			details[j] = strings.TrimPrefix(s, ": ")
		}
		if len(details) > 0 {
			d.add(key, "", "changed", details...)
		}
	}
}

func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return key
}

// list compares named elements.
func (d *differ) list(kind string, a, b reflect.Value) {
	before := make(map[string]reflect.Value, a.Len())
	for i := range a.Len() {
		before[elementName(a.Index(i))] = a.Index(i)
	}
	after := make(map[string]bool, b.Len())
	var kept []string
	for i := range b.Len() {
		name := elementName(b.Index(i))
		after[name] = true
		x, ok := before[name]
		var details []string
		switch {
		case !ok && d.full():
			d.add(kind, name, "added")
			continue
		case !ok:
			compare(&details, "", reflect.Zero(b.Type().Elem()), b.Index(i))
			d.add(kind, name, "added", unnamed(details)...)
			continue
		case !equal(x, b.Index(i)):
			compare(&details, "", x, b.Index(i))
		}
		kept = append(kept, name)
		if len(details) > 0 {
			d.add(kind, name, "changed", details...)
		}
	}
	var was []string
	for i := range a.Len() {
		if name := elementName(a.Index(i)); after[name] {
			was = append(was, name)
		} else {
			d.add(kind, name, "removed")
		}
	}
	// Of phones the first with a line counts (identities, device-based watching).
	if kind == "phones" && !slices.Equal(was, kept) {
		d.add(kind, "", "moved")
	}
}

// elementName is what tells an element of a list from the others.
func elementName(v reflect.Value) string {
	switch x := v.Addr().Interface().(type) {
	case *DirectoryNumber:
		return lineRef(x)
	case *HuntPilot:
		return lineRef(&DirectoryNumber{Number: x.Number, Partition: x.Partition})
	case *GroupPermission:
		return x.From + " → " + x.To
	case *CrossTenantPermission:
		return fmt.Sprintf("%s of %s → %s of %s", standardIfEmpty(x.From.PresenceGroup), x.From.Tenant, standardIfEmpty(x.To.PresenceGroup), x.To.Tenant)
	case *RoutePattern:
		return lineRef(&DirectoryNumber{Number: x.Pattern, Partition: x.Partition})
	case *SIPRoutePattern:
		return lineRef(&DirectoryNumber{Number: x.Pattern, Partition: x.Partition})
	case *EndUser:
		return x.UserID
	case *ApplicationUser:
		return x.UserID
	case *CredentialFile:
		return fmt.Sprint(x.Tag)
	}
	return v.FieldByName("Name").String()
}

// unnamed leaves out what the name of an element says already.
func unnamed(details []string) []string {
	return slices.DeleteFunc(details, func(s string) bool {
		return slices.ContainsFunc([]string{"name: ", "user_id: ", "number: ", "partition: ", "pattern: ", "from", "to", "tag: "}, func(p string) bool {
			return strings.HasPrefix(s, p)
		})
	})
}

// compare notes the settings that differ, with their path below the element.
func compare(out *[]string, path string, a, b reflect.Value) {
	if a.Kind() == reflect.Struct && !isText(a) {
		for i := range a.NumField() {
			if same(a.Field(i), b.Field(i)) {
				continue
			}
			f := a.Type().Field(i)
			at := path
			if !f.Anonymous {
				at = join(path, keyOf(f))
			}
			compare(out, at, a.Field(i), b.Field(i))
		}
		return
	}
	if g, ok := a.Interface().(*Digest); ok {
		compareDigest(out, path, g, b.Interface().(*Digest))
		return
	}
	if a.Type() == pinType {
		if a.String() != b.String() {
			*out = append(*out, path+": another secret")
		}
		return
	}
	x, y := shown(a), shown(b)
	if x != y {
		*out = append(*out, path+": "+x+" → "+y)
	}
}

// same is a quick look: false means that it is worth to compare.
func same(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice {
		return a.Len() == b.Len() && (a.Len() == 0 || a.Pointer() == b.Pointer())
	}
	return a.Comparable() && a.Equal(b)
}

// equal reports that compare finds nothing, without writing settings out; false means that
// it is worth to compare.
func equal(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if !equal(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !equal(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		return equal(a.Elem(), b.Elem())
	}
	return a.Equal(b)
}

func compareDigest(out *[]string, path string, a, b *Digest) {
	if a == nil {
		a = &Digest{}
	}
	if b == nil {
		b = &Digest{}
	}
	if a.Username != b.Username {
		*out = append(*out, fmt.Sprintf("%s.username: %s → %s", path, orNone(a.Username), orNone(b.Username)))
	}
	if a.Password != b.Password || a.HA1 != b.HA1 || a.HA1SHA256 != b.HA1SHA256 {
		*out = append(*out, path+": another secret")
	}
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

func isText(v reflect.Value) bool {
	_, ok := v.Interface().(encoding.TextMarshaler)
	return ok
}

// shown is a setting for people.
func shown(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "(none)"
		}
		return fmt.Sprint(v.Elem().Interface())
	}
	if v.Kind() != reflect.Slice {
		switch {
		case v.IsZero() && v.Kind() != reflect.Bool:
			return "(none)"
		case v.Kind() == reflect.String:
			return v.String()
		}
		return fmt.Sprint(v.Interface())
	}
	items := make([]string, v.Len())
	for i := range items {
		if e := v.Index(i); e.Kind() == reflect.Struct {
			var parts []string
			compare(&parts, "", reflect.Zero(e.Type()), e)
			for j, p := range parts {
				_, parts[j], _ = strings.Cut(p, " → ")
			}
			items[i] = strings.Join(parts, " ")
		} else {
			items[i] = fmt.Sprint(e.Interface())
		}
	}
	return "[" + strings.Join(items, ", ") + "]"
}
