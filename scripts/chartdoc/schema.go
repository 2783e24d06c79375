package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"blfbridge/bridge/config"
)

// object is a JSON object; encoding/json sorts its keys.
type object map[string]any

// chartSets are the sections and keys of the configuration that values other than config set.
var chartSets = []string{"pbx", "store", "sip.listen", "sip.advertise", "sip.tls.cert_file", "sip.tls.key_file", "admin.listen", "admin.tls",
	"policy.file", "edge.advertise", "replicas.enabled", "replicas.name"}

// schemaOf is values.schema.json: an unknown key is an error, wherever it is.
func schemaOf(values []*value) ([]byte, error) {
	for path := range rules {
		if find(values, path) == nil {
			return nil, fmt.Errorf("rules.go has %s, values.yaml has not", path)
		}
	}
	root := objectOf(values)
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	p := root["properties"].(object)
	p["global"] = object{"type": "object", "description": "A chart above has it."}
	p["pbx"] = object{"type": "array", "description": find(values, "pbx").doc, "items": pbxSchema()}
	p["config"] = configSchema(find(values, "config").doc)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(root)
	return b.Bytes(), err
}

func find(values []*value, path string) *value {
	for _, v := range values {
		if v.path == path {
			return v
		}
		if strings.HasPrefix(path, v.path+".") {
			return find(v.children, path)
		}
	}
	return nil
}

func objectOf(values []*value) object {
	p := object{}
	for _, v := range values {
		p[v.name] = schemaOfValue(v)
	}
	return object{"type": "object", "additionalProperties": false, "properties": p}
}

func schemaOfValue(v *value) object {
	if len(v.children) > 0 {
		o := objectOf(v.children)
		if v.doc != "" {
			o["description"] = v.doc
		}
		return o
	}
	r, o := rules[v.path], object{"description": v.doc}
	switch def := v.def.(type) {
	case string:
		o["type"] = "string"
		if r.pattern != "" {
			o["pattern"] = r.pattern
		}
	case bool:
		o["type"] = "boolean"
	case uint64, int64, int:
		o["type"], o["minimum"] = "integer", r.least
		if r.most > 0 {
			o["maximum"] = r.most
		}
	case []any:
		o["type"] = "array"
		items := object{"type": r.items}
		if r.pattern != "" {
			items["pattern"] = r.pattern
		}
		if r.items != "" {
			o["items"] = items
		}
	default:
		_ = def
		o["type"] = "object"
		if r.texts {
			o["additionalProperties"] = object{"type": "string"}
		}
	}
	if r.enum != nil {
		o["enum"] = r.enum
	}
	return o
}

// pbxSchema is one entry of pbx: as in the configuration, but for the password's home.
func pbxSchema() object {
	o := object{"type": "object", "additionalProperties": false, "required": []string{"name", "type"}, "properties": object{}}
	for _, k := range config.Keys() {
		if rest, ok := strings.CutPrefix(k.Path, "pbx[]."); ok && k.Type != "secret" {
			put(o, rest, keySchema(k))
		}
	}
	p := o["properties"].(object)
	p["name"].(object)["pattern"] = `^[A-Za-z0-9._-]+$`
	p["password"] = object{"type": "string", "description": "Password of the ARI user or of the event socket; goes into a Secret."}
	p["existingSecret"] = object{"type": "string", "description": "Secret with the password, in place of it."}
	p["existingSecretKey"] = object{"type": "string", "description": "Its key; password if left out."}
	return o
}

// configSchema is what may be added to the configuration: no secrets, and nothing that
// other values set.
func configSchema(doc string) object {
	o := object{"type": "object", "additionalProperties": false, "properties": object{}, "description": doc}
	for _, k := range config.Keys() {
		if k.Type != "secret" && !set(k.Path) {
			put(o, k.Path, keySchema(k))
		}
	}
	return o
}

// set reports whether another value sets a key of the configuration.
func set(path string) bool {
	for _, s := range chartSets {
		if rest, ok := strings.CutPrefix(path, s); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// put hangs a key into nested objects; "routes[].domain" is one of a list.
func put(o object, path string, leaf object) {
	name, rest, nested := strings.Cut(path, ".")
	name, list := strings.CutSuffix(name, "[]")
	p := o["properties"].(object)
	if !nested {
		p[name] = leaf
		return
	}
	inner, _ := p[name].(object)
	if inner == nil {
		inner = object{"type": "object", "additionalProperties": false, "properties": object{}}
		if list {
			inner = object{"type": "array", "items": inner}
		}
		p[name] = inner
	}
	if list {
		inner = inner["items"].(object)
	}
	put(inner, rest, leaf)
}

// keySchema is a key of the configuration. A text may come from the environment (${NAME}).
func keySchema(k config.Key) object {
	o := object{"description": k.Doc}
	switch k.Type {
	case "true or false":
		o["type"] = "boolean"
	case "number":
		o["type"] = "integer"
	case "list":
		o["type"], o["items"] = "array", object{"type": "string"}
	case "text":
		o["type"] = "string"
	case "duration":
		o["type"], o["pattern"] = "string", `^([0-9.]+(h|m|s|ms))+$`
	default:
		o["type"], o["enum"] = "string", strings.Split(k.Type, " | ")
	}
	return o
}
