package edge

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/siptest"
	"blfbridge/bridge/sipua"
	"blfbridge/bridge/subscription"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is a network in memory: what the edge sends lies there until it is read.
type wire struct {
	t      *testing.T
	listen []sipua.Listen
	mu     sync.Mutex // guards sent
	sent   []sent
	// gone are connections that are not there, opening those that Send begins to open.
	gone, opening map[notifier.Flow]bool
	opened        int
	// wrote, if set, is called after each message.
	wrote func(notifier.Flow)
	// full refuses every request.
	full bool
	// public is what phones reach every socket by; empty: the socket's own address.
	public string
}

type sent struct {
	flow notifier.Flow
	raw  []byte
	msg  *siptest.Message
}

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func (n *wire) Send(f notifier.Flow, b []byte) error {
	if n.opening[f] {
		n.opened++
		return notifier.ErrConnecting
	}
	return n.Write(f, b)
}

func (n *wire) Write(f notifier.Flow, b []byte) error {
	if n.gone[f] {
		return notifier.ErrNoFlow
	}
	raw := bytes.Clone(b)
	m, err := siptest.ParseMessage(raw)
	if err != nil {
		n.t.Errorf("an illegal message was sent: %v\n%s", err, b)
		return nil
	}
	n.mu.Lock()
	n.sent = append(n.sent, sent{f, raw, m})
	n.mu.Unlock()
	if n.wrote != nil {
		n.wrote(f)
	}
	return nil
}

func (n *wire) Advertised(local netip.AddrPort) string        { return cmp.Or(n.public, local.String()) }
func (n *wire) Peer(notifier.Flow, string, func(*tls.Config)) {}
func (n *wire) Dialled(uri []byte) bool                       { return bytes.HasPrefix(uri, []byte("sip:*55")) }
func (n *wire) Allow(netip.Addr) bool                         { return !n.full }
func (n *wire) Addrs() []sipua.Listen                         { return n.listen }
func (n *wire) Ours(host string) bool {
	for _, l := range n.listen {
		if l.Addr.Addr().String() == strings.Trim(host, "[]") {
			return true
		}
	}
	return false
}

// The addresses of the tests: the edge's two sides, the PBXs, a phone behind a NAT.
var (
	outside  = addr("198.51.100.1:5060")
	inside   = addr("127.0.0.1:5060")
	pbxOne   = notifier.Flow{Transport: subscription.UDP, Local: inside, Remote: addr("127.0.0.11:5060")}
	pbxTwo   = notifier.Flow{Transport: subscription.UDP, Local: inside, Remote: addr("127.0.0.12:5060")}
	phoneUDP = notifier.Flow{Transport: subscription.UDP, Local: outside, Remote: addr("203.0.113.7:31000")}
	phoneTCP = notifier.Flow{Transport: subscription.TCP, Local: outside, Remote: addr("203.0.113.7:31001")}
	stranger = notifier.Flow{Transport: subscription.UDP, Local: outside, Remote: addr("192.0.2.66:5060")}
)

type rig struct {
	*wire
	e *Edge
}

// inRig runs a test in virtual time with a running edge.
func inRig(t *testing.T, change func(*Config), test func(*testing.T, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, change)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { _ = r.e.Run(ctx); close(done) }()
		defer func() { stop(); <-done }()
		synctest.Wait()
		r.drain() // the first OPTIONS
		test(t, r)
	})
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	n := &wire{t: t, gone: map[notifier.Flow]bool{}, opening: map[notifier.Flow]bool{}, listen: []sipua.Listen{
		{Transport: subscription.UDP, Addr: outside}, {Transport: subscription.TCP, Addr: outside},
		{Transport: subscription.UDP, Addr: inside},
	}}
	c := Config{
		Network: n, Key: bytes.Repeat([]byte("k"), 32), Timers: Timers{Check: 24 * time.Hour},
		PBX: []PBX{{Name: "one", Transport: subscription.UDP, Host: "127.0.0.11", Port: 5060}, {Name: "two", Transport: subscription.UDP, Host: "127.0.0.12", Port: 5060}},
	}
	if change != nil {
		change(&c)
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{n, e}
}

