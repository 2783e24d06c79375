package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"blfbridge/adapters/replay"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/lab"
	"blfbridge/bridge/store/storetest"
)

const serveToken = "token-of-serve"

// startPBX replays a recording of a real Asterisk, in which 1001 calls 1002.
func startPBX(t *testing.T) (url string, pbx *replay.ARI) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "adapters", "ari", "testdata", "call_no_answer.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	recording, err := replay.ReadARI(f)
	if err != nil {
		t.Fatal(err)
	}
	pbx = replay.NewARI(replay.ARIConfig{Recording: recording, Username: "blf", Password: "ari-password", Endpoints: []string{"PJSIP/1001", "PJSIP/1002"}})
	server := httptest.NewServer(pbx)
	t.Cleanup(server.Close)
	t.Cleanup(pbx.Cut)
	return server.URL, pbx
}

// serveConfig is a configuration that takes free ports; more is added to its end.
func serveConfig(pbx, more string) string {
	return fmt.Sprintf(`sip: {listen: ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]}
pbx:
  - {name: ast, type: asterisk, url: %q, username: blf, password: ari-password}
admin: {listen: "127.0.0.1:0", token: %s}
log: {format: json}
%s`, pbx, serveToken, more)
}

// server is a running blfbridge serve.
type server struct {
	*shell
	cmd    *exec.Cmd
	exited chan struct{}

	mu   sync.Mutex // guards logs
	logs []map[string]any
}

// start runs blfbridge serve until the test ends.
func (s *shell) start(args ...string) *server {
	s.Helper()
	v := &server{shell: s, cmd: s.command(s.Context(), append([]string{"serve"}, args...)...), exited: make(chan struct{})}
	logs, err := v.cmd.StderrPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			var line map[string]any
			if json.Unmarshal(lines.Bytes(), &line) != nil {
				line = map[string]any{"msg": lines.Text(), "level": "not JSON"}
			}
			v.mu.Lock()
			v.logs = append(v.logs, line)
			v.mu.Unlock()
		}
		_ = v.cmd.Wait()
		close(v.exited)
	}()
	s.Cleanup(func() {
		_ = v.cmd.Process.Kill() // our own child; gone already, mostly
		<-v.exited
	})
	return v
}

// find returns the first line of the log from the nth on whose message holds words.
func (v *server) find(from int, words string) (line map[string]any, next int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := from; i < len(v.logs); i++ {
		if msg, _ := v.logs[i]["msg"].(string); strings.Contains(msg, words) {
			return v.logs[i], i + 1
		}
	}
	return nil, from
}

// logged waits for a line of the log.
func (v *server) logged(words string) map[string]any {
	v.Helper()
	line, _ := v.loggedAfter(0, words)
	return line
}

func (v *server) loggedAfter(from int, words string) (line map[string]any, next int) {
	v.Helper()
	storetest.Eventually(v, 20*time.Second, fmt.Sprintf("%q in the log", words), func() bool {
		line, next = v.find(from, words)
		if line == nil {
			select {
			case <-v.exited:
				v.Fatalf("it exited without logging %q:\n%v", words, v.all())
			default:
			}
		}
		return line != nil
	})
	return line, next
}

func (v *server) all() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	text, _ := json.MarshalIndent(v.logs, "", " ")
	return string(text)
}

func (v *server) signal(s syscall.Signal) {
	v.Helper()
	if err := v.cmd.Process.Signal(s); err != nil {
		v.Fatal(err)
	}
}

// wait waits for the exit and returns its code.
func (v *server) wait() int {
	v.Helper()
	select {
	case <-v.exited:
	case <-time.After(20 * time.Second):
		v.Fatalf("it does not exit:\n%s", v.all())
	}
	return v.cmd.ProcessState.ExitCode()
}

func (v *server) adminURL() string { return v.logged("admin API is open")["url"].(string) }
func (v *server) sipAddr() string  { return v.logged("listening for SUBSCRIBEs")["address"].(string) }
func (v *server) ready() *server   { v.Helper(); v.logged("SUBSCRIBEs are served"); return v }
func (v *server) phone(user string) *siptest.Phone {
	v.Helper()
	p, err := siptest.NewPhone(siptest.Config{User: user, Proxy: v.sipAddr()})
	if err != nil {
		v.Fatal(err)
	}
	v.Cleanup(p.Close)
	return p
}

