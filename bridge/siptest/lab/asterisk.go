// Package lab starts and stops the real PBXs of scripts/pbx for tests and the demo, and makes
// networks for phones behind a NAT.
package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrUnavailable: no Asterisk can be had on this machine (not root, no Debian, no
// mirror); the error's text says which.
var ErrUnavailable = errors.New("lab: no Asterisk can be had here")

// Asterisk is one instance. The zero value is the default instance of a repository
// whose root is the working directory.
type Asterisk struct {
	// Scripts is the folder with up and down, default "scripts/pbx/asterisk".
	Scripts string
	// Name tells instances apart; lower-case letters and digits, default "lab".
	Name string
	// Ports, 0 = the scripts' defaults. Choose them below 32768, or an outgoing
	// connection may hold one. RTP is a range such as "19000-19198".
	SIPPort, HTTPPort int
	RTP               string
	// SIPSPort is where it takes TLS as well, from clients with a certificate; 0 = not at all.
	SIPSPort int
	// IPv6: it listens on [::1] as well.
	IPv6 bool
}

// Address is where an instance answers.
type Address struct {
	SIP string // "127.0.0.1:15760"
	ARI string // "http://127.0.0.1:18760/ari"
	// SIPS is where it takes TLS, and TLS the folder with ca.crt, client.crt and
	// client.key; empty without Asterisk.SIPSPort.
	SIPS, TLS string
	SIP6      string // "[::1]:15760"; empty without Asterisk.IPv6
}

// The ARI user of the lab's Asterisk.
const (
	ARIUser     = "blfbridge"
	ARIPassword = "lab-secret"
)

// Up starts the instance, installing Asterisk the first time (a minute or more). One
// that runs is left as it is.
func (a Asterisk) Up(ctx context.Context) (Address, error) {
	out, err := a.run(ctx, "up")
	if err != nil {
		return Address{}, err
	}
	var addr Address
	for l := range strings.Lines(out) {
		switch k, v, _ := strings.Cut(strings.TrimSpace(l), "="); k {
		case "sip":
			addr.SIP = v
		case "ari":
			addr.ARI = v
		case "sips":
			addr.SIPS = v
		case "tls":
			addr.TLS = v
		case "sip6":
			addr.SIP6 = v
		}
	}
	if addr.SIP == "" || addr.ARI == "" {
		return addr, fmt.Errorf("lab: up printed no addresses: %q", out)
	}
	return addr, nil
}

// Down stops the instance and waits for its end; kill is as sudden as a crash.
func (a Asterisk) Down(ctx context.Context, kill bool) error {
	args := []string{}
	if kill {
		args = []string{"-KILL"}
	}
	_, err := a.run(ctx, "down", args...)
	return err
}

// Remove stops the instance and deletes its configuration, state and logs.
func (a Asterisk) Remove(ctx context.Context) error {
	_, err := a.run(ctx, "down", "-remove")
	return err
}

// CLI runs an Asterisk command and returns its output.
func (a Asterisk) CLI(ctx context.Context, command string) (string, error) {
	return a.run(ctx, "cli", command)
}

func (a Asterisk) run(ctx context.Context, script string, args ...string) (string, error) {
	path, err := filepath.Abs(filepath.Join(cmp.Or(a.Scripts, "scripts/pbx/asterisk"), script))
	if err != nil {
		return "", err
	}
	var out, errs strings.Builder
	c := exec.CommandContext(ctx, path, args...)
	c.Env = os.Environ()
	for k, v := range map[string]string{
		"NAME": a.Name, "SIP_PORT": port(a.SIPPort), "HTTP_PORT": port(a.HTTPPort), "RTP": a.RTP,
		"SIPS_PORT": port(a.SIPSPort), "IPV6": map[bool]string{true: "1"}[a.IPv6],
	} {
		if v != "" {
			c.Env = append(c.Env, "BLFBRIDGE_ASTERISK_"+k+"="+v)
		}
	}
	c.Stdout, c.Stderr = &out, &errs
	err = c.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 3 {
		return "", fmt.Errorf("%w: %s", ErrUnavailable, lastLine(errs.String()))
	}
	if err != nil {
		return "", fmt.Errorf("lab: %s: %w: %s", path, err, lastLine(errs.String()))
	}
	return out.String(), nil
}

func port(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndex(s, "\n")+1:]
}
