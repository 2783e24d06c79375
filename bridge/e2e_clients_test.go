//go:build pbx

package bridge_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest/ladder"
)

// client is somebody else's SIP client, as a process.
type client struct {
	t   *testing.T
	cmd *exec.Cmd
	in  func(string)

	mu  sync.Mutex // guards out
	out bytes.Buffer
}

// Write takes the program's output.
func (p *client) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *client) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// begin starts a program; it is ended with the test.
func begin(t *testing.T, env []string, name string, args ...string) *client {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("no %s; run scripts/test, which installs it", name)
	}
	return run(t, exec.Command(name, args...), env)
}

// run starts it.
func run(t *testing.T, cmd *exec.Cmd, env []string) *client {
	t.Helper()
	p := &client{t: t, cmd: cmd}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in = func(line string) { _, _ = fmt.Fprintln(in, line) }
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		if t.Failed() {
			t.Logf("%q said:\n%s", p.cmd.Args, p.text())
		}
	})
	return p
}

// says waits for a line with these words after the first n bytes, and returns where it ends.
func (p *client) says(n int, words ...string) int {
	p.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		at := n
		for line := range strings.Lines(p.text()[n:]) {
			at += len(line)
			found := true
			for _, w := range words {
				found = found && strings.Contains(line, w)
			}
			if found {
				return at
			}
		}
	}
	p.t.Fatalf("%s does not say %q", p.cmd.Path, words)
	return 0
}

// office is a bridge in this process whose PBX the test plays, over one transport.
func office(t *testing.T, transport string) *world {
	t.Helper()
	w := newWorld(t, nil, strings.ToLower(transport)+"://127.0.0.1:0")
	if transport == "TLS" || transport == "WSS" {
		w.secure()
	}
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the bridge's log:\n%s", w.log)
		}
	})
	return w
}

func (w *world) rings(line string) { w.pbx.report(ladder.PBX{Line: line, State: device.Ringing}) }
func (w *world) idles(line string) { w.pbx.report(ladder.PBX{Line: line, State: device.Idle}) }
func (w *world) talks(line string) { w.pbx.report(ladder.PBX{Line: line, State: device.Busy}) }

// jssipModules is where node finds JsSIP.
func jssipModules(t *testing.T) string {
	t.Helper()
	modules := os.Getenv("BLFBRIDGE_JSSIP")
	if modules == "" {
		t.Fatal("BLFBRIDGE_JSSIP names no folder with JsSIP; run scripts/test, which installs it")
	}
	return modules
}

// TestJsSIP: a web phone watches over WS and WSS, leaves, and is told when the server goes.
func TestJsSIP(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"WS", "WSS"} {
		t.Run(transport, func(t *testing.T) {
			w := office(t, transport)
			at := w.addr(transport)
			env := []string{"NODE_PATH=" + jssipModules(t), "ORIGIN=http://" + at.Addr().String()}
			if w.ca != nil {
				env = append(env, "NODE_EXTRA_CA_CERTS="+w.ca.File)
			}
			script, err := filepath.Abs("testdata/jssip/watch.js")
			if err != nil {
				t.Fatal(err)
			}
			p := begin(t, env, "node", script, strings.ToLower(transport)+"://"+at.String(), "sip:900@"+at.String(), "sip:101@"+at.String())
			n := p.says(0, `"notify"`, "dialog-info", `state=\"full\"`)
			w.rings("101")
			n = p.says(n, `"notify"`, "early")
			w.talks("101")
			n = p.says(n, `"notify"`, "confirmed")
			w.idles("101")
			n = p.says(n, `"notify"`)
			if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil { // unsubscribes
				t.Fatal(err)
			}
			p.says(n, `"terminated"`)
			refused := begin(t, append(env, "ORIGIN=https://evil.example"), "node", script, strings.ToLower(transport)+"://"+at.String(), "sip:900@"+at.String(), "sip:101@"+at.String())
			refused.says(0, `"disconnected":true`)
		})
	}
}

// TestBaresip: baresip's presence follows a line over TCP and TLS.
func TestBaresip(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"TCP", "TLS"} {
		t.Run(transport, func(t *testing.T) {
			w := office(t, transport)
			dir, at := t.TempDir(), w.addr(transport).String()
			trust := ""
			if w.ca != nil {
				trust = "sip_cafile " + w.ca.File + "\n"
			}
			for file, text := range map[string]string{
				"config": "module_path /usr/lib/baresip/modules\nmodule stdio.so\nmodule_app account.so\nmodule_app contact.so\nmodule_app presence.so\nmodule_app menu.so\n" +
					"sip_listen 127.0.0.1:0\n" + trust,
				"accounts": "<sip:900@" + at + ";transport=" + strings.ToLower(transport) + ">;regint=0\n",
				"contacts": "\"Ann\" <sip:101@" + at + ";transport=" + strings.ToLower(transport) + ">;presence=p2p\n",
			} {
				w.write(dir, file, text)
			}
			p := begin(t, nil, "baresip", "-f", dir, "-v")
			w.settled(transport)
			n := len(p.text())
			w.talks("101")
			n = p.says(n, "sip:101@", "changed status from", "Online", "Busy")
			w.idles("101")
			p.says(n, "sip:101@", "changed status from", "Busy", "Online")
		})
	}
}

func (w *world) write(dir, file, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// settled waits until somebody watches.
func (w *world) settled(transport string) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if metricOf(w.t, w.b.Gatherer(), "blfbridge_notifies_total") >= 1 {
			return
		}
	}
	w.t.Fatalf("nobody has subscribed over %s", transport)
}
