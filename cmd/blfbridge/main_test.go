package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if binaryDir != "" {
			_ = os.RemoveAll(binaryDir)
		}
		os.Exit(code)
	}))
}

var binaryDir string

// binary is the program as its users get it, built once.
var binary = sync.OnceValues(func() (path string, err error) {
	if binaryDir, err = os.MkdirTemp("", "blfbridge-test-"); err != nil {
		return "", err
	}
	path = filepath.Join(binaryDir, "blfbridge")
	if out, err := exec.Command("go", "build", "-ldflags", "-X main.version=v0.0.0-test", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// result is what a run of the program left behind.
type result struct {
	out, err string
	code     int
}

// shell is a working directory with files, and an environment.
type shell struct {
	*testing.T
	dir string
	env []string
}

func newShell(t *testing.T, env ...string) *shell {
	return &shell{T: t, dir: t.TempDir(), env: append([]string{"PATH=/usr/bin:/bin", "HOME=/nonexistent"}, env...)}
}

// file writes a file of the working directory.
func (s *shell) file(name, text string) string {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return name
}

func (s *shell) read(name string) string {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

func (s *shell) command(ctx context.Context, args ...string) *exec.Cmd {
	s.Helper()
	path, err := binary()
	if err != nil {
		s.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// run runs the program.
func (s *shell) run(args ...string) result { return s.runWith("", args...) }

// runWith runs the program with this standard input.
func (s *shell) runWith(in string, args ...string) result {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 60*time.Second)
	defer cancel()
	cmd := s.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// ok expects success without complaints and returns the output.
func (s *shell) ok(args ...string) string {
	s.Helper()
	r := s.run(args...)
	if r.code != exitOK || r.err != "" {
		s.Fatalf("blfbridge %s: exit %d\n%s", strings.Join(args, " "), r.code, r.err)
	}
	return r.out
}

// fails expects an exit code and these words on standard error, and nothing on
// standard output.
func (s *shell) fails(code int, words []string, args ...string) {
	s.Helper()
	r := s.run(args...)
	if r.code != code || r.out != "" {
		s.Errorf("blfbridge %s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	for _, w := range words {
		if !strings.Contains(r.err, w) {
			s.Errorf("blfbridge %s: no %q in\n%s", strings.Join(args, " "), w, r.err)
		}
	}
}

// says checks that a text holds these words.
func (s *shell) says(text string, words ...string) {
	s.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			s.Errorf("no %q in\n%s", w, text)
		}
	}
}
