package policy

import "reflect"

// HoldsSecrets reports whether a document has passwords, hashes or PINs in it, whosever:
// who exports it must be allowed to know them.
func HoldsSecrets(d *Document) bool { return d != nil && holdsSecrets(reflect.ValueOf(d).Elem()) }

var (
	digestType = reflect.TypeFor[Digest]()
	pinType    = reflect.TypeFor[PIN]()
)

func holdsSecrets(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return v.Type() == pinType && v.Len() > 0
	case reflect.Pointer:
		return !v.IsNil() && holdsSecrets(v.Elem())
	case reflect.Slice:
		if k := v.Type().Elem().Kind(); k != reflect.Struct {
			return false
		}
		for i := range v.Len() {
			if holdsSecrets(v.Index(i)) {
				return true
			}
		}
	case reflect.Struct:
		if v.Type() == digestType {
			g := v.Interface().(Digest)
			return g.Password != "" || g.HA1 != "" || g.HA1SHA256 != ""
		}
		for i := range v.NumField() {
			if holdsSecrets(v.Field(i)) {
				return true
			}
		}
	}
	return false
}
