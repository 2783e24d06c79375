package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// value is one key of values.yaml.
type value struct {
	path     string // "sip.ports.udp"
	name     string
	doc      string // the comment above it
	def      any    // as YAML reads it
	children []*value
}

var keyForm = regexp.MustCompile(`^( *)([A-Za-z]+):( |$)`)

// read takes in values.yaml with its comments. Every key that is not opened into others
// needs a comment.
func read(text []byte) ([]*value, error) {
	docs, err := comments(string(text))
	if err != nil {
		return nil, err
	}
	var root yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(text, &root, yaml.UseOrderedMap()); err != nil {
		return nil, err
	}
	return build("", root, docs)
}

// comments finds the comment above each key, by its path.
func comments(text string) (map[string]string, error) {
	docs := map[string]string{}
	var pending, path []string
	for n, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(trimmed, "# "); ok {
			pending = append(pending, rest)
			continue
		}
		m := keyForm.FindStringSubmatch(line)
		if m == nil {
			pending = nil
			continue
		}
		depth := len(m[1]) / 2
		if len(m[1])%2 != 0 || depth > len(path) {
			return nil, fmt.Errorf("values.yaml:%d: keys are indented by two blanks", n+1)
		}
		path = append(path[:depth], m[2])
		docs[strings.Join(path, ".")] = strings.Join(pending, " ")
		pending = nil
	}
	return docs, nil
}

func build(above string, m yaml.MapSlice, docs map[string]string) (out []*value, err error) {
	for _, item := range m {
		v := &value{name: fmt.Sprint(item.Key), def: item.Value}
		v.path = strings.TrimPrefix(above+"."+v.name, ".")
		v.doc = docs[v.path]
		if inner, ok := item.Value.(yaml.MapSlice); ok && len(inner) > 0 && !rules[v.path].open {
			if v.children, err = build(v.path, inner, docs); err != nil {
				return nil, err
			}
		} else if v.doc == "" {
			return nil, fmt.Errorf("values.yaml: %s has no comment", v.path)
		}
		out = append(out, v)
	}
	return out, nil
}
