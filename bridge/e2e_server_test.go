package bridge_test

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
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"blfbridge/bridge/siptest/lab"
	"blfbridge/bridge/store/storetest"
)

// adminToken lets a test change things by REST.
const adminToken = "e2e-token"

// storage is where a bridge under test keeps its things.
type storage struct {
	kind  string
	yaml  string
	path  string // bolt
	redis *storetest.RedisControl
}

// onStores runs a test with each kind of store, at the same time.
func onStores(t *testing.T, test func(t *testing.T, s *storage)) {
	t.Run("stores", func(t *testing.T) {
		for _, kind := range []string{"bolt", "redis"} {
			t.Run(kind, func(t *testing.T) {
				t.Parallel()
				test(t, newStorage(t, kind))
			})
		}
	})
}

func newStorage(t *testing.T, kind string) *storage {
	if kind == "bolt" {
		path := filepath.Join(t.TempDir(), "b.db")
		return &storage{kind: kind, path: path, yaml: "store: {type: bolt, path: " + path + "}\n"}
	}
	if _, err := exec.LookPath("redis-server"); err != nil && os.Getenv("REDIS_SERVER") == "" {
		t.Fatal("no redis-server; run scripts/test, which installs it")
	}
	_, ctl := storetest.StartRedis(t, "--appendfsync", "always") // what it acknowledged outlives its kill
	return &storage{kind: kind, redis: ctl, yaml: "store: {type: redis, url: [\"" + ctl.URL() + "\"], timeout: 500ms}\n"}
}

// setup is a configuration; all but pbx may be left out.
type setup struct {
	store  *storage
	pbx    string // entries of the list pbx
	listen string // further sockets
	sip    string // further lines of sip
	policy string // a policy document in a file; empty: that of the store
	more   string // further sections
}

// server is a bridge that runs as a process of its own.
type server struct {
	t               *testing.T
	dir, path       string
	udp, tcp, admin string
	policyFile      string
	cmd             *exec.Cmd
	ended           chan error
	log             *logBuffer
}

// newServer writes the configuration and chooses ports; nothing runs yet.
func newServer(t *testing.T, o setup) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), log: &logBuffer{}}
	addr := freePort(t)
	s.udp, s.tcp, s.admin = addr, addr, freePort(t)
	s.path = filepath.Join(s.dir, "blfbridge.yaml")
	s.policyFile = filepath.Join(s.dir, "policy.yaml")
	s.configure(o)
	t.Cleanup(s.end)
	return s
}

// configure writes the configuration file anew; it is read at the next start or SIGHUP.
func (s *server) configure(o setup) {
	s.t.Helper()
	var b strings.Builder
	sockets := "udp://" + s.udp + ", tcp://" + s.tcp
	if o.listen != "" {
		sockets += ", " + o.listen
	}
	fmt.Fprintf(&b, "sip:\n  listen: [%s]\n%s", sockets, o.sip)
	if o.pbx != "" {
		fmt.Fprintf(&b, "pbx:\n%s", o.pbx)
	}
	b.WriteString(o.store.yaml)
	fmt.Fprintf(&b, "admin: {listen: %s, token: %s}\nlog: {level: debug}\n", s.admin, adminToken)
	if o.policy != "" {
		s.write(s.policyFile, o.policy)
		fmt.Fprintf(&b, "policy: {file: %s}\n", s.policyFile)
	}
	s.write(s.path, b.String()+o.more)
}