// TestServe: a phone's lamp, through the binary, from the PBX's first event to show.
func TestServe(t *testing.T) {
	url, pbx := startPBX(t)
	s := newShell(t)
	s.file("blf.yaml", serveConfig(url, ""))
	v := s.start("--config", "blf.yaml").ready()
	s.says(v.logged("unknown watchers")["msg"].(string), "private networks count as presence group Standard")
	if got := v.logged("blfbridge starts"); got["store"] != "bolt blfbridge.db" || got["version"] != "v0.0.0-test" {
		t.Errorf("%v", got)
	}
	if got := v.logged("PBX"); got["source"] != "ast" || got["type"] != "asterisk" || got["at"] != url {
		t.Errorf("%v", got)
	}

	sub, err := v.phone("201").Subscribe(t.Context(), siptest.SubscribeConfig{Target: "1002"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sub.WaitLamp(device.Idle, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	for {
		mark, ok := pbx.Next()
		if !ok || strings.Contains(mark, "gives up") {
			break
		}
	}
	admin := []string{"--url", v.adminURL()}
	out := s.ok(append([]string{"show", "presence", "subscription"}, admin...)...)
	s.says(out, "1 subscription\n", "201@127.0.0.1", "1002@127.0.0.1")
	s.says(s.ok(append([]string{"explain", "201", "1002"}, admin...)...), "ALLOWED", "learned number")
	s.says(s.ok(append([]string{"explain", "201", "1999"}, admin...)...), "NOT FOUND")
	s.says(s.ok(append([]string{"show", "presence", "global"}, admin...)...), "Presence number of subscriptions  : 1")

	// A policy that forbids it ends the subscription.
	s.file("policy.yaml", "tenants:\n  - name: default\n    presence_groups: [{name: Board}]\n    lines: [{number: 1002, presence_group: Board}]\n")
	s.says(s.ok(append([]string{"policy", "import", "policy.yaml", "--token", serveToken}, admin...)...), "revision 1, in force")
	if seen, err := sub.WaitTerminated(5 * time.Second); err != nil || seen.Reason != "rejected" {
		t.Errorf("%+v, %v", seen.Reason, err)
	}
	for _, x := range sub.Violations() {
		t.Error(x)
	}
	// The store is the running server's, and the command line says so.
	s.file("other.yaml", serveConfig(url, "")) // admin.listen with port 0 leads nowhere
	s.fails(exitFailure, []string{"blfbridge.db is in use by process", "--url and --token"}, "policy", "export", "--config", "other.yaml")

	v.signal(syscall.SIGTERM)
	if code := v.wait(); code != exitOK {
		t.Errorf("exit %d:\n%s", code, v.all())
	}
	for _, line := range v.logs {
		if line["level"] == "not JSON" || line["level"] == "ERROR" {
			t.Errorf("%v", line)
		}
	}
	s.says(s.ok("policy", "export", "--config", "blf.yaml"), "revision 1, from blfbridge.db", "Board")
}

// TestServeRestart: the next process goes on with the subscriptions of the last.
func TestServeRestart(t *testing.T) {
	url, _ := startPBX(t)
	s := newShell(t)
	port := freePort(t)
	s.file("blf.yaml", strings.ReplaceAll(serveConfig(url, ""), "udp://127.0.0.1:0", "udp://"+port))
	v := s.start("--config", "blf.yaml").ready()
	sub, err := v.phone("201").Subscribe(t.Context(), siptest.SubscribeConfig{Target: "1001"})
	if err != nil {
		t.Fatal(err)
	}
	seen, err := sub.WaitLamp(device.Idle, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	v.signal(syscall.SIGINT)
	if code := v.wait(); code != exitOK {
		t.Fatalf("exit %d:\n%s", code, v.all())
	}
	if last, _ := sub.Last(); last.Substate != "active" {
		t.Errorf("the stop ended the subscription: %s", last.Substate)
	}
	v = s.start("--config", "blf.yaml").ready()
	s.says(s.ok("show", "presence", "subscription", "--url", v.adminURL()), "1 subscription\n", "201@127.0.0.1", "1001@")
	n := len(sub.History())
	if err := sub.Refresh(t.Context(), 600); err != nil {
		t.Errorf("refresh at the next process: %v", err)
	}
	if next, err := sub.WaitNotify(n, 5*time.Second); err != nil || next.CSeq <= seen.CSeq {
		t.Errorf("CSeq %d after %d, %v", next.CSeq, seen.CSeq, err)
	}
	for _, x := range sub.Violations() {
		t.Error(x)
	}
}

// TestServeReload: SIGHUP and REST put a good configuration in force, and keep the old
// one if the new one is bad.
func TestServeReload(t *testing.T) {
	url, _ := startPBX(t)
	s := newShell(t)
	s.file("policy.yaml", "max_subscriptions: 10\n")
	more := "policy: {file: policy.yaml}\n"
	s.file("blf.yaml", serveConfig(url, more))
	v := s.start("--config", "blf.yaml").ready()
	limit := func() string {
		for line := range strings.Lines(s.ok("show", "presence", "global", "--url", v.adminURL())) {
			if rest, ok := strings.CutPrefix(line, "Presence max subscription allowed : "); ok {
				return strings.TrimSpace(rest)
			}
		}
		return "?"
	}
	if got := limit(); got != "10" {
		t.Errorf("at the start: %s", got)
	}
	from := 0
	hup := func(says string) map[string]any {
		t.Helper()
		var line map[string]any
		v.signal(syscall.SIGHUP)
		line, from = v.loggedAfter(from, says)
		return line
	}
	s.file("policy.yaml", "max_subscriptions: 20\n")
	hup("reloaded")
	if got := limit(); got != "20" {
		t.Errorf("reloaded: %s", got)
	}
	s.file("policy.yaml", "max_subscriptions: 30\nnonsense: 1\n")
	if line := hup("not reloaded"); line["level"] != "ERROR" || !strings.Contains(line["error"].(string), "nonsense") {
		t.Errorf("%v", line)
	}
	s.file("policy.yaml", "max_subscriptions: 40\n")
	s.file("blf.yaml", serveConfig(url, more+"nonsense: 1\n"))
	if line := hup("not reloaded"); !strings.Contains(line["error"].(string), "blf.yaml:7: nonsense: unknown key") {
		t.Errorf("%v", line)
	}
	if got := limit(); got != "20" {
		t.Errorf("a bad file was put in force: %s", got)
	}
	// A PBX that changed begins anew; one more joins. Their metrics do not collide.
	s.file("blf.yaml", strings.Replace(serveConfig(url, more), "password: ari-password}",
		"password: ari-password, app: other}\n  - {name: fs, type: freeswitch, address: \"127.0.0.1:1\", password: x}", 1))
	hup("reloaded")
	if got := limit(); got != "40" {
		t.Errorf("reloaded: %s", got)
	}
	s.fails(exitFailure, []string{"policy.yaml", "policy.file"}, "policy", "import", "policy.yaml", "--url", v.adminURL(), "--token", serveToken)
	s.file("policy.yaml", "max_subscriptions: 50\n")
	c, err := client.New(client.Config{URL: v.adminURL(), Token: serveToken})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Reload(t.Context()); err != nil || limit() != "50" {
		t.Errorf("by REST: %s, %v", limit(), err)
	}
	v.signal(syscall.SIGTERM)
	if code := v.wait(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// TestSecondSignal: a stop that waits for a phone's answer is cut short.
func TestSecondSignal(t *testing.T) {
	url, _ := startPBX(t)
	s := newShell(t)
	s.file("blf.yaml", serveConfig(url, ""))
	v := s.start("--config", "blf.yaml").ready()
	deaf, err := net.Dial("udp", v.sipAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	us := deaf.LocalAddr().String()
	fmt.Fprintf(deaf, "SUBSCRIBE sip:1001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;branch=z9hG4bKdeaf1;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:deaf@127.0.0.1>;tag=1\r\nTo: <sip:1001@127.0.0.1>\r\nCall-ID: deaf@%[1]s\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:deaf@%[1]s>\r\n"+
		"Event: dialog\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n", us)
	buffer := make([]byte, 4096)
	for got := ""; !strings.HasPrefix(got, "NOTIFY "); { // the 200 comes first; the NOTIFY stays unanswered
		_ = deaf.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := deaf.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		got = string(buffer[:n])
	}
	began := time.Now()
	v.signal(syscall.SIGTERM)
	v.logged("a second signal stops at once")
	v.signal(syscall.SIGTERM) // the same one, sent to the process group too
	select {
	case <-v.exited:
		t.Fatal("a doubled signal stopped it")
	case <-time.After(bounce + 100*time.Millisecond):
	}
	v.signal(syscall.SIGTERM)
	if code := v.wait(); code != exitFailure {
		t.Errorf("exit %d", code)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	v.logged("stopped at once by a second signal")
}

func TestServeFails(t *testing.T) {
	s := newShell(t)
	s.fails(exitFailure, []string{"nowhere.yaml", "no such file"}, "serve", "--config", "nowhere.yaml")
	s.file("bad.yaml", "sip: {nat: sauce}\n")
	s.fails(exitFailure, []string{"bad.yaml:1: sip.nat", `did you mean "source"?`, "pbx: is empty"}, "serve", "--config", "bad.yaml")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	text := strings.Replace(serveConfig("http://127.0.0.1:1", ""), "tcp://127.0.0.1:0", "tcp://"+taken.Addr().String(), 1)
	s.file("sip.yaml", text)
	s.fails(exitFailure, []string{"sip.listen[1] TCP " + taken.Addr().String(), "address already in use", "take another in sip.listen"}, "serve", "--config", "sip.yaml")
	s.file("admin.yaml", strings.Replace(serveConfig("http://127.0.0.1:1", ""), `admin: {listen: "127.0.0.1:0"`, fmt.Sprintf("admin: {listen: %q", taken.Addr().String()), 1))
	s.fails(exitFailure, []string{"admin.listen " + taken.Addr().String(), "address already in use", "another blfbridge"}, "serve", "--config", "admin.yaml")
	s.file("adapter.yaml", strings.Replace(serveConfig("http://127.0.0.1:1", ""), "password: ari-password", "password: x, devices: [nonsense]", 1))
	s.fails(exitFailure, []string{"nonsense"}, "serve", "--config", "adapter.yaml")
	s.file("policy.yaml", "nonsense: 1\n")
	s.file("file.yaml", serveConfig("http://127.0.0.1:1", "policy: {file: policy.yaml}\n"))
	s.fails(exitFailure, []string{`policy.yaml:1: nonsense: unknown key "nonsense"`}, "serve", "--config", "file.yaml")

	s.file("store.yaml", serveConfig("http://127.0.0.1:1", "store: {path: held.db}\n"))
	held, err := bolt.Open(s.dir+"/held.db", 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.fails(exitFailure, []string{"held.db is in use by process", "another store.path"}, "serve", "--config", "store.yaml")
	held.Close()
	s.file("held.db", strings.Repeat("no bolt file ", 1000))
	s.fails(exitFailure, []string{"held.db", "restore it from a backup"}, "serve", "--config", "store.yaml")
}

// TestServeWithoutRedis: it starts, says what it waits for, and serves when Redis comes.
func TestServeWithoutRedis(t *testing.T) {
	url, _ := startPBX(t)
	_, redis := storetest.StartRedis(t)
	redis.Kill()
	s := newShell(t)
	s.file("blf.yaml", serveConfig(url, fmt.Sprintf("store: {type: redis, url: %q}\n", redis.URL())))
	v := s.start("--config", "blf.yaml")
	v.logged("cannot be read yet")
	s.fails(exitFailure, []string{"still starting"}, "show", "presence", "subscription", "--url", v.adminURL())
	redis.Restart()
	v.ready()
	s.says(s.ok("show", "presence", "subscription", "--url", v.adminURL()), "0 subscriptions")
	v.signal(syscall.SIGTERM)
	if code := v.wait(); code != exitOK {
		t.Errorf("exit %d", code)
	}
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
