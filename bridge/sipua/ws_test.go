package sipua

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	gobwas "github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"blfbridge/bridge/certs"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// newWeb is a server that listens on WS and WSS too.
func newWeb(t *testing.T, change func(*Config)) *secure {
	t.Helper()
	return newSecure(t, func(c *Config, _ *certs.Files) {
		any4 := netip.MustParseAddrPort("127.0.0.1:0")
		c.Listen = append(c.Listen, Listen{subscription.WS, any4}, Listen{subscription.WSS, any4})
		if change != nil {
			change(c)
		}
	})
}

// wsPhone is a phone in a browser, by another WebSocket library than the server's.
type wsPhone struct {
	t    *testing.T
	conn *websocket.Conn
	via  string
	addr netip.AddrPort // of its socket
}

// dialWS connects; the error is the handshake's.
func (s *secure) dialWS(tr subscription.Transport, h http.Header, protocols ...string) (*wsPhone, *http.Response, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	p := &wsPhone{t: s.t, via: tr.String()}
	transport := &http.Transport{
		TLSClientConfig: s.client.Clone(), DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err == nil {
				p.addr = c.LocalAddr().(*net.TCPAddr).AddrPort()
			}
			return c, err
		},
	}
	url := strings.ToLower(tr.String()) + "://" + s.at(tr).String() + "/sip?x=1"
	c, res, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		Subprotocols: protocols, HTTPHeader: h, HTTPClient: &http.Client{Transport: transport},
	})
	if err == nil {
		p.conn = c
		c.SetReadLimit(1 << 20)
		s.t.Cleanup(func() { _ = c.CloseNow() })
	}
	return p, res, err
}

func (s *secure) wsPhone(tr subscription.Transport) *wsPhone {
	s.t.Helper()
	p, _, err := s.dialWS(tr, nil, "sip")
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (p *wsPhone) send(kind websocket.MessageType, msg string) {
	p.t.Helper()
	if err := p.conn.Write(p.t.Context(), kind, []byte(msg)); err != nil {
		p.t.Fatal(err)
	}
}

// next reads one WebSocket message.
func (p *wsPhone) next() (websocket.MessageType, string, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Second)
	defer cancel()
	kind, b, err := p.conn.Read(ctx)
	return kind, string(b), err
}

func (p *wsPhone) read() response {
	p.t.Helper()
	_, msg, err := p.next()
	if err != nil {
		p.t.Fatal(err)
	}
	return parseResponseText(p.t, msg)
}

// closedWith waits for the server's close frame.
func (p *wsPhone) closedWith(want websocket.StatusCode) {
	p.t.Helper()
	for {
		if _, _, err := p.next(); err != nil {
			if got := websocket.CloseStatus(err); got != want {
				p.t.Errorf("closed with %d (%v), want %d", got, err, want)
			}
			return
		}
	}
}

func (p *wsPhone) subscribe() *request {
	q := subscribeTo("sip:1001@x.test", netip.MustParseAddrPort("192.0.2.1:1")).over(p.via)
	q.with("Via", "SIP/2.0/"+p.via+" df7jal23ls0d.invalid;branch="+q.branch)
	return q.with("Contact", "<sip:1002@df7jal23ls0d.invalid;transport=ws>")
}