func (s *server) write(path, text string) {
	s.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// run starts the process without waiting for anything.
func (s *server) run() {
	s.t.Helper()
	s.cmd = exec.Command(build(s.t), "serve", "--config", s.path)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd, ended := s.cmd, make(chan error, 1)
	s.ended = ended
	go func() { ended <- cmd.Wait() }()
}

// start starts the process and waits until it serves and every PBX is up.
func (s *server) start() {
	s.t.Helper()
	s.run()
	s.ready()
}

// ready waits until it serves and every PBX is up.
func (s *server) ready() {
	s.t.Helper()
	s.eventually(20*time.Second, "the bridge to serve", func() error {
		code, body := s.get("/readyz")
		if code != 200 || strings.Contains(body, `"ok":false`) {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
}

// signal sends a signal; waiting for the end is the caller's.
func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// stop is SIGTERM and the clean end after it.
func (s *server) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	select {
	case err := <-s.ended:
		s.cmd = nil
		if err != nil {
			s.t.Fatalf("after SIGTERM: %v", err)
		}
	case <-time.After(15 * time.Second):
		s.t.Fatal("does not end after SIGTERM")
	}
}

// kill is SIGKILL.
func (s *server) kill() {
	s.t.Helper()
	s.signal(syscall.SIGKILL)
	<-s.ended
	s.cmd = nil
}

// alive fails the test if the process has ended by itself.
func (s *server) alive() {
	s.t.Helper()
	select {
	case err := <-s.ended:
		s.cmd = nil
		s.t.Fatalf("the bridge has ended: %v", err)
	default:
	}
}

// end is the test's end.
func (s *server) end() {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-s.ended:
			if err != nil {
				s.t.Errorf("the bridge ended with %v", err)
			}
		case <-time.After(15 * time.Second):
			s.t.Error("the bridge does not end after SIGTERM")
			_ = s.cmd.Process.Kill()
			<-s.ended
		}
	}
	for _, bad := range []string{"panic", "DATA RACE", "could not be stopped cleanly"} {
		if strings.Contains(s.log.String(), bad) {
			s.t.Errorf("the log holds %q", bad)
		}
	}
	if log := s.log.String(); strings.Contains(log, "DATA RACE") {
		log = log[strings.Index(log, "DATA RACE"):]
		s.t.Logf("the first race:\n%s", log[:min(len(log), 6000)])
	}
	if s.t.Failed() {
		s.t.Logf("the bridge's log:\n%s", s.log.tail(120))
	}
}

// get asks the admin side; code 0 means no answer.
func (s *server) get(path string) (code int, body string) {
	return s.ask(http.MethodGet, path, "")
}

func (s *server) ask(method, path, text string) (code int, body string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.admin+path, strings.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Close = true
	if text != "" {
		req.Header.Set("Content-Type", "application/yaml")
		req.Header.Set("If-Match", "*")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}

// reload makes the server read its files again.
func (s *server) reload() {
	s.t.Helper()
	if code, body := s.ask("POST", "/api/v1/reload", ""); code != 200 {
		s.t.Fatalf("reload: %d %s", code, body)
	}
}

var sample = regexp.MustCompile(`(?m)^([a-z_]+)(?:\{[^}]*\})? ([0-9.e+-]+)$`)

// metric is the sum over a metric's labels, as /metrics shows it.
func (s *server) metric(name string) (sum float64) {
	s.t.Helper()
	code, body := s.get("/metrics")
	if code != 200 {
		s.t.Fatalf("/metrics: %d %s", code, body)
	}
	for _, m := range sample.FindAllStringSubmatch(body, -1) {
		if m[1] == name {
			v, _ := strconv.ParseFloat(m[2], 64)
			sum += v
		}
	}
	return sum
}

// eventually waits until what holds.
func (s *server) eventually(most time.Duration, what string, holds func() error) {
	s.t.Helper()
	var err error
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = holds(); err == nil {
			return
		}
		s.alive()
	}
	s.t.Fatalf("waited %v in vain for %s: %v", most, what, err)
}

// logged waits for a line of the log that contains all words.
func (s *server) logged(most time.Duration, words ...string) {
	s.t.Helper()
	s.eventually(most, fmt.Sprintf("a log line with %q", words), func() error {
		if s.lines(words...) == 0 {
			return errors.New("no such line")
		}
		return nil
	})
}

// lines counts the lines of the log that contain all words.
func (s *server) lines(words ...string) (n int) {
	for line := range strings.Lines(s.log.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			n++
		}
	}
	return n
}

// logBuffer holds what a process wrote.
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

// tail is the last n lines without sipgo's chatter.
func (l *logBuffer) tail(n int) string {
	var lines []string
	for line := range strings.Lines(l.String()) {
		if !strings.Contains(line, `msg="sipgo:`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

// freePort is an address of this test's own.
func freePort(t *testing.T) string {
	t.Helper()
	port, err := lab.Port()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// want compares a number.
func want(got, wanted float64) error {
	if got != wanted {
		return fmt.Errorf("is %v, want %v", got, wanted)
	}
	return nil
}
