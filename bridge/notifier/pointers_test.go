package notifier

import (
	"reflect"
	"testing"
)

// TestNoPointers: the garbage collector looks at whatever has pointers. A million records,
// their timers and the index of their keys have none.
func TestNoPointers(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[entry](), reflect.TypeFor[timer](), reflect.TypeOf(loop{}.byKey).Key(), reflect.TypeOf(loop{}.byKey).Elem(), reflect.TypeOf(Notifier{}.held).Key()} {
		if at := pointerIn(typ); at != "" {
			t.Errorf("%s has a pointer: %s", typ, at)
		}
	}
}

// pointerIn names a pointer in values of a type; empty if there is none.
func pointerIn(typ reflect.Type) string {
	switch k := typ.Kind(); {
	case k <= reflect.Complex128:
		return ""
	case k == reflect.Array:
		return pointerIn(typ.Elem())
	case k == reflect.Struct:
		for i := range typ.NumField() {
			if at := pointerIn(typ.Field(i).Type); at != "" {
				return typ.Field(i).Name + " " + at
			}
		}
		return ""
	}
	return typ.String()
}
