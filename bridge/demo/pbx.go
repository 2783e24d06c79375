package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"blfbridge/bridge/config"
)

// ErrPBX is wrapped by errors about the Asterisk to be used.
var ErrPBX = errors.New("demo: the Asterisk cannot be used")

// pbxPlace is where the PBX is.
type pbxPlace struct {
	ari, user, password string
	sip                 string // empty for a recording
	version             string
}

// findAsterisk checks the Asterisk that the options name.
func findAsterisk(ctx context.Context, o *Options, client *http.Client) (p pbxPlace, err error) {
	base := strings.TrimSuffix(strings.TrimRight(o.Asterisk, "/"), "/ari")
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return p, fmt.Errorf("%w: --asterisk %q is no URL such as http://127.0.0.1:8088/ari", ErrPBX, o.Asterisk)
	}
	p = pbxPlace{ari: base, user: o.User, password: o.Password, sip: cmp.Or(o.SIP, net.JoinHostPort(u.Hostname(), "5060"))}
	p.version, err = asteriskVersion(ctx, p, client)
	return p, err
}

// asteriskVersion asks for Asterisk's version, which also tries the address and the password.
func asteriskVersion(ctx context.Context, p pbxPlace, client *http.Client) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.ari+"/ari/asterisk/info?only=system", nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPBX, err)
	}
	req.SetBasicAuth(p.user, p.password)
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPBX, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%w: %s answers %s to the user %q", ErrPBX, p.ari, resp.Status, p.user)
	}
	var info struct {
		System struct{ Version string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&info); err != nil {
		return "", fmt.Errorf("%w: %s is no ARI: %w", ErrPBX, p.ari, err)
	}
	version := info.System.Version
	if i := strings.IndexAny(version, "~+"); i > 0 { // "22.10.1+dfsg+~cs6…": the packager's part says nothing here
		version = version[:i]
	}
	return version, nil
}

// config is the PBX as the bridge's configuration names it.
func (p pbxPlace) config() config.PBX {
	c := config.DefaultPBX()
	c.Name, c.Type, c.URL, c.Username, c.Password = "office", "asterisk", p.ari, p.user, config.Secret(p.password)
	c.App, c.Tenant = "blfbridge-demo", "office"
	// Often, so that drift would show within the demo.
	c.Reconcile = 5 * time.Second
	return c
}
