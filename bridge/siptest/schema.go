package siptest

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
)

// ErrSchema is returned where bodies cannot be validated at all.
var ErrSchema = errors.New("siptest: no XML schema validation")

// Schemas collects NOTIFY bodies and validates them all at once with xmllint, which
// costs one process per schema instead of one per NOTIFY. The zero value is ready.
type Schemas struct {
	mu     sync.Mutex
	bodies map[string]map[string]string // kind → body → who saw it first
}

// Add remembers a body; equal ones are kept once.
func (s *Schemas) Add(kind string, body []byte, who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind = strings.ToLower(strings.TrimSpace(kind))
	if s.bodies == nil {
		s.bodies = map[string]map[string]string{}
	}
	if s.bodies[kind] == nil {
		s.bodies[kind] = map[string]string{}
	}
	if _, known := s.bodies[kind][string(body)]; !known {
		s.bodies[kind][string(body)] = who
	}
}

// Count is the number of different bodies kept.
func (s *Schemas) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, b := range s.bodies {
		n += len(b)
	}
	return n
}

// Validate runs xmllint over what was collected. files maps a Content-Type to its
// schema file. It returns one Violation per invalid body, or an error where it cannot
// tell (no xmllint, no schema for a type).
func (s *Schemas) Validate(ctx context.Context, files map[string]string) ([]Violation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Violation
	for kind, bodies := range s.bodies {
		file, ok := files[kind]
		if !ok {
			return nil, fmt.Errorf("%w: no schema for %s", ErrSchema, kind)
		}
		v, err := validate(ctx, file, bodies)
		if err != nil {
			return nil, err
		}
		out = append(out, v...)
	}
	return out, nil
}

// toSchema: RFC 4235's prose (§4.1.6.1) and examples call the attribute display, its
// schema display-name; phones read the former.
var toSchema = strings.NewReplacer(`<identity display="`, `<identity display-name="`)

func validate(ctx context.Context, schema string, bodies map[string]string) ([]Violation, error) {
	dir, err := os.MkdirTemp("", "siptest-bodies-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	args := []string{"--noout", "--nonet", "--schema", schema}
	text := map[string]string{}
	for body := range bodies {
		f := filepath.Join(dir, fmt.Sprintf("%d.xml", len(text)))
		if err := os.WriteFile(f, []byte(toSchema.Replace(body)), 0o600); err != nil {
			return nil, err
		}
		text[f] = body
		args = append(args, f)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "xmllint", args...)
	cmd.Stderr = &stderr
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() == 5) { // 5: the schema itself
		return nil, fmt.Errorf("%w: xmllint: %w: %s", ErrSchema, err, stderr.String())
	}
	var out []Violation
	valid := 0
	for f, body := range text {
		if strings.Contains(stderr.String(), f+" validates") {
			valid++
			continue
		}
		out = append(out, Violation{Rule: "schema", Detail: bodies[body] + ": " + firstLine(stderr.String(), f), Text: body})
	}
	if err == nil && valid != len(text) {
		return nil, fmt.Errorf("%w: xmllint is content but named %d of %d bodies: %s", ErrSchema, valid, len(text), stderr.String())
	}
	return out, nil
}

// firstLine finds what xmllint said about a file.
func firstLine(out, file string) string {
	for l := range strings.SplitSeq(out, "\n") {
		if strings.HasPrefix(l, file+":") {
			return strings.TrimPrefix(l, file)
		}
	}
	return "fails to validate"
}