func TestSubscribeOverWebSocket(t *testing.T) {
	s := newWeb(t, nil)
	for _, tr := range []subscription.Transport{subscription.WS, subscription.WSS} {
		p := s.wsPhone(tr)
		p.send(websocket.MessageText, p.subscribe().String())
		res := p.read()
		if want := "<sip:1001@" + s.at(tr).String() + ";transport=ws>"; res.code != 200 || res.get("Contact") != want {
			t.Fatalf("got\n%s", res.raw)
		}
		sub := next(t, s.rec.subscribes, "SUBSCRIBE")
		want := notifier.Flow{Transport: tr, Local: s.at(tr), Remote: p.addr}
		if sub.Flow != want || sub.Cold.Transport != tr.String() {
			t.Errorf("flow %v, want %v", sub.Flow, want)
		}
		// Binary, and without the Content-Length that WebSocket makes superfluous.
		q := p.subscribe().with("Content-Length", "")
		q.body = "hello"
		p.send(websocket.MessageBinary, q.String())
		if res := p.read(); res.code != 200 {
			t.Errorf("got\n%s", res.raw)
		}
		next(t, s.rec.subscribes, "SUBSCRIBE")
		// One NOTIFY, one frame; its answer does not reach sipgo.
		for _, c := range []struct {
			body string
			kind websocket.MessageType
		}{{"lamp\r\n\r\n", websocket.MessageText}, {"\xff\xfe", websocket.MessageBinary}} {
			msg := fmt.Sprintf("NOTIFY sip:x SIP/2.0\r\nContent-Length: %d\r\n\r\n%s", len(c.body), c.body)
			if err := s.Send(sub.Flow, []byte(msg)); err != nil {
				t.Fatal(err)
			}
			if kind, got, err := p.next(); err != nil || kind != c.kind || got != msg {
				t.Errorf("%v %v %q", kind, err, got)
			}
		}
		branch := notifier.BranchPrefix + "1.2.3.abc"
		p.send(websocket.MessageText, strings.Replace(notifyResponse(branch, ""), "Content-Length: 0\r\n", "", 1))
		if got := next(t, s.rec.responses, "response"); got.Branch != notifier.ParseBranch(branch) || got.Status != 200 {
			t.Errorf("got %+v", got)
		}
		// A CRLF ping of who knows it from TCP; a WebSocket ping.
		p.send(websocket.MessageText, "\r\n\r\n")
		if _, pong, err := p.next(); err != nil || pong != "\r\n" {
			t.Errorf("pong %q %v", pong, err)
		}
		p.send(websocket.MessageText, "\r\n")
		reader := p.conn.CloseRead(t.Context())
		if err := p.conn.Ping(reader); err != nil {
			t.Errorf("ping: %v", err)
		}
		_ = p.conn.CloseNow()
		if f := next(t, s.rec.closed, "FlowClosed"); f != want {
			t.Errorf("closed %v", f)
		}
		if err := s.Send(sub.Flow, []byte("x")); !errors.Is(err, notifier.ErrNoFlow) {
			t.Errorf("a browser was called: %v", err)
		}
	}
}

