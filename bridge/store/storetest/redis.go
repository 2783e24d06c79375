package storetest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"blfbridge/bridge/siptest/lab"
)

// T is what this package needs of a test; testing.TB is one, and so is a program's own.
type T interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	TempDir() string
	Cleanup(func())
}

// RedisControl holds a real redis-server of one test. Its methods fail the test when
// they cannot do their work; call them from the test's goroutine.
type RedisControl struct {
	t    T
	dir  string
	port int
	args []string
	env  []string

	cmd  *exec.Cmd
	wait func() error
}

// StartRedis runs a redis-server on a free port of 127.0.0.1, with an append-only
// file in a folder of the test, and waits until it answers. extraArgs are added to
// its command line and win over ours. It is killed when the test ends.
//
// The server is the program named by REDIS_SERVER, or redis-server of the PATH.
func StartRedis(t T, extraArgs ...string) (addr string, ctl *RedisControl) {
	t.Helper()
	return StartRedisIn(t, nil, extraArgs...)
}

// StartRedisIn is StartRedis with more in the server's environment.
func StartRedisIn(t T, env []string, extraArgs ...string) (addr string, ctl *RedisControl) {
	t.Helper()
	c := &RedisControl{t: t, dir: t.TempDir(), args: extraArgs, env: env}
	t.Cleanup(c.stop)
	for try := 1; ; try++ {
		c.port = freePort(t)
		err := c.start()
		if err == nil {
			return c.Addr(), c
		}
		// Somebody may have taken the port between the look and the start.
		if try == 5 {
			t.Fatalf("redis-server does not start: %v", err)
		}
	}
}

// Addr is "127.0.0.1:port"; it stays the same over restarts.
func (c *RedisControl) Addr() string { return fmt.Sprintf("127.0.0.1:%d", c.port) }

// URL is the address as store.Config.URLs takes it.
func (c *RedisControl) URL() string { return "redis://" + c.Addr() }

// Dir is where the server keeps its files and log.
func (c *RedisControl) Dir() string { return c.dir }

// Kill ends the server as a power cut would: SIGKILL, no goodbye.
func (c *RedisControl) Kill() {
	c.t.Helper()
	c.signal(syscall.SIGKILL)
	_ = c.wait()
}

// Restart starts a killed server again, on the same port with the same files, and
// waits until it has read them.
func (c *RedisControl) Restart() {
	c.t.Helper()
	if err := c.start(); err != nil {
		c.t.Fatalf("redis-server does not come back: %v", err)
	}
}

// Pause stops the server without closing its connections: requests hang.
func (c *RedisControl) Pause() { c.t.Helper(); c.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (c *RedisControl) Resume() { c.t.Helper(); c.signal(syscall.SIGCONT) }

// Do sends one command on a connection of its own and returns the reply's first line
// (and for a bulk reply, its text).
func (c *RedisControl) Do(args ...string) string {
	c.t.Helper()
	reply, err := do(c.Addr(), args...)
	if err != nil {
		c.t.Fatalf("redis %v: %v", args, err)
	}
	return reply
}

func (c *RedisControl) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatalf("redis-server: %v: %v", s, err)
	}
}

func (c *RedisControl) start() error {
	program := os.Getenv("REDIS_SERVER")
	if program == "" {
		program = "redis-server"
	}
	logfile := filepath.Join(c.dir, "redis.log")
	c.cmd = exec.Command(program, append([]string{
		"--port", strconv.Itoa(c.port), "--bind", "127.0.0.1", "--dir", c.dir,
		"--appendonly", "yes", "--save", "", "--daemonize", "no",
		"--logfile", logfile,
	}, c.args...)...)
	if len(c.args) > 0 && !strings.HasPrefix(c.args[0], "--") {
		// A configuration file stands first.
		c.cmd.Args = append([]string{program, c.args[0]}, append(c.cmd.Args[1:len(c.cmd.Args)-len(c.args)], c.args[1:]...)...)
	}
	c.cmd.Env = append(os.Environ(), c.env...)
	c.cmd.SysProcAttr = diesWithTest()
	if err := c.cmd.Start(); err != nil {
		return err
	}
	cmd := c.cmd
	c.wait = sync.OnceValue(cmd.Wait)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if reply, err := do(c.Addr(), "PING"); err == nil && (reply == "+PONG" || strings.HasPrefix(reply, "-NOAUTH")) {
			return nil
		}
		if exited(cmd.Process) {
			break
		}
	}
	_ = cmd.Process.Kill()
	err := c.wait()
	text, _ := os.ReadFile(logfile)
	return fmt.Errorf("%w\n%s", err, text)
}

func (c *RedisControl) stop() {
	if c.cmd == nil || c.cmd.Process == nil {
		return
	}
	_ = c.cmd.Process.Kill()
	_ = c.wait()
}

// exited reports whether a child is gone (or a zombie).
func exited(p *os.Process) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid))
	if err != nil {
		return p.Signal(syscall.Signal(0)) != nil
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "Z")
}

// freePort is a port of this test's own; a Cluster's bus takes the one 10,000 above.
func freePort(t T) int {
	t.Helper()
	port, err := lab.Port()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// do speaks just enough RESP for a test to control a server without a client library.
func do(addr string, args ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	w := bufio.NewWriter(conn)
	fmt.Fprintf(w, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(w, "$%d\r\n%s\r\n", len(a), a)
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	if err == nil && strings.HasPrefix(line, "$") {
		n, _ := strconv.Atoi(line[1:])
		text := make([]byte, max(n, 0))
		for read := 0; read < len(text) && err == nil; {
			var k int
			k, err = r.Read(text[read:])
			read += k
		}
		line = string(text)
	}
	return line, err
}
