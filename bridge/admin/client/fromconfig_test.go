package client_test

import (
	"errors"
	"strings"
	"testing"

	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/config"
)

func TestFromConfig(t *testing.T) {
	for listen, url := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080", ":8080": "http://127.0.0.1:8080", "0.0.0.0:80": "http://127.0.0.1:80",
		"[::]:80": "http://[::1]:80", "10.0.0.1:80": "http://10.0.0.1:80", "localhost:80": "http://localhost:80",
	} {
		c := config.Defaults()
		c.Admin.Listen, c.Admin.Token = listen, "a-token"
		got, err := client.FromConfig(c)
		if err != nil || got.URL != url || got.Token != "a-token" || got.TLS != nil {
			t.Errorf("%s: %+v, %v", listen, got, err)
		}
	}
	c := config.Defaults()
	c.Admin.Listen = ""
	if _, err := client.FromConfig(c); !errors.Is(err, client.ErrNoAdmin) {
		t.Errorf("%v", err)
	}
	c.Admin.Listen = "nonsense"
	if _, err := client.FromConfig(c); err == nil {
		t.Error("nonsense was taken")
	}
}

// TestFromConfigTLS: the certificate of the configuration is taken whatever its name, and
// no other one.
func TestFromConfigTLS(t *testing.T) {
	cert, key, _ := admintest.Certificate(t)
	r := admintest.Start(t, func(c *config.Config) { c.Admin.TLS = config.TLS{CertFile: cert, KeyFile: key} })
	c := r.Config()
	c.Admin.Listen = strings.TrimPrefix(r.URL, "https://")
	ask := func() error {
		cc, err := client.FromConfig(c)
		if err != nil {
			return err
		}
		cl, err := client.New(cc)
		if err != nil {
			return err
		}
		defer cl.Close()
		_, err = cl.Reload(t.Context())
		return err
	}
	if err := ask(); err != nil {
		t.Error(err)
	}
	other, otherKey, _ := admintest.Certificate(t)
	c.Admin.TLS = config.TLS{CertFile: other, KeyFile: otherKey}
	if err := ask(); !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), other) {
		t.Errorf("another certificate: %v", err)
	}
	if r.Reloads() != 1 {
		t.Errorf("%d reloads", r.Reloads())
	}
}