func TestWebSocketHandshake(t *testing.T) {
	s := newWeb(t, func(c *Config) { c.WebSocket.Origins = []string{"https://phone.example.com/"} })
	own := "http://" + s.at(subscription.WS).Addr().String() + ":3000"
	for name, c := range map[string]struct {
		protocols []string
		origin    string
		status    int
	}{
		"no browser":           {[]string{"sip"}, "", 101},
		"several protocols":    {[]string{"xmpp", "sip"}, "", 101},
		"no protocol":          {nil, "", 400},
		"another protocol":     {[]string{"xmpp"}, "", 400},
		"our own page":         {[]string{"sip"}, own, 101},
		"a listed page":        {[]string{"sip"}, "https://phone.example.com", 101},
		"a listed page, plain": {[]string{"sip"}, "http://phone.example.com", 403},
		"another page":         {[]string{"sip"}, "https://evil.example", 403},
		"a file":               {[]string{"sip"}, "null", 403},
	} {
		h := http.Header{}
		if c.origin != "" {
			h.Set("Origin", c.origin)
		}
		p, res, err := s.dialWS(subscription.WS, h, c.protocols...)
		if res == nil || res.StatusCode != c.status {
			t.Errorf("%s: %v %v, want %d", name, res, err, c.status)
		}
		if err == nil {
			_ = p.conn.CloseNow()
		}
	}
	// A name that somebody made to point at us is not our own.
	if s.originAllowed("http://rebound.example:8080", "rebound.example:8080") {
		t.Error("a page may connect because it names itself")
	}
	for name, c := range map[string]struct {
		request string
		status  string
	}{
		"a web page":  {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 4"},
		"old version": {"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n", "HTTP/1.1 426"},
		"SIP":         {"OPTIONS sip:x SIP/2.0\r\n\r\n", ""},
		"endless":     {"GET / HTTP/1.1\r\nCookie: " + strings.Repeat("x", 20<<10), ""},
		"nothing":     {"", ""},
	} {
		conn := s.dial("127.0.0.1", s.at(subscription.WS))
		_, _ = io.WriteString(conn, c.request)
		if c.request == "" {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		got, err := io.ReadAll(conn)
		if isTimeout(err) || !strings.HasPrefix(string(got), c.status) {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

// TestWebSocketThroughProxy: whose address is hidden is in no trusted network.
func TestWebSocketThroughProxy(t *testing.T) {
	s := newWeb(t, nil)
	for header, want := range map[string]int{"X-Nothing": 200, "X-Forwarded-For": 401, "Forwarded": 401} {
		p, _, err := s.dialWS(subscription.WS, http.Header{header: {"203.0.113.9"}}, "sip")
		if err != nil {
			t.Fatal(err)
		}
		p.send(websocket.MessageText, p.subscribe().String())
		if res := p.read(); res.code != want {
			t.Errorf("%s: %d, want %d", header, res.code, want)
		}
	}
}

// rawWS is a WebSocket whose frames a test writes itself.
func (s *secure) rawWS() (net.Conn, *wsPhone) {
	s.t.Helper()
	conn := s.dial("127.0.0.1", s.at(subscription.WS))
	d := gobwas.Dialer{Protocols: []string{"sip"}, NetDial: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
	if _, _, _, err := d.Dial(s.t.Context(), "ws://"+s.at(subscription.WS).String()+"/"); err != nil {
		s.t.Fatal(err)
	}
	return conn, &wsPhone{t: s.t, via: "WS"}
}

func frame(op gobwas.OpCode, fin bool, payload string) []byte {
	return gobwas.MustCompileFrame(gobwas.MaskFrame(gobwas.NewFrame(op, fin, []byte(payload))))
}

// readFrame reads one frame of the server.
func readFrame(t *testing.T, r io.Reader) gobwas.Frame {
	t.Helper()
	f, err := gobwas.ReadFrame(r)
	if err != nil {
		t.Fatal(err)
	}
	if f.Header.Masked {
		t.Error("a server's frame is masked")
	}
	return f
}

// TestWebSocketFragments: a message in many frames, each in many packets, with control
// frames between.
func TestWebSocketFragments(t *testing.T) {
	s := newWeb(t, nil)
	conn, p := s.rawWS()
	var all []byte
	msg := p.subscribe().String()
	for i := 0; i < len(msg); i += 50 {
		op := gobwas.OpContinuation
		if i == 0 {
			op = gobwas.OpText
		}
		end := min(i+50, len(msg))
		all = append(all, frame(op, false, msg[i:end])...)
		if i == 100 {
			all = append(all, frame(gobwas.OpPing, true, "here?")...)
		}
	}
	all = append(all, frame(gobwas.OpContinuation, true, "")...)
	all = append(all, frame(gobwas.OpText, true, p.subscribe().String())...)
	for i := 0; i < len(all); i += 7 {
		if _, err := conn.Write(all[i:min(i+7, len(all))]); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	r := bufio.NewReader(conn)
	if f := readFrame(t, r); f.Header.OpCode != gobwas.OpPong || string(f.Payload) != "here?" {
		t.Errorf("got %+v", f)
	}
	for range 2 {
		if f := readFrame(t, r); f.Header.OpCode != gobwas.OpText || !f.Header.Fin || !strings.HasPrefix(string(f.Payload), "SIP/2.0 200") {
			t.Errorf("got %+v", f)
		}
	}
}

// TestWebSocketBreaches: each is answered by the close code that RFC 6455 §7.4.1 has for it.
func TestWebSocketBreaches(t *testing.T) {
	s := newWeb(t, func(c *Config) { c.Limits.HeaderBytes, c.Limits.BodyBytes = 1000, 1000 })
	for name, c := range map[string]struct {
		bytes []byte
		code  gobwas.StatusCode
	}{
		"not masked":            {gobwas.MustCompileFrame(gobwas.NewTextFrame([]byte("x"))), 1002},
		"reserved opcode":       {frame(0x3, true, "x"), 1002},
		"reserved bits":         {gobwas.MustCompileFrame(gobwas.MaskFrame(gobwas.Frame{Header: gobwas.Header{Fin: true, Rsv: gobwas.Rsv(true, false, false), OpCode: gobwas.OpText, Length: 1}, Payload: []byte("x")})), 1002},
		"continuation of none":  {frame(gobwas.OpContinuation, true, "x"), 1002},
		"message in a message":  {append(frame(gobwas.OpText, false, "x"), frame(gobwas.OpText, true, "x")...), 1002},
		"long ping":             {frame(gobwas.OpPing, true, strings.Repeat("x", 126)), 1002},
		"fragmented ping":       {frame(gobwas.OpPing, false, "x"), 1002},
		"no text":               {frame(gobwas.OpText, true, "\xff"), 1007},
		"too large":             {frame(gobwas.OpText, true, strings.Repeat("x", 2001))[:14], 1009},
		"too large, in pieces":  {append(frame(gobwas.OpText, false, strings.Repeat("x", 1500)), frame(gobwas.OpContinuation, true, strings.Repeat("x", 501))...), 1009},
		"a claim of exabytes":   {[]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, 1009},
		"a negative length":     {[]byte{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, 1002},
		"closed":                {frame(gobwas.OpClose, true, "\x03\xe8bye"), 1000},
		"closed, leaving":       {frame(gobwas.OpClose, true, "\x03\xe9"), 1001},
		"closed without status": {frame(gobwas.OpClose, true, ""), 1000},
		"closed by half a code": {frame(gobwas.OpClose, true, "\x03"), 1002},
		"closed, reserved code": {frame(gobwas.OpClose, true, "\x03\xed"), 1002},
	} {
		conn, _ := s.rawWS()
		if _, err := conn.Write(c.bytes); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		f, err := gobwas.ReadFrame(conn)
		if err != nil || f.Header.OpCode != gobwas.OpClose {
			t.Errorf("%s: %+v %v", name, f, err)
			continue
		}
		if code, _ := gobwas.ParseCloseFrameData(f.Payload); code != c.code {
			t.Errorf("%s: closed with %d, want %d", name, code, c.code)
		}
		if _, err := conn.Read(make([]byte, 1)); isTimeout(err) || err == nil {
			t.Errorf("%s: stays open: %v", name, err)
		}
	}
	waitFor(t, func() bool { return testutil.ToFloat64(s.metrics.connections.WithLabelValues("WS")) == 0 })
}

// TestWebSocketBadSIP: what cannot be SIP is answered, and the WebSocket goes on.
func TestWebSocketBadSIP(t *testing.T) {
	s := newWeb(t, nil)
	p := s.wsPhone(subscription.WS)
	for _, c := range []struct {
		msg  string
		code int
	}{
		{p.subscribe().with("CSeq", "x").String(), 400},
		{p.subscribe().with("Content-Length", "99").String(), 400},
		{strings.TrimSuffix(p.subscribe().String(), "\r\n\r\n"), 400},
		{p.subscribe().String() + "SUBSCRIBE sip:second@in.one SIP/2.0\r\n\r\n", 200},
	} {
		p.send(websocket.MessageText, c.msg)
		if res := p.read(); res.code != c.code {
			t.Errorf("want %d, got\n%s", c.code, res.raw)
		}
	}
	p.send(websocket.MessageText, "hello")
	p.send(websocket.MessageText, "")
	p.send(websocket.MessageText, p.subscribe().String())
	if res := p.read(); res.code != 200 {
		t.Error(res.raw)
	}
}

// TestWebSocketPeersGone: who answers no ping is closed, who is quiet and answers is not;
// a half-open one costs a goroutine less than it takes to notice.
func TestWebSocketPeersGone(t *testing.T) {
	s := newWeb(t, func(c *Config) { c.Timeouts.Ping, c.Timeouts.Message = 100*time.Millisecond, 300*time.Millisecond })
	alive := s.wsPhone(subscription.WS)
	deaf, _ := s.rawWS()
	ended := make(chan error, 1)
	go func() { _, _, err := alive.conn.Read(t.Context()); ended <- err }()
	waitFor(t, func() bool { return testutil.ToFloat64(s.metrics.closed.WithLabelValues(closedIdle)) == 1 })
	newStreamPhone(t, deaf).isClosed()
	time.Sleep(500 * time.Millisecond)
	select {
	case err := <-ended:
		t.Errorf("who answers pings was closed: %v", err)
	default:
	}
	// A message that does not end, though pings go to and fro.
	slow, _ := s.rawWS()
	if _, err := slow.Write(frame(gobwas.OpText, false, "SUBSCRIBE ")); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 40; i++ {
		if _, err := slow.Write(frame(gobwas.OpContinuation, false, "")); err != nil {
			break
		}
		_, _ = slow.Write(frame(gobwas.OpPong, true, ""))
		time.Sleep(20 * time.Millisecond)
	}
	waitFor(t, func() bool { return testutil.ToFloat64(s.metrics.closed.WithLabelValues(closedSlow)) == 1 })
	_ = alive.conn.CloseNow()
	<-ended
}

// TestWebSocketStop: browsers are told that the server goes.
func TestWebSocketStop(t *testing.T) {
	s := newWeb(t, nil)
	p := s.wsPhone(subscription.WSS)
	p.send(websocket.MessageText, p.subscribe().String())
	p.read()
	go s.stop()
	p.closedWith(websocket.StatusGoingAway)
}

// TestWebSocketStalled: no Send blocks, and the queue is bounded.
func TestWebSocketStalled(t *testing.T) {
	s := newWeb(t, func(c *Config) { c.Timeouts.Write = time.Hour })
	p := s.wsPhone(subscription.WSS)
	p.send(websocket.MessageText, p.subscribe().String())
	p.read()
	f := next(t, s.rec.subscribes, "SUBSCRIBE").Flow
	start := time.Now()
	for msg := make([]byte, 64<<10); s.Send(f, msg) == nil; {
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("Sends took %v", took)
	}
	if got := next(t, s.rec.closed, "FlowClosed"); got != f {
		t.Errorf("closed %v", got)
	}
}

// TestUpgradeFlood: half a handshake holds up nobody.
func TestUpgradeFlood(t *testing.T) {
	s := newWeb(t, func(c *Config) {
		c.Limits.Handshakes, c.Limits.HandshakesPerSource = 60, 40
		c.Timeouts.Handshake = 2 * time.Second
	})
	var half []net.Conn
	for range 45 {
		c := s.dial("127.0.0.9", s.at(subscription.WS))
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n")
		half = append(half, c)
	}
	p := s.wsPhone(subscription.WS)
	p.send(websocket.MessageText, p.subscribe().String())
	if res := p.read(); res.code != 200 {
		t.Error(res.raw)
	}
	for _, c := range half {
		newStreamPhone(t, c).isClosed()
	}
}

func FuzzWebSocket(f *testing.F) {
	q := subscribeTo("sip:1001@x.test", netip.MustParseAddrPort("127.0.0.1:9")).String()
	f.Add(frame(gobwas.OpText, true, q), uint16(30))
	f.Add(append(frame(gobwas.OpBinary, false, q[:40]), frame(gobwas.OpContinuation, true, q[40:])...), uint16(3))
	f.Add(append(frame(gobwas.OpPing, true, "x"), frame(gobwas.OpClose, true, "\x03\xe8")...), uint16(4))
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		at := min(int(cut), len(data))
		one, err := frameAll(s, subscription.WS, append([]byte(nil), data...))
		two, err2 := frameAll(s, subscription.WS, append([]byte(nil), data[:at]...), append([]byte(nil), data[at:]...))
		if one != two || (err == nil) != (err2 == nil) {
			t.Errorf("cut at %d:\n%q %v\n%q %v", at, one, err, two, err2)
		}
	})
}
