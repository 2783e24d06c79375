package sipua

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Notifier that notes what it is given.
type recorder struct {
	subscribes chan notifier.Subscribe
	responses  chan notifier.Response
	closed, up chan notifier.Flow
	// answer is called for each SUBSCRIBE if not nil, else it is granted at once.
	answer atomic.Pointer[func(notifier.Subscribe)]
	full   atomic.Bool // new subscriptions would be turned away
}

func newRecorder() *recorder {
	return &recorder{
		subscribes: make(chan notifier.Subscribe, 4096), responses: make(chan notifier.Response, 4096),
		closed: make(chan notifier.Flow, 4096), up: make(chan notifier.Flow, 4096),
	}
}

func (r *recorder) Subscribe(s *notifier.Subscribe) {
	c := *s // it is sipua's again when it is answered
	r.subscribes <- c
	if f := r.answer.Load(); f != nil {
		(*f)(c)
		return
	}
	c.Answer(notifier.Answer{Status: 200, LocalTag: "lt", Expires: c.Expires})
}
func (r *recorder) answers(f func(notifier.Subscribe)) { r.answer.Store(&f) }

func (r *recorder) Responses(all ...notifier.Response) {
	for _, x := range all {
		r.responses <- x
	}
}
func (r *recorder) FlowClosed(f notifier.Flow) { r.closed <- f }
func (r *recorder) FlowUp(f notifier.Flow)     { r.up <- f }
func (r *recorder) Full(string) bool           { return r.full.Load() }

// names is a Resolver that knows what it holds; a name with no address never answers.
type names map[string]netip.Addr

func (n names) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	a, ok := n[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if !a.IsValid() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return []netip.Addr{a}, nil
}

func next[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(5 * time.Second):
		t.Fatalf("no %s", what)
	}
	panic("unreachable")
}

func none[T any](t *testing.T, c <-chan T, what string) {
	t.Helper()
	select {
	case v := <-c:
		t.Fatalf("unexpected %s: %+v", what, v)
	case <-time.After(50 * time.Millisecond):
	}
}

// rig is a server under test with a recording notifier.
type rig struct {
	*Server
	t        *testing.T
	rec      *recorder
	udp, tcp netip.AddrPort
	stop     func() // ends Run and waits for it
}

func compile(t testing.TB, d policy.Document) *policy.Snapshot {
	t.Helper()
	s, err := policy.Compile(&d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newRig starts a server on loopback, which learns every number; change edits its configuration.
func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	snap := compile(t, policy.Document{})
	any4 := netip.MustParseAddrPort("127.0.0.1:0")
	c := Config{
		Listen:  []Listen{{subscription.UDP, any4}, {subscription.TCP, any4}},
		Policy:  func() *policy.Snapshot { return snap },
		Learned: func(_, number string) bool { return strings.HasPrefix(number, "1") },
	}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Server: s, t: t, rec: newRecorder()}
	for _, a := range s.Addrs() {
		if a.Transport == subscription.UDP && !r.udp.IsValid() {
			r.udp = a.Addr
		}
		if a.Transport == subscription.TCP && !r.tcp.IsValid() {
			r.tcp = a.Addr
		}
	}
	s.SetNotifier(r.rec)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	r.stop = func() { cancel(); wg.Wait() }
	t.Cleanup(r.stop)
	return r
}

// udpPhone is a raw UDP socket.
type udpPhone struct {
	t    *testing.T
	conn *net.UDPConn
	to   netip.AddrPort
}

func (r *rig) udpPhone() *udpPhone { return newUDPPhone(r.t, "127.0.0.1:0", r.udp) }

func newUDPPhone(t *testing.T, local string, to netip.AddrPort) *udpPhone {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(local)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &udpPhone{t, conn, to}
}

func (p *udpPhone) addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (p *udpPhone) send(msg string) {
	p.t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort([]byte(msg), p.to); err != nil {
		p.t.Fatal(err)
	}
}

// tryRead waits for a datagram of the server. Those of others are left out: this port may
// have been one of a test in another process, which sends its NOTIFYs again for 32 s.
func (p *udpPhone) tryRead(wait time.Duration) (string, bool) {
	buf := make([]byte, maxDatagram)
	_ = p.conn.SetReadDeadline(time.Now().Add(wait))
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil || netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) == p.to {
			return string(buf[:n]), err == nil
		}
	}
}

func (p *udpPhone) read() response {
	p.t.Helper()
	msg, ok := p.tryRead(5 * time.Second)
	if !ok {
		p.t.Fatal("no response")
	}
	return parseResponseText(p.t, msg)
}

func (p *udpPhone) silent() {
	p.t.Helper()
	if msg, ok := p.tryRead(100 * time.Millisecond); ok {
		p.t.Fatalf("unexpected answer:\n%s", msg)
	}
}