// pass lets time pass and the edge do what is due.
func (r *rig) pass(d time.Duration) {
	r.mu.Lock() // what was read before comes before what is written now
	r.mu.Unlock()
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) drain() {
	r.mu.Lock()
	r.sent = nil
	r.mu.Unlock()
}

// give hands the edge a message; the wire's copy is its own.
func (r *rig) give(f notifier.Flow, msg string) bool {
	return r.e.Take(sipua.Packet{Msg: []byte(msg), Flow: f})
}

// mustGive is give of what the edge must take.
func (r *rig) mustGive(f notifier.Flow, msg string) {
	r.t.Helper()
	if !r.give(f, msg) {
		r.t.Fatalf("not taken:\n%s", msg)
	}
}

// next is the one message that was sent to a flow since.
func (r *rig) next(f notifier.Flow) *siptest.Message {
	r.t.Helper()
	if len(r.sent) != 1 || r.sent[0].flow != f {
		r.t.Fatalf("want one message to %v, got:\n%s", f, r.all())
	}
	m := r.sent[0].msg
	r.drain()
	return m
}

// to are the messages that were sent to a flow since; others stay.
func (r *rig) to(f notifier.Flow) (list []*siptest.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var rest []sent
	for _, s := range r.sent {
		if s.flow == f {
			list = append(list, s.msg)
		} else {
			rest = append(rest, s)
		}
	}
	r.sent = rest
	return list
}

func (r *rig) nothing() {
	r.t.Helper()
	if len(r.sent) > 0 {
		r.t.Fatalf("nothing was to be sent, got:\n%s", r.all())
	}
}

func (r *rig) all() string {
	var b strings.Builder
	for _, s := range r.sent {
		fmt.Fprintf(&b, "-> %v\n%s\n", s.flow, s.raw)
	}
	return b.String()
}

// req is a request of a phone; lines are further header lines.
type req struct {
	method, uri, branch, from, to string
	lines                         []string
	body                          string
}

func (q req) String() string {
	def := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	def(&q.uri, "sip:1002@pbx.test")
	def(&q.branch, "z9hG4bK1")
	def(&q.from, "<sip:1001@pbx.test>;tag=a")
	def(&q.to, "<sip:1002@pbx.test>")
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.5:5060;rport;branch=%s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: c1\r\nCSeq: 1 %s\r\n",
		q.method, q.uri, q.branch, q.from, q.to, q.method)
	for _, l := range q.lines {
		b.WriteString(l + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(q.body), q.body)
	return b.String()
}

// answerTo is the response to a request that the edge sent.
func answerTo(m *siptest.Message, status int, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d X\r\n", status)
	for _, h := range m.Headers {
		switch strings.ToLower(h.Name) {
		case "via", "from", "call-id", "cseq", "record-route":
			fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
		case "to":
			if !strings.Contains(h.Value, "tag=") && status > 100 {
				h.Value += ";tag=b"
			}
			fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
		}
	}
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return b.String()
}

// register registers a phone by a flow and returns the Path that its PBX got.
func (r *rig) register(f notifier.Flow, user string) (path string) {
	r.t.Helper()
	contact := "<sip:" + user + "@" + f.Remote.String() + ">"
	r.mustGive(f, req{
		method: "REGISTER", uri: "sip:pbx.test", branch: fmt.Sprint("z9hG4bKreg", user, f.Remote.Port()), from: "<sip:" + user + "@pbx.test>;tag=r", to: "<sip:" + user + "@pbx.test>",
		lines: []string{"Contact: " + contact, "Expires: 600"},
	}.String())
	m := r.next(pbxOne)
	r.mustGive(pbxOne, answerTo(m, 200, "Contact: "+contact+";expires=600"))
	if res := r.next(f); res.Code != 200 {
		r.t.Fatalf("registering got %s", res)
	}
	return m.Get("Path")
}

// torture are the messages of RFC 4475.
func torture(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../sipua/testdata/torture/" + name + ".dat")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
