package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bench is one run: the program and the policy it imports.
type bench struct{ dir, program, file string }

// server is a running blfbridge.
type server struct {
	cmd    *exec.Cmd
	config string
}

// store measures one store and tells which bounds were not held.
func (b *bench) store(ctx context.Context, w io.Writer, store string) (missed []string, err error) {
	home := fmt.Sprintf("{path: %s/blf.db}", b.dir)
	if store == "redis" {
		port, err := freePort("tcp")
		if err != nil {
			return nil, err
		}
		redis := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", b.dir)
		if err := redis.Start(); err != nil {
			return nil, err
		}
		defer stop(redis)
		home = fmt.Sprintf("{type: redis, url: %q}", "redis://127.0.0.1:"+port)
	}
	s, err := b.serve(ctx, home)
	if err != nil {
		return nil, err
	}
	defer stop(s.cmd)
	first, second := filepath.Join(b.dir, "first.yaml"), filepath.Join(b.dir, "second.yaml")
	for _, step := range []struct {
		name  string
		args  []string
		bound bool
	}{
		{"import", []string{"policy", "import", b.file, "--yes"}, true},
		{"export", []string{"policy", "export", "-o", first}, false},
		{"import what is there", []string{"policy", "import", first, "--yes"}, true},
		{"add a group", []string{"group", "add", "One more"}, false},
		{"delete it", []string{"group", "delete", "One more"}, false},
		{"export again", []string{"policy", "export", "-o", second}, false},
	} {
		s.forgetPeak()
		before, begun := s.cpu(), time.Now()
		cmd := exec.CommandContext(ctx, b.program, append(step.args, "--config", s.config)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w: %s", step.name, err, out)
		}
		took, memory := time.Since(begun), s.peak()
		fmt.Fprintf(w, "%-6s %-22s %8.1f %12.1f %12.1f %10d\n", store, step.name, took.Seconds(),
			(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), (s.cpu() - before).Seconds(), memory)
		if step.bound && took > maxTime {
			missed = append(missed, fmt.Sprintf("%s %s took %.1f s", store, step.name, took.Seconds()))
		}
		if memory > maxMemory {
			missed = append(missed, fmt.Sprintf("%s %s needed %d MB", store, step.name, memory))
		}
	}
	if same, err := sameButRevision(first, second); err != nil || !same {
		return nil, errors.Join(err, errors.New("export, import and export again gave another document"))
	}
	return missed, nil
}

// sameButRevision compares two exports below the line with their revision.
func sameButRevision(a, b string) (bool, error) {
	x, err := os.ReadFile(a)
	if err != nil {
		return false, err
	}
	y, err := os.ReadFile(b)
	_, x, _ = bytes.Cut(x, []byte("\n"))
	_, y, _ = bytes.Cut(y, []byte("\n"))
	return bytes.Equal(x, y), err
}

// serve starts a server whose PBX is away, and waits until it is ready.
func (b *bench) serve(ctx context.Context, home string) (*server, error) {
	admin, err := freePort("tcp")
	if err != nil {
		return nil, err
	}
	sip, err := freePort("udp")
	if err != nil {
		return nil, err
	}
	s := &server{config: filepath.Join(b.dir, "blfbridge.yaml")}
	text := fmt.Sprintf(`pbx: [{name: away, type: asterisk, url: "http://127.0.0.1:1", username: x, password: x}]
store: %s
sip: {listen: ["udp://127.0.0.1:%s"]}
admin: {listen: "127.0.0.1:%s", token: policybench-token}
log: {level: error}
`, home, sip, admin)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	s.cmd = exec.CommandContext(ctx, b.program, "serve", "--config", s.config)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 300 {
		res, err := http.Get("http://127.0.0.1:" + admin + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return s, nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	stop(s.cmd)
	return nil, errors.New("the server does not get ready")
}

// cpu is the time that the server used.
func (s *server) cpu() time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// forgetPeak lets peak begin anew, at what the server has now.
func (s *server) forgetPeak() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0)
}

// peak is the most memory that the server had since forgetPeak, in MB.
func (s *server) peak() int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	number, _, _ := strings.Cut(rest, "kB")
	kb, _ := strconv.Atoi(strings.TrimSpace(number))
	return kb * 1024 / 1_000_000
}

func stop(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
}

func freePort(network string) (string, error) {
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		defer c.Close()
		_, port, err := net.SplitHostPort(c.LocalAddr().String())
		return port, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
