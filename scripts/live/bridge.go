package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// readyIn is how long the bridge may take to know the PBX.
const readyIn = 30 * time.Second

// startBridge builds blfbridge and runs it against the PBX until stop is called, which
// also reports an end that nobody asked for.
func (o *options) startBridge(ctx context.Context) (sip string, stop func() error, err error) {
	dir, err := os.MkdirTemp("", "blfbridge-live-")
	if err != nil {
		return "", nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	binary := filepath.Join(dir, "blfbridge")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/blfbridge")
	if out, err := build.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("go build ./cmd/blfbridge: %w\n%s", err, out)
	}
	sip, admin, err := freeAddresses()
	if err != nil {
		return "", nil, err
	}
	config, err := o.writeConfig(dir, sip, admin)
	if err != nil {
		return "", nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", nil, err
	}
	serve := exec.Command(binary, "serve", "--config", config)
	serve.Dir, serve.Stdout, serve.Stderr = dir, log, log
	if o.verbose {
		serve.Stdout, serve.Stderr = os.Stderr, os.Stderr
	}
	if err := serve.Start(); err != nil {
		return "", nil, err
	}
	p := process{done: make(chan struct{})}
	go func() { p.err = serve.Wait(); close(p.done) }() // stop waits for it
	stop = func() error {
		defer os.RemoveAll(dir)
		_ = serve.Process.Signal(syscall.SIGTERM) // it may have ended already
		select {
		case <-p.done:
			return tell(p.err, log.Name())
		case <-time.After(10 * time.Second):
			err := errors.Join(errors.New("the bridge does not end on SIGTERM"), serve.Process.Kill())
			<-p.done
			return err
		}
	}
	if err := ready(ctx, "http://"+admin+"/readyz", p.done); err != nil {
		return "", nil, errors.Join(tell(err, log.Name()), stop())
	}
	return sip, stop, nil
}

// process is the bridge; err is set when done is closed.
type process struct {
	done chan struct{}
	err  error
}

// tell adds the end of the bridge's log to an error.
func tell(err error, log string) error {
	if err == nil {
		return nil
	}
	text, readErr := os.ReadFile(log)
	if readErr != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("the bridge: %w; its log ends:\n%s", err, strings.Join(lines[max(0, len(lines)-20):], "\n"))
}

// ready waits until the bridge says that it has its PBX.
func ready(ctx context.Context, url string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, readyIn)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ended:
			return errors.New("ended before it was ready")
		case <-ctx.Done():
			return fmt.Errorf("not ready in %v", readyIn)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// pbxEntry is the PBX's in the list pbx of a configuration, with what more is to be known of it.
func (o *options) pbxEntry(more ...string) string {
	lines := []string{
		"name: live", "type: asterisk", fmt.Sprintf("url: %q", strings.TrimSuffix(o.asterisk, "/ari")),
		fmt.Sprintf("username: %q", o.ariUser), fmt.Sprintf("password: %q", o.ariPassword), "app: blfbridge-live",
	}
	if o.freeswitch != "" {
		lines = []string{"name: live", "type: freeswitch", fmt.Sprintf("address: %q", o.freeswitch), fmt.Sprintf("password: %q", o.eslPassword)}
	}
	return "  - " + strings.Join(append(lines, more...), "\n    ") + "\n"
}

// writeConfig writes a configuration for one PBX and nothing else.
func (o *options) writeConfig(dir, sip, admin string) (string, error) {
	text := fmt.Sprintf(`sip:
  listen: ["udp://%s", "tcp://%s"]
pbx:
%sstore:
  path: %q
admin:
  listen: %q
log:
  level: %s
`, sip, sip, o.pbxEntry(), filepath.Join(dir, "live.db"), admin, map[bool]string{true: "debug", false: "info"}[o.verbose])
	file := filepath.Join(dir, "live.yaml")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// freeAddresses finds a port that is free for UDP and TCP, and another one for TCP.
func freeAddresses() (sip, admin string, err error) {
	a, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer a.Close()
	for range 20 {
		t, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", err
		}
		u, err := net.ListenPacket("udp", t.Addr().String())
		t.Close()
		if err == nil {
			u.Close()
			return t.Addr().String(), a.Addr().String(), nil
		}
	}
	return "", "", errors.New("no port is free for both UDP and TCP")
}
