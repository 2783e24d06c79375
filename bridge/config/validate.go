package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// Validate lists everything that is wrong with the configuration, each with its path,
// and its line if it came from a file. The error is a Problems, or nil.
func (c *Config) Validate() error {
	if p := c.check(func(string) bool { return false }); len(p) > 0 {
		p.sort()
		return p
	}
	return nil
}

// checker collects problems; what the decoder already complained of is left alone.
type checker struct {
	*source
	skip     func(path string) bool
	problems Problems
}

func (c *checker) bad(path, fix, format string, args ...any) {
	if !c.skip(path) {
		c.problems = append(c.problems, c.problem(path, fmt.Sprintf(format, args...), fix))
	}
}

func (c *Config) check(skip func(path string) bool) Problems {
	k := &checker{source: c.source, skip: skip}
	k.tags("", reflect.ValueOf(*c))
	k.sip(&c.SIP)
	k.pbxes(c.PBX)
	k.edge(c)
	k.store(&c.Store)
	k.replicas(c)
	k.policy(&c.Policy)
	k.admin(&c.Admin)
	return k.problems
}

// tags checks what the struct tags say: required, enum.
func (c *checker) tags(path string, v reflect.Value) {
	for _, f := range reflect.VisibleFields(v.Type()) {
		key := f.Tag.Get("yaml")
		if key == "" {
			continue
		}
		at, field := join(path, key), v.FieldByIndex(f.Index)
		switch {
		case field.Kind() == reflect.Struct:
			c.tags(at, field)
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			for i := range field.Len() {
				c.tags(fmt.Sprintf("%s[%d]", at, i), field.Index(i))
			}
		case (field.Kind() == reflect.String || field.Kind() == reflect.Slice) && field.Len() == 0 && f.Tag.Get("required") != "":
			c.bad(at, "", "is missing")
		case f.Tag.Get("enum") != "":
			c.enum(at, field.String(), strings.Split(f.Tag.Get("enum"), ","))
		}
	}
}

func (c *checker) enum(path, value string, words []string) {
	for _, w := range words {
		if w == value {
			return
		}
	}
	fix := "write " + strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	if near := nearest(value, words); near != "" {
		fix = fmt.Sprintf("did you mean %q?", near)
	}
	c.bad(path, fix, "unknown value %q", value)
}

func (c *checker) atLeast(path string, value, least int) {
	if value < least {
		c.bad(path, fmt.Sprintf("write %d or more", least), "%d is too small", value)
	}
}

func (c *checker) between(path string, value, least, most time.Duration) {
	switch {
	case value < least:
		c.bad(path, fmt.Sprintf("write %s or more", show(least)), "%s is too short", show(value))
	case value > most:
		c.bad(path, fmt.Sprintf("write %s or less", show(most)), "%s is too long", show(value))
	}
}

// show writes a duration without the zeros of String: 1h, not 1h0m0s.
func show(t time.Duration) string {
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// pair checks that a certificate and its key come together.
func (c *checker) pair(path, cert, key string) {
	switch {
	case cert != "" && key == "":
		c.bad(join(path, "key_file"), "", "is missing, cert_file is set")
	case cert == "" && key != "":
		c.bad(join(path, "cert_file"), "", "is missing, key_file is set")
	}
}

func (c *checker) tlsServer(path string, t TLS) {
	c.pair(path, t.CertFile, t.KeyFile)
	if t.ClientCAFile != "" && t.CertFile == "" {
		c.bad(join(path, "client_ca_file"), "set cert_file and key_file too", "needs a certificate of our own")
	}
}
