package replay

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// eslBytes is a little recording: a call of 1001 that rings at 1002 and is hung up, a
// registration that ends, and a goodbye.
func eslBytes(gap time.Duration) []byte {
	var b bytes.Buffer
	b.WriteString("Content-Type: auth/request\n\nContent-Type: command/reply\nReply-Text: +OK accepted\n\n")
	at := time.UnixMicro(1_700_000_000_000_000)
	for i, e := range []string{
		"Event-Name: CHANNEL_CREATE\nUnique-ID: b\nChannel-Presence-ID: 1002%40pbx.test\nChannel-Call-State: DOWN\nCall-Direction: outbound",
		"Event-Name: CHANNEL_CALLSTATE\nUnique-ID: b\nChannel-Presence-ID: 1002%40pbx.test\nChannel-Call-State: RINGING",
		"Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: b\nChannel-Call-State: HANGUP",
		"Event-Name: CUSTOM\nEvent-Subclass: sofia%3A%3Aunregister\nprofile-name: phones\nfrom-user: 1003\nfrom-host: pbx.test\ncall-id: c\ncontact: %3Csip%3A1003%3E",
	} {
		body := fmt.Sprintf("%s\nCore-UUID: core\nEvent-Sequence: %d\nEvent-Date-Timestamp: %d\n\n", e, 10+i, at.Add(time.Duration(i)*gap).UnixMicro())
		fmt.Fprintf(&b, "Content-Length: %d\nContent-Type: text/event-plain\n\n%s", len(body), body)
	}
	b.WriteString("Content-Type: text/disconnect-notice\nContent-Length: 4\n\nbye\n")
	return b.Bytes()
}

// eslPeer is a client that reads frames.
type eslPeer struct {
	t  *testing.T
	nc net.Conn
	r  *bufio.Reader
}

func dialESL(t *testing.T, s *ESLServer) *eslPeer {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	p := &eslPeer{t, nc, bufio.NewReader(nc)}
	if head, _ := p.frame(); !strings.Contains(head, "auth/request") {
		t.Fatalf("greeted with %q", head)
	}
	return p
}

func (p *eslPeer) frame() (head, body string) {
	p.t.Helper()
	length := 0
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			return "EOF", head + line
		}
		if line == "\n" {
			break
		}
		head += line
		if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			if length, err = strconv.Atoi(strings.TrimSpace(v)); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	b := make([]byte, length)
	if _, err := io.ReadFull(p.r, b); err != nil {
		return "EOF", string(b)
	}
	return head, string(b)
}

// ask sends a command and returns the reply's text.
func (p *eslPeer) ask(cmd string) string {
	p.t.Helper()
	if _, err := io.WriteString(p.nc, cmd+"\r\n\r\n"); err != nil {
		p.t.Fatal(err)
	}
	head, body := p.frame()
	if _, text, ok := strings.Cut(head, "Reply-Text: "); ok {
		return strings.TrimSpace(text)
	}
	return body
}

