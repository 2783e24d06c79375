package charts

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"blfbridge/adapters/replay"
	"blfbridge/bridge/certs/certstest"
	"blfbridge/bridge/store/storetest"
)

// TestQueriesRun: every query of the dashboard and of the alerts is run by a real
// Prometheus over a real server with Redis, TLS and edge, before which a phone watches a
// line through a call. A panel shows something; an alert's metrics exist, and that of a
// lost PBX fires.
func TestQueriesRun(t *testing.T) {
	m := startMonitored(t)
	m.await("blfbridge_source_up == 1")
	m.call()
	m.await("rate(blfbridge_notifies_total[10s]) > 0")
	var dashboard struct {
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
	}
	text, err := os.ReadFile(chart + "/files/dashboard.json")
	if err == nil {
		err = json.Unmarshal(text, &dashboard)
	}
	if err != nil {
		t.Fatal(err)
	}
	queries := 0
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			queries++
			m.shows("panel "+p.Title, strings.ReplaceAll(target.Expr, "$__rate_interval", "30s"))
		}
	}
	var alerts struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	rules := chart + "/files/alerts.yaml"
	if text, err = os.ReadFile(rules); err == nil {
		err = yaml.Unmarshal(text, &alerts)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "promtool", "check", "rules", rules).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, r := range alerts.Groups[0].Rules {
		queries++
		if n := m.query(r.Expr); n != 0 && r.Alert != "BlfbridgeEdgePBXDown" { // no PBX answers SIP here
			t.Errorf("alert %s fires where all is well", r.Alert)
		}
		for _, name := range metricName.FindAllString(r.Expr, -1) {
			m.shows("alert "+r.Alert, name)
		}
	}
	if queries < 50 {
		t.Errorf("only %d queries", queries)
	}
	m.pbx.Close()
	m.cut()
	m.await(alerts.Groups[0].Rules[1].Expr) // BlfbridgePBXDown
}

var metricName = regexp.MustCompile(`blfbridge_[a-z_]+`)

// lazy are vectors that have no series before their first event, which a short run does
// not have.
var lazy = regexp.MustCompile(`blfbridge_(cluster_claims|edge_relayed|drift)_total|blfbridge_feed_lag_seconds`)

// monitored is a server, and a Prometheus that reads its metrics.
type monitored struct {
	t          *testing.T
	prometheus string // its URL
	pbx        *httptest.Server
	replayed   *replay.ARI
	binary     string
	sip, admin string
}

func (m *monitored) cut() { m.replayed.Cut() }

// startMonitored runs both until the test ends.
func startMonitored(t *testing.T) *monitored {
	t.Helper()
	m := &monitored{t: t, binary: filepath.Join(t.TempDir(), "blfbridge")}
	if out, err := build(t, m.binary); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := os.Open("../adapters/ari/testdata/call_no_answer.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	recording, err := replay.ReadARI(f)
	if err != nil {
		t.Fatal(err)
	}
	m.replayed = replay.NewARI(replay.ARIConfig{Recording: recording, Username: "blf", Password: "ari-password", Endpoints: []string{"PJSIP/1001", "PJSIP/1002"}})
	m.pbx = httptest.NewServer(m.replayed)
	t.Cleanup(m.pbx.Close)
	t.Cleanup(m.replayed.Cut)
	_, redis := storetest.StartRedis(t)
	certs := t.TempDir()
	certstest.New(t, "Chart").Write(t, certs, certstest.Leaf{CommonName: "blf", Names: []string{"127.0.0.1"}})
	file := filepath.Join(t.TempDir(), "blfbridge.yaml")
	write(t, file, fmt.Sprintf(`
sip: {listen: ["udp://127.0.0.1:0", "tls://127.0.0.1:0"], tls: {cert_file: [%[1]s/tls.crt], key_file: [%[1]s/tls.key]}}
pbx: [{name: office, type: asterisk, url: %[2]q, username: blf, password: ari-password, grace: 0s, sip: "udp://127.0.0.1:9"}]
edge: {enabled: true}
store: {type: redis, url: [%[3]q]}
replicas: {enabled: true}
admin: {listen: "127.0.0.1:0", token: monitored-token}
log: {format: json}
`, certs, m.pbx.URL, redis.URL()))
	server := exec.CommandContext(t.Context(), m.binary, "serve", "--config", file)
	logs, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM) // our own child
		<-read
		_ = server.Wait()
	})
	serves := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			var line struct{ Msg, URL, Transport, Address string }
			_ = json.Unmarshal(lines.Bytes(), &line)
			switch {
			case strings.Contains(line.Msg, "admin API is open"):
				m.admin = line.URL
			case strings.Contains(line.Msg, "listening for SUBSCRIBEs") && line.Transport == "TLS":
				m.sip = line.Address
			case strings.Contains(line.Msg, "SUBSCRIBEs are served"):
				close(serves)
			}
		}
	}()
	select {
	case <-serves:
	case <-read:
		t.Fatal("the server ended")
	}
	m.startPrometheus()
	return m
}

func (m *monitored) startPrometheus() {
	m.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		m.t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	dir := m.t.TempDir()
	target, _ := url.Parse(m.admin)
	write(m.t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- {job_name: blfbridge, static_configs: [{targets: [%q]}]}
`, target.Host))
	p := exec.CommandContext(m.t.Context(), "prometheus", "--config.file="+dir+"/prometheus.yml", "--storage.tsdb.path="+dir+"/data", "--web.listen-address="+addr)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		m.t.Fatal(err)
	}
	p.Stdout, p.Stderr = log, log
	if err := p.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		_ = p.Process.Kill() // our own child
		_ = p.Wait()
		_ = log.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	m.prometheus = "http://" + addr
}

// query is how many series a query has; -1: it could not be asked.
func (m *monitored) query(expr string) int {
	res, err := http.Get(m.prometheus + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return -1
	}
	defer res.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []any }
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return -1
	}
	if answer.Status != "success" {
		m.t.Errorf("%s: %s", expr, answer.Error)
	}
	return len(answer.Data.Result)
}

// shows expects series, unless they begin with an event that this run does not have.
func (m *monitored) shows(what, expr string) {
	m.t.Helper()
	for end := time.Now().Add(10 * time.Second); m.query(expr) <= 0 && !lazy.MatchString(expr); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Errorf("%s: %s shows nothing", what, expr)
			return
		}
	}
}

// await waits until a query has series.
func (m *monitored) await(expr string) {
	m.t.Helper()
	storetest.Eventually(m.t, 60*time.Second, expr, func() bool { return m.query(expr) > 0 })
}

// call has a phone watch line 1002 while it is called, and be seen to.
func (m *monitored) call() {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), m.binary, "watch", "1002", "--server", "tls://"+m.sip, "--insecure")
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	last := "nothing"
	see := func(lamp string) {
		m.t.Helper()
		for last != lamp {
			if !lines.Scan() || !strings.HasSuffix(lines.Text(), lamp) && !strings.HasSuffix(lines.Text(), last) {
				m.t.Fatalf("no %s: %q", lamp, lines.Text())
			}
			if strings.HasSuffix(lines.Text(), lamp) { // else the same again: what is known of the call grew
				last = lamp
			}
		}
	}
	see("idle")
	go func() { _ = m.replayed.Play(m.t.Context(), 4) }() // it rings for 2 s
	see("ringing")
	see("idle")
	m.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // our own child
		_ = cmd.Wait()
	})
}
