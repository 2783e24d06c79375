package sipua

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// locked is a buffer that many may write to.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestTranscript(t *testing.T) {
	for level, traced := range map[slog.Level]bool{LevelTrace: true, slog.LevelDebug: false} {
		var out locked
		r := newRig(t, func(c *Config) {
			c.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level}))
		})
		p, c := r.udpPhone(), r.tcpPhone()
		auth := `Authorization: Digest username="a", realm="r", nonce="n", uri="sip:x", response="deadbeef"`
		p.ask(subscribeTo("sip:1001@x.test", p.addr()).line(auth).String())
		c.send(subscribeTo("sip:1001@x.test", c.addr()).over("TCP").line(auth).String())
		c.read()
		text := out.String()
		for _, d := range []string{"direction=in transport=UDP", "direction=out transport=UDP", "direction=in transport=TCP", "direction=out transport=TCP"} {
			if strings.Contains(text, d) != traced {
				t.Errorf("level %v, %s: %v", level, d, !traced)
			}
		}
		if strings.Contains(text, "deadbeef") {
			t.Errorf("a secret is logged:\n%s", text)
		}
	}
}

func TestQuietLog(t *testing.T) {
	var out locked
	q := newQuietLog(slog.New(slog.NewTextHandler(&out, nil)), 20*time.Millisecond)
	for range 100 {
		q.warn("a", "flood")
	}
	q.warn("b", "other")
	time.Sleep(30 * time.Millisecond)
	q.warn("a", "flood")
	if s := out.String(); strings.Count(s, "msg=flood") > 4 || strings.Count(s, "msg=other") != 1 || !strings.Contains(s, "more_like_it=") {
		t.Errorf("got\n%s", s)
	}
}

func TestMaskCredentials(t *testing.T) {
	msg := "SUBSCRIBE sip:1001@x SIP/2.0\r\nFrom: <sip:ann:hunter2@x>;tag=1\r\n" +
		`Authorization: Digest username="ann", realm="acme", nonce="n1", uri="sip:1001@x", response="deadbeef", cnonce="c0ffee", nc=00000001` +
		"\r\nProxy-Authorization: Basic YW5uOnB3\r\nProxy-Authorization: Digest response=beef\r\n\r\n"
	got := maskCredentials(msg)
	for _, secret := range []string{"deadbeef", "c0ffee", "hunter2", "YW5uOnB3", "beef"} {
		if strings.Contains(got, secret) {
			t.Errorf("%s is shown: %s", secret, got)
		}
	}
	for _, shown := range []string{`username="ann"`, `nonce="n1"`, "sip:ann:***@x", "nc=00000001", `response="***"`} {
		if !strings.Contains(got, shown) {
			t.Errorf("%s is not shown: %s", shown, got)
		}
	}
	if plain := "OPTIONS sip:a@b:5060 SIP/2.0\r\nVia: x\r\n\r\nResponse of the body"; maskCredentials(plain) != plain {
		t.Errorf("got %s", maskCredentials(plain))
	}
}