func newESL(t *testing.T, cfg ESLConfig) *ESLServer {
	t.Helper()
	if cfg.Recording == nil {
		cfg.Recording = bytes.NewReader(eslBytes(time.Second))
	}
	s, err := NewESLServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestESLLoginAndEvents(t *testing.T) {
	s := newESL(t, ESLConfig{Password: "secret"})
	p := dialESL(t, s)
	if got := p.ask("auth wrong"); got != "-ERR invalid" {
		t.Errorf("wrong password: %q", got)
	}
	p = dialESL(t, s)
	if got := p.ask("api status"); got != "-ERR command not found" {
		t.Errorf("before the login: %q", got)
	}
	if got := p.ask("auth secret"); got != "+OK accepted" {
		t.Errorf("login: %q", got)
	}
	if got := p.ask("event plain"); !strings.HasPrefix(got, "-ERR") {
		t.Errorf("event without names: %q", got)
	}
	if got := p.ask("event plain CHANNEL_CALLSTATE CUSTOM sofia::unregister"); !strings.HasPrefix(got, "+OK") {
		t.Errorf("event: %q", got)
	}
	var delivered []int
	for {
		e, ok := s.Next()
		if !ok {
			break
		}
		if e.Delivered {
			delivered = append(delivered, e.Sequence)
		}
	}
	if fmt.Sprint(delivered) != "[11 13]" {
		t.Errorf("delivered %v, asked for 11 and 13", delivered)
	}
	for _, want := range []string{"Event-Sequence: 11", "Event-Sequence: 13", "bye"} {
		if _, body := p.frame(); !strings.Contains(body, want) {
			t.Errorf("got %q, want %s", body, want)
		}
	}
}

func TestESLAnswersFromTheState(t *testing.T) {
	s := newESL(t, ESLConfig{Users: []ESLUser{{"1002@pbx.test", "Bob"}}, Replies: map[string]string{"status": "fixed"}})
	p := dialESL(t, s)
	p.ask("auth ClueCon")
	check := func(cmd string, contains, lacks string) {
		t.Helper()
		got := p.ask("api " + cmd)
		if !strings.Contains(got, contains) || lacks != "" && strings.Contains(got, lacks) {
			t.Errorf("%s: %q, want %q and not %q", cmd, got, contains, lacks)
		}
	}
	check("status", "fixed", "")
	check("nosuch", "-ERR nosuch Command not found!", "")
	check("global_getvar core_uuid", "core", "")
	check("list_users", "1002|default|pbx.test|default|error/user_not_registered||Bob|1002", "1001")
	check("sofia xmlstatus", "<name>phones</name>", "")
	check("sofia xmlstatus profile phones reg", "<user>1003@pbx.test</user>", "") // it unregisters later
	check("sofia xmlstatus profile phones reg", "<user>1002@pbx.test</user>", "") // it is called
	check("show channels as json", `"row_count": 0`, "")
	s.Next()
	s.Next()
	check("show channels as json", `"callstate":"RINGING"`, "")
	check("show calls as json", `"b_uuid":""`, "")
	check("uuid_dump b json", `"Channel-Presence-ID":"1002@pbx.test"`, "")
	s.Drop() // happens, though nobody is told
	check("show channels as json", `"row_count": 0`, "")
	check("uuid_dump b json", "-ERR No such channel!", "")
	s.Next()
	check("sofia xmlstatus profile phones reg", "1002@pbx.test", "1003@pbx.test")
	check("valet_info", "<lots>", "")
	check("conference json_list", "[]", "")
}

func TestESLLagsBehind(t *testing.T) {
	s := newESL(t, ESLConfig{Lag: 1})
	p := dialESL(t, s)
	p.ask("auth ClueCon")
	s.Next()
	if got := p.ask("api show channels as json"); !strings.Contains(got, `"row_count": 0`) {
		t.Errorf("one event behind, but %q", got)
	}
	if got := p.ask("api uuid_dump b json"); !strings.Contains(got, "1002") {
		t.Errorf("uuid_dump is immediate, but %q", got)
	}
}

func TestESLSwapCutAndRestart(t *testing.T) {
	s := newESL(t, ESLConfig{})
	p := dialESL(t, s)
	p.ask("auth ClueCon")
	p.ask("event plain ALL")
	if a, b, ok := s.Swap(); !ok || a.Sequence != 11 || b.Sequence != 10 {
		t.Fatalf("swapped %d, %d, %v", a.Sequence, b.Sequence, ok)
	}
	for _, want := range []string{"Event-Sequence: 11", "Event-Sequence: 10"} {
		if _, body := p.frame(); !strings.Contains(body, want) {
			t.Errorf("got %q, want %s", body, want)
		}
	}
	s.Cut()
	if head, body := p.frame(); head != "EOF" || !strings.Contains(body, "Content-Length") && !strings.Contains(body, "Event-Name") {
		t.Errorf("got %q %q, want half a frame", head, body)
	}
	if n := s.Remaining(); n != 2 {
		t.Errorf("%d events remain, want 2", n)
	}
	if err := s.Restart(bytes.NewReader(eslBytes(time.Second))); err != nil {
		t.Fatal(err)
	}
	if e, ok := s.Peek(); !ok || e.Sequence != 10 || e.Name != "CHANNEL_CREATE" || s.Remaining() != 4 {
		t.Errorf("after the restart %+v, %v, %d remain", e, ok, s.Remaining())
	}
}

func TestESLPlaysAtItsPace(t *testing.T) {
	s := newESL(t, ESLConfig{Recording: bytes.NewReader(eslBytes(200 * time.Millisecond))})
	start := time.Now()
	if err := s.Play(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d < 60*time.Millisecond || d > 5*time.Second {
		t.Errorf("600 ms at ten times the pace took %v", d)
	}
	if s.Remaining() != 0 {
		t.Errorf("%d events remain", s.Remaining())
	}
	if err := s.Play(t.Context(), 0); err == nil {
		t.Error("factor 0 is accepted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s = newESL(t, ESLConfig{})
	if err := s.Play(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestESLRecordingErrors(t *testing.T) {
	for _, bad := range []string{"", "hello\n\nworld\n\n", "Content-Type: auth/request\n\n", "Content-Length: x\nContent-Type: text/event-plain\n\n",
		"Content-Length: 5\nContent-Type: text/event-plain\n\na: b\n", "\x1f\x8bnot gzip"} {
		if s, err := NewESLServer(ESLConfig{Recording: strings.NewReader(bad)}); err == nil {
			s.Close()
			t.Errorf("%q was accepted", bad)
		}
	}
}
