package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrRedis is wrapped by errors about the Redis that the demo starts.
var ErrRedis = errors.New("demo: no Redis")

// redisServer is a Redis of the demo's own, without persistence.
type redisServer struct {
	cmd  *exec.Cmd
	addr string
	done chan error
}

// startRedis runs redis-server (or valkey-server) on a free port of 127.0.0.1.
func startRedis(ctx context.Context, dir string) (*redisServer, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if program, err = exec.LookPath("valkey-server"); err != nil {
			return nil, fmt.Errorf("%w: neither redis-server nor valkey-server is installed (scripts/demo --redis installs it on Debian)", ErrRedis)
		}
	}
	addr, err := freeAddress("tcp")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	log := filepath.Join(dir, "redis.log")
	cmd := exec.Command(program, "--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no",
		"--daemonize", "no", "--logfile", log)
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRedis, err)
	}
	s := &redisServer{cmd: cmd, addr: addr, done: make(chan error, 1)}
	go func() { s.done <- cmd.Wait() }() // stop waits for it
	for end := time.Now().Add(10 * time.Second); ; {
		if pong(addr) {
			return s, nil
		}
		select {
		case err := <-s.done:
			s.done <- err
			text, _ := os.ReadFile(log)
			return nil, fmt.Errorf("%w: %s ended: %w: %s", ErrRedis, program, err, strings.TrimSpace(string(text)))
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("%w: %s does not answer", ErrRedis, program), ctx.Err(), s.stop())
		}
	}
}

// stop ends the server and waits for it.
func (s *redisServer) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(5 * time.Second):
		err := s.cmd.Process.Kill()
		<-s.done
		return err
	}
}

func pong(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer := make([]byte, 7)
	n, _ := c.Read(answer)
	return strings.HasPrefix(string(answer[:n]), "+PONG")
}

// freeAddress finds a port of 127.0.0.1 that is free now, for UDP too with "udp".
func freeAddress(network string) (string, error) {
	for range 20 {
		t, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", fmt.Errorf("demo: %w", err)
		}
		addr := t.Addr().String()
		t.Close()
		if network == "tcp" {
			return addr, nil
		}
		u, err := net.ListenPacket("udp", addr)
		if err == nil {
			u.Close()
			return addr, nil
		}
	}
	return "", errors.New("demo: no port is free for both UDP and TCP")
}
