package replicatest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
)

// T is what a fleet needs of a test; *testing.T is one, [Stage] makes one for a program.
type T interface {
	Helper()
	Log(...any)
	Logf(string, ...any)
	Errorf(string, ...any)
	Fatal(...any)
	Fatalf(string, ...any)
	Failed() bool
	TempDir() string
	Cleanup(func())
}

// ErrFailed is wrapped by what Stage returns.
var ErrFailed = errors.New("replicatest: failed")

// Stage runs play as a test of its own outside of go test: what it logs goes to out, and
// what it started is ended before Stage returns.
func Stage(out io.Writer, play func(T)) error {
	s := &stage{out: out}
	done := make(chan struct{})
	go func() { // a goroutine of its own: Fatal ends it
		defer close(done)
		defer s.end()
		play(s)
	}()
	<-done
	if s.Failed() {
		return ErrFailed
	}
	return nil
}

// stage is the T of a program.
type stage struct {
	out io.Writer

	mu       sync.Mutex // guards what follows, and writes to out
	failed   bool
	cleanups []func()
}

func (s *stage) Helper() {}

func (s *stage) Log(args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(s.out, args...)
}

func (s *stage) Logf(format string, args ...any) { s.Log(fmt.Sprintf(format, args...)) }

func (s *stage) Errorf(format string, args ...any) {
	s.Logf("FAILED: "+format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = true
}

func (s *stage) Fatal(args ...any) { s.Fatalf("%s", fmt.Sprint(args...)) }

func (s *stage) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	runtime.Goexit()
}

func (s *stage) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *stage) TempDir() string {
	dir, err := os.MkdirTemp("", "blfbridge-replicas-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (s *stage) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

func (s *stage) end() {
	s.mu.Lock()
	all := s.cleanups
	s.cleanups = nil
	s.mu.Unlock()
	for _, f := range slices.Backward(all) {
		f()
	}
}
