package esl

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestConfigErrorsNameTheKey(t *testing.T) {
	for _, tc := range []struct {
		key  string
		edit func(*Config)
	}{
		{"name", func(c *Config) { c.Name = "" }},
		{"name", func(c *Config) { c.Name = "a b" }},
		{"address", func(c *Config) { c.Address = "" }},
		{"address", func(c *Config) { c.Address = "pbx:0" }},
		{"address", func(c *Config) { c.Address = "pbx:http" }},
		{"address", func(c *Config) { c.Address = "a b:8021" }},
		{"address", func(c *Config) { c.Address = ":8021" }},
		{"address", func(c *Config) { c.Address = "::1::8021:x" }},
		{"password", func(c *Config) { c.Password = "" }},
		{"password", func(c *Config) { c.Password = "a\n\napi shutdown" }},
		{"user", func(c *Config) { c.User = "1001" }},
		{"user", func(c *Config) { c.User = "1001@" }},
		{"user", func(c *Config) { c.User = "10:01@pbx.test" }},
		{"profiles", func(c *Config) { c.Profiles = []string{"phones", "a b"} }},
		{"domains", func(c *Config) { c.Domains = []string{""} }},
		{"devices", func(c *Config) { c.Devices = []string{"5701@pbx.test"} }},
		{"devices", func(c *Config) { c.Devices = []string{"park:5701"} }},
		{"devices", func(c *Config) { c.Devices = []string{"conference:"} }},
		{"reconcile", func(c *Config) { c.Reconcile = -1 }},
		{"ping", func(c *Config) { c.Ping = -1 }},
		{"dial_timeout", func(c *Config) { c.DialTimeout = -1 }},
		{"auth_timeout", func(c *Config) { c.AuthTimeout = -1 }},
		{"command_timeout", func(c *Config) { c.CommandTimeout = -1 }},
		{"min_backoff", func(c *Config) { c.MinBackoff = -1 }},
		{"max_backoff", func(c *Config) { c.MinBackoff, c.MaxBackoff = time.Second, time.Millisecond }},
		{"queue", func(c *Config) { c.Queue = -1 }},
	} {
		c := Config{Name: "main", Address: "pbx.test", Password: "p"}
		tc.edit(&c)
		_, err := New(c)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), ": "+tc.key+": ") {
			t.Errorf("%s: %v", tc.key, err)
		}
	}
}

func TestConfigAddress(t *testing.T) {
	for in, want := range map[string]string{
		"pbx.test": "pbx.test:8021", "pbx.test:28021": "pbx.test:28021", "10.0.0.1": "10.0.0.1:8021",
		"::1": "[::1]:8021", "[::1]": "[::1]:8021", "[::1]:99": "[::1]:99",
	} {
		s, err := New(Config{Name: "main", Address: in, Password: "p"})
		if err != nil || s.cfg.Address != want || s.Name() != "main" {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

// Two sources share one registerer, and each has its own series.
func TestMetricsOfTwoSources(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	for _, n := range []string{"a", "b"} {
		s, err := New(Config{Name: n, Address: "pbx.test", Password: "p", Registerer: reg})
		if err != nil {
			t.Fatal(err)
		}
		s.m.drift.Inc()
		s.m.events.WithLabelValues((&event{name: "NOT_OURS"}).label()).Inc()
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := 0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			series++
			for _, l := range m.GetLabel() {
				if l.GetName() != "source" && l.GetName() != "event" {
					t.Errorf("%s has label %s", f.GetName(), l.GetName())
				}
			}
		}
	}
	if series != 2*8 {
		t.Errorf("%d series, want 8 for each source", series)
	}
}
