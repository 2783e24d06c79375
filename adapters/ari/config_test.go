package ari

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func good() Config {
	return Config{Name: "pbx", URL: "http://127.0.0.1:8088/ari", Username: "blf", Password: "secret"}
}

func TestBadKeysAreNamed(t *testing.T) {
	for _, tc := range []struct {
		key    string
		change func(*Config)
	}{
		{"name", func(c *Config) { c.Name = "" }},
		{"url", func(c *Config) { c.URL = "" }},
		{"url", func(c *Config) { c.URL = "127.0.0.1:8088" }},
		{"url", func(c *Config) { c.URL = "ftp://127.0.0.1/ari" }},
		{"url", func(c *Config) { c.URL = "http:///ari" }},
		{"url", func(c *Config) { c.URL = "http://blf:secret@127.0.0.1:8088/ari" }},
		{"url", func(c *Config) { c.URL = "http://127.0.0.1:8088/ari?app=x" }},
		{"username", func(c *Config) { c.Username = "" }},
		{"username", func(c *Config) { c.Username = "a:b" }},
		{"password", func(c *Config) { c.Password = "" }},
		{"app", func(c *Config) { c.App = "a,b" }},
		{"devices", func(c *Config) { c.Devices = []string{"park:701@x", "701"} }},
		{"reconcile", func(c *Config) { c.Reconcile = time.Millisecond }},
		{"dial_timeout", func(c *Config) { c.DialTimeout = -1 }},
		{"handshake_timeout", func(c *Config) { c.HandshakeTimeout = -1 }},
		{"rest_timeout", func(c *Config) { c.RESTTimeout = -1 }},
		{"ping_interval", func(c *Config) { c.PingInterval = -1 }},
		{"backoff_min", func(c *Config) { c.BackoffMin = -1 }},
		{"backoff_max", func(c *Config) { c.BackoffMin, c.BackoffMax = time.Minute, time.Second }},
	} {
		c := good()
		tc.change(&c)
		_, err := New(c)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), tc.key+": ") {
			t.Errorf("a bad %s gives %v", tc.key, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestAllBadKeysAtOnce(t *testing.T) {
	_, err := New(Config{})
	for _, key := range []string{"name: ", "url: ", "username: ", "password: "} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%q is missing in %v", key, err)
		}
	}
}

func TestURLForms(t *testing.T) {
	for in, want := range map[string]string{
		"http://h:8088/ari":          "http://h:8088/ari",
		"http://h:8088/ari/":         "http://h:8088/ari",
		"http://h:8088":              "http://h:8088/ari",
		"ws://h:8088/ari/events":     "http://h:8088/ari",
		"wss://h/asterisk/ari":       "https://h/asterisk/ari",
		"https://h:8089/ast/ari/":    "https://h:8089/ast/ari",
		"ws://[::1]:8088/ari/events": "http://[::1]:8088/ari",
	} {
		u, err := baseURL(in)
		if err != nil || u.String() != want {
			t.Errorf("%s becomes %v (%v), want %s", in, u, err, want)
		}
	}
}
