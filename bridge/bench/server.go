package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"time"
)

// server is what is measured.
type server interface {
	addr() netip.AddrPort
	// pids are its processes; their descendants count too.
	pids() []int
	// set changes a range of lines; it may return before the server has taken it.
	set(ctx context.Context, first, count int, on bool) error
	close() error
}

// foreign is a server that runs anyway.
type foreign struct {
	at        netip.AddrPort
	processes []int
	publisher *publisher // nil = its lines cannot be changed
}

func (f *foreign) addr() netip.AddrPort { return f.at }
func (f *foreign) pids() []int          { return f.processes }

func (f *foreign) set(ctx context.Context, first, count int, on bool) error {
	if f.publisher == nil {
		return fmt.Errorf("%w: lines of a foreign server are changed with --publish only", ErrOptions)
	}
	return f.publisher.publish(ctx, first, count, on)
}

func (f *foreign) close() error {
	if f.publisher != nil {
		f.publisher.sock.close()
	}
	return nil
}

// child is a server of our own.
type child struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Scanner
	at      netip.AddrPort
}

// startChild starts it and waits until it serves.
func startChild(cmd *exec.Cmd, c childConfig) (*child, error) {
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("bench: the server does not start: %w", err)
	}
	s := &child{cmd: cmd, in: in, answers: bufio.NewScanner(out)}
	s.answers.Buffer(nil, 1<<20)
	told, _ := json.Marshal(c) // cannot fail
	_, err := s.in.Write(append(told, '\n'))
	var a childAnswer
	if err == nil {
		a, err = s.answer()
	}
	if err == nil {
		s.at, err = netip.ParseAddrPort(a.Addr)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bench: the server does not start: %w", err), s.kill())
	}
	return s, nil
}

func (s *child) answer() (a childAnswer, err error) {
	if !s.answers.Scan() {
		return a, errors.Join(errors.New("bench: the server has ended"), s.answers.Err())
	}
	if err := json.Unmarshal(s.answers.Bytes(), &a); err != nil {
		return a, fmt.Errorf("bench: %w", err)
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

// ask sends a command that has an answer.
func (s *child) ask(command string) (childAnswer, error) {
	if _, err := io.WriteString(s.in, command+"\n"); err != nil {
		return childAnswer{}, fmt.Errorf("bench: %w", err)
	}
	return s.answer()
}

func (s *child) addr() netip.AddrPort { return s.at }
func (s *child) pids() []int          { return []int{s.cmd.Process.Pid} }

func (s *child) set(_ context.Context, first, count int, on bool) error {
	state := "off"
	if on {
		state = "on"
	}
	_, err := fmt.Fprintf(s.in, "set %d %d %s\n", first, count, state)
	return err
}

// close lets it stop in order.
func (s *child) close() error {
	_ = s.in.Close()
	late := time.AfterFunc(90*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	return s.cmd.Wait()
}

// kill ends it as a power cut would.
func (s *child) kill() error {
	_ = s.cmd.Process.Kill()
	_ = s.in.Close()
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}
