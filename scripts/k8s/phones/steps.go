package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// step is one thing that happens in the cluster.
type step struct {
	name, command string
	bar           time.Duration // 0 = measured only
	from, to      time.Time
	err           error
}

// readSteps reads one step a line; empty lines and those of # are passed over.
func readSteps(r io.Reader) ([]*step, error) {
	var steps []*step
	for in := bufio.NewScanner(r); in.Scan(); {
		line := strings.TrimSpace(in.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		head, command, ok := strings.Cut(line, ": ")
		s := &step{name: head, command: command, bar: 2 * time.Second}
		if name, bar, has := strings.Cut(strings.TrimSuffix(head, "]"), " ["); has {
			s.name, s.bar = name, 0
			if bar != "-" {
				seconds, err := strconv.ParseFloat(bar, 64)
				if err != nil || seconds <= 0 {
					return nil, fmt.Errorf("step %q: want seconds or - in brackets", line)
				}
				s.bar = time.Duration(seconds * float64(time.Second))
			}
		}
		if !ok {
			return nil, fmt.Errorf("step %q: want NAME: COMMAND", line)
		}
		steps = append(steps, s)
	}
	if len(steps) == 0 {
		return nil, errors.New("no steps")
	}
	return steps, nil
}

// do runs the command and goes on watching for a while.
func (s *step) do(ctx context.Context, settle time.Duration) {
	fmt.Fprintf(os.Stderr, "phones: %s %s\n", time.Now().Format("15:04:05"), s.name)
	s.from = time.Now()
	c := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-ec", s.command)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	s.err = c.Run()
	select {
	case <-time.After(settle):
	case <-ctx.Done():
	}
	s.to = time.Now()
}
