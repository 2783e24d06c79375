package replicatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopTime bounds how long a replica may take to end after SIGTERM.
const stopTime = 20 * time.Second

// Replica is one blfbridge process, which may end and begin anew. Its addresses stay.
type Replica struct {
	// Name is what it is called in the log of the fleet: "A", "B" …
	Name string
	// SIP and Admin are its addresses.
	SIP, Admin string
	// Redis and PBX are its ways to them; nil with Config.Net.
	Redis, PBX *Proxy
	// Clock is the wall clock of its process, with Config.Clocks.
	Clock *Clock

	t       T
	path    string
	log     *logBuffer
	command func(name string, args ...string) *exec.Cmd // where it runs

	mu      sync.Mutex // guards what follows
	program string
	env     []string
	cmd     *exec.Cmd // nil = it does not run
	ended   chan error
	paused  bool

	mayFail bool // its log may say that a stop was not clean; of the test's goroutine
}

// Configure writes the configuration file anew; it is read at the next start or Reload.
func (r *Replica) configure(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// Use lets the next start run another program (Build), with more in its environment.
func (r *Replica) Use(program string, env ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.program, r.env = program, env
}

// Start starts the process without waiting for anything.
func (r *Replica) Start() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	cmd := r.command(r.program, "serve", "--config", r.path)
	cmd.Env = append(os.Environ(), r.env...)
	cmd.Stdout, cmd.Stderr = r.log, r.log
	cmd.SysProcAttr = diesWithUs()
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // whoever ends the process waits for it
	r.cmd, r.ended, r.paused = cmd, ended, false
}

// Runs reports whether the process runs, and is not paused.
func (r *Replica) Runs() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cmd != nil && !r.paused
}

// Ready waits until it serves and knows its PBX.
func (r *Replica) Ready() {
	r.t.Helper()
	Eventually(r.t, 20*time.Second, "replica "+r.Name+" to serve", func() error {
		code, body := r.Get("/readyz")
		if code != 200 || strings.Contains(body, `"ok":false`) {
			return fmt.Errorf("%d %s\n%s", code, body, r.log.tail(20))
		}
		return nil
	})
}

func (r *Replica) signal(s syscall.Signal) chan error {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		r.t.Fatalf("replica %s does not run", r.Name)
	}
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatalf("replica %s: %v: %v\n%s", r.Name, s, err, r.log.tail(60))
	}
	return r.ended
}

func (r *Replica) gone() { r.mu.Lock(); r.cmd = nil; r.mu.Unlock() }

// Kill is SIGKILL.
func (r *Replica) Kill() { r.t.Helper(); <-r.signal(syscall.SIGKILL); r.gone() }

// Stop is SIGTERM and the clean end after it.
func (r *Replica) Stop() {
	r.t.Helper()
	r.waitEnd(r.signal(syscall.SIGTERM))
}

func (r *Replica) waitEnd(ended chan error) {
	r.t.Helper()
	select {
	case err := <-ended:
		r.gone()
		if err != nil {
			r.t.Errorf("replica %s ended with %v after SIGTERM", r.Name, err)
		}
	case <-time.After(stopTime):
		r.Kill()
		r.t.Errorf("replica %s does not end after SIGTERM", r.Name)
	}
}

// Pause is SIGSTOP, Resume SIGCONT.
func (r *Replica) Pause() {
	r.t.Helper()
	r.signal(syscall.SIGSTOP)
	r.mu.Lock()
	r.paused = true
	r.mu.Unlock()
}

// Resume lets a paused process go on.
func (r *Replica) Resume() {
	r.t.Helper()
	r.signal(syscall.SIGCONT)
	r.mu.Lock()
	r.paused = false
	r.mu.Unlock()
}

// end is the end of the test.
func (r *Replica) end() {
	r.mu.Lock()
	runs, paused := r.cmd != nil, r.paused
	r.mu.Unlock()
	if paused {
		r.Resume()
	}
	if r.Redis != nil {
		r.Redis.Cut(false)
	}
	if runs {
		r.waitEnd(r.signal(syscall.SIGTERM))
	}
	text := r.log.String()
	bads := []string{"panic", "DATA RACE"}
	if !r.mayFail {
		bads = append(bads, "could not be stopped cleanly")
	}
	for _, bad := range bads {
		if i := strings.Index(text, bad); i >= 0 {
			r.t.Errorf("the log of replica %s holds %q:\n%s", r.Name, bad, text[i:min(len(text), i+4000)])
		}
	}
	if dir := os.Getenv("BLFBRIDGE_REPLICAS_LOGS"); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, r.Name+".log"), []byte(text), 0o600) // of the checker's user
	}
	if r.t.Failed() {
		r.t.Logf("the log of replica %s ends:\n%s", r.Name, r.log.tail(60))
	}
}

// Get asks the admin side; code 0 means no answer.
func (r *Replica) Get(path string) (code int, body string) { return r.ask(http.MethodGet, path) }

// Reload makes it read its configuration again.
func (r *Replica) Reload() {
	r.t.Helper()
	if code, body := r.ask(http.MethodPost, "/api/v1/reload"); code != 200 {
		r.t.Fatalf("reload of replica %s: %d %s", r.Name, code, body)
	}
}

func (r *Replica) ask(method, path string) (code int, body string) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+r.Admin+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b) + text(err)
}

func text(err error) string {
	if err == nil || errors.Is(err, io.EOF) {
		return ""
	}
	return err.Error()
}

var sample = regexp.MustCompile(`(?m)^([a-z_]+)(?:\{[^}]*\})? ([0-9.e+-]+)$`)

// Metric is the sum over a metric's labels; ok is false if the replica does not answer.
func (r *Replica) Metric(name string) (sum float64, ok bool) {
	code, body := r.Get("/metrics")
	for _, m := range sample.FindAllStringSubmatch(body, -1) {
		if m[1] == name {
			v, _ := strconv.ParseFloat(m[2], 64)
			sum += v
		}
	}
	return sum, code == 200
}

// Log is all that its processes wrote.
func (r *Replica) Log() string { return r.log.String() }

// logBuffer holds what a replica's processes wrote.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) tail(n int) string {
	lines := strings.SplitAfter(l.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

// Eventually waits until what holds.
func Eventually(t T, most time.Duration, what string, holds func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = holds(); err == nil {
			return
		}
	}
	t.Fatalf("waited %v in vain for %s: %v", most, what, err)
}
