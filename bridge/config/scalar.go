package config

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

var durationType = reflect.TypeFor[time.Duration]()

// text returns a scalar as it was written, with the environment put in.
func (d *decoder) text(path string, node ast.Node) (string, bool) {
	var raw string
	switch n := node.(type) {
	case *ast.StringNode:
		raw = n.Value
	case *ast.LiteralNode:
		raw = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		// As it stands in the file: 0777 and 1e3 may be names or passwords.
		raw = n.GetToken().Value
	default:
		fix := ""
		if describe(node) == "keys" {
			fix = "a value with a colon in it needs quotes"
		}
		d.bad(path, fix, "wants a single value, has %s", describe(node))
		return "", false
	}
	text, problem := expand(raw, d.env)
	if problem != "" {
		d.bad(path, "set it, or write ${NAME:-default}", "%s", problem)
		return "", false
	}
	return text, true
}

// scalar decodes one value by the type of its field. Secrets are never shown.
func (d *decoder) scalar(path string, node ast.Node, v reflect.Value) {
	text, ok := d.text(path, node)
	if !ok {
		return
	}
	trimmed := strings.TrimSpace(text)
	switch {
	case v.Type() == durationType:
		t, err := parseDuration(trimmed)
		if err != nil {
			d.bad(path, "write 90s, 1m30s or 1h; a plain number is seconds", "%q is not a duration", text)
			return
		}
		v.SetInt(int64(t))
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		switch strings.ToLower(trimmed) {
		case "true", "yes", "on":
			v.SetBool(true)
		case "false", "no", "off":
			v.SetBool(false)
		default:
			d.bad(path, "write true or false", "%q is neither true nor false", text)
		}
	case v.CanInt():
		n, err := strconv.ParseInt(strings.ReplaceAll(trimmed, "_", ""), 10, v.Type().Bits())
		if err != nil {
			d.bad(path, "write a whole number", "%q is not a whole number", text)
			return
		}
		v.SetInt(n)
	default:
		panic(fmt.Sprintf("config: no decoder for %s, a %s", path, v.Type()))
	}
}

// maxSeconds is the longest duration that is taken: about 68 years.
const maxSeconds = 1<<31 - 1

func parseDuration(s string) (time.Duration, error) {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	t, err := time.ParseDuration(s)
	if err == nil && t.Abs() > maxSeconds*time.Second {
		return 0, strconv.ErrRange
	}
	return t, err
}

// secretFile reads a secret from the file that the key names.
func (d *decoder) secretFile(path string, node ast.Node, v reflect.Value, both bool) {
	if both {
		d.bad(path, "keep one of them", "%s is set too", strings.TrimSuffix(path, "_file"))
		return
	}
	if node = d.plain(path, node); node == nil || node.Type() == ast.NullType {
		return
	}
	name, ok := d.text(path, node)
	if !ok {
		return
	}
	secret, err := readSecret(name)
	if err != nil {
		d.bad(path, "", "%v", err)
		return
	}
	v.SetString(secret)
}

// maxSecret is the largest file that is taken for a secret.
const maxSecret = 64 << 10

func readSecret(name string) (string, error) {
	st, err := os.Stat(name)
	switch {
	case err != nil:
		return "", err
	case !st.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a plain file", name)
	case st.Size() > maxSecret:
		return "", fmt.Errorf("%s has %d bytes, a secret has at most %d", name, st.Size(), maxSecret)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(data), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("%s is empty", name)
	}
	return secret, nil
}