// ask sends a message and returns the answer.
func (p *udpPhone) ask(msg string) response {
	p.t.Helper()
	p.send(msg)
	return p.read()
}

// tcpPhone is a raw TCP connection.
type tcpPhone struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func (r *rig) tcpPhone() *tcpPhone { return newStreamPhone(r.t, r.dial("127.0.0.1", r.tcp)) }

func newStreamPhone(t *testing.T, conn net.Conn) *tcpPhone {
	return &tcpPhone{t, conn, bufio.NewReader(conn)}
}

// dial connects from an address of loopback.
func (r *rig) dial(from string, to netip.AddrPort) net.Conn {
	r.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second, Control: reuseAddr}
	conn, err := d.Dial("tcp", to.String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// at is the first address that a transport listens on.
func (r *rig) at(tr subscription.Transport) netip.AddrPort {
	r.t.Helper()
	for _, a := range r.Addrs() {
		if a.Transport == tr {
			return a.Addr
		}
	}
	r.t.Fatalf("nothing listens on %s", tr)
	return netip.AddrPort{}
}

func (p *tcpPhone) addr() netip.AddrPort { return p.conn.LocalAddr().(*net.TCPAddr).AddrPort() }

func (p *tcpPhone) send(msg string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, msg); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tcpPhone) read() response {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	var b bytes.Buffer
	length := 0
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			p.t.Fatalf("reading: %v after %q", err, b.String())
		}
		b.WriteString(line)
		if name, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Content-Length") {
			length, _ = strconv.Atoi(strings.TrimSpace(v))
		}
		if line == "\r\n" && b.Len() > 2 {
			break
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(p.r, body); err != nil {
		p.t.Fatal(err)
	}
	return parseResponseText(p.t, b.String()+string(body))
}

// isClosed waits for the peer to hang up.
func (p *tcpPhone) isClosed() {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.Copy(io.Discard, p.r); isTimeout(err) {
		p.t.Fatal("the connection stays open")
	}
}

// response is a message read back: its first line and headers by lower-case name.
type response struct {
	code    int
	headers map[string][]string
	raw     string
}

func (r response) get(name string) string {
	return strings.Join(r.headers[strings.ToLower(name)], " | ")
}

func parseResponseText(t *testing.T, msg string) response {
	t.Helper()
	r := response{headers: make(map[string][]string), raw: msg}
	lines := strings.Split(strings.SplitN(msg, "\r\n\r\n", 2)[0], "\r\n")
	parts := strings.SplitN(lines[0], " ", 3)
	if len(parts) < 2 {
		t.Fatalf("no status line: %q", msg)
	}
	r.code, _ = strconv.Atoi(parts[1])
	for _, l := range lines[1:] {
		n, v, _ := strings.Cut(l, ":")
		n = strings.ToLower(n)
		r.headers[n] = append(r.headers[n], strings.TrimSpace(v))
	}
	return r
}

// request is a SUBSCRIBE whose lines can be changed: a header given replaces the usual
// one, an empty value removes it.
type request struct {
	method, uri, transport string
	local                  netip.AddrPort
	headers                map[string]string
	extra                  []string
	body                   string
	cseq                   int
	callID, branch         string
}

var ids atomic.Int64

func subscribeTo(uri string, local netip.AddrPort) *request {
	n := ids.Add(1)
	return &request{
		method: "SUBSCRIBE", uri: uri, transport: "UDP", local: local, cseq: 1,
		headers: map[string]string{}, callID: fmt.Sprintf("call-%d@test", n), branch: fmt.Sprintf("z9hG4bKt%d", n),
	}
}

func (r *request) with(name, value string) *request { r.headers[name] = value; return r }
func (r *request) line(l string) *request           { r.extra = append(r.extra, l); return r }
func (r *request) over(t string) *request           { r.transport = t; return r }

func (r *request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", r.method, r.uri)
	for _, h := range [][2]string{
		{"Via", fmt.Sprintf("SIP/2.0/%s %s;branch=%s;rport", r.transport, r.local, r.branch)},
		{"Max-Forwards", "70"},
		{"From", `"Ann" <sip:1002@example.test>;tag=ft`},
		{"To", "<" + r.uri + ">"},
		{"Call-ID", r.callID},
		{"CSeq", fmt.Sprintf("%d %s", r.cseq, r.method)},
		{"Contact", fmt.Sprintf("<sip:1002@%s>", r.local)},
		{"Event", "dialog"},
		{"Expires", "600"},
		{"Content-Length", strconv.Itoa(len(r.body))},
	} {
		v, changed := r.headers[h[0]]
		if !changed {
			v = h[1]
		}
		if v != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", h[0], v)
		}
	}
	for _, l := range r.extra {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("\r\n" + r.body)
	return b.String()
}
