package sipua

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// granter is a Notifier that grants everything.
type granter struct{}

func (granter) Subscribe(s *notifier.Subscribe) {
	s.Answer(notifier.Answer{Status: 200, LocalTag: "t", Expires: s.Expires})
}
func (granter) Responses(...notifier.Response) {}
func (granter) FlowClosed(notifier.Flow)       {}
func (granter) FlowUp(notifier.Flow)           {}
func (granter) FlowFailed(notifier.Flow)       {}
func (granter) Full(string) bool               { return false }

// sink is a connection of sipgo's that keeps what is written.
type sink struct {
	local   net.Addr
	written []string
}

func (c *sink) LocalAddr() net.Addr          { return c.local }
func (c *sink) WriteMsg(m sip.Message) error { c.written = append(c.written, m.String()); return nil }
func (c *sink) Ref(int) int                  { return 1 }
func (c *sink) TryClose() (int, error)       { return 1, nil }
func (c *sink) Close() error                 { return nil }

func fuzzServer(f *testing.F) *Server {
	c := newConfigForTest(f)
	c.Limits.PerSource, c.Limits.Total = Rate{PerSecond: -1}, Rate{PerSecond: -1}
	c.Learned = func(string, string) bool { return true }
	c.Resolver = names{}
	s, err := New(c)
	if err != nil {
		f.Fatal(err)
	}
	s.screener.replies = newLimiter(Rate{PerSecond: -1}, Rate{PerSecond: -1})
	s.SetNotifier(granter{})
	f.Cleanup(func() { _ = s.Close() })
	return s
}

func seed(f *testing.F) {
	files, _ := filepath.Glob("testdata/torture/*.dat")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(adapt(b))
	}
	q := subscribeTo("sip:1001@x.test", netip.MustParseAddrPort("127.0.0.1:5060"))
	f.Add([]byte(q.String()))
	f.Add([]byte(q.line(`Authorization: Digest username="a", realm="default", nonce="n", uri="sip:x", response="0", qop=auth, nc=1`).String()))
	f.Add([]byte(notifyResponse(notifier.BranchPrefix+"1.2.3.abc", "")))
}

// FuzzIntake: a datagram goes through screening, sipgo's parser, the order and the
// handler. Nothing panics, and each response can be sent to where the request came from.
func FuzzIntake(f *testing.F) {
	seed(f)
	s := fuzzServer(f)
	parser := newParser()
	source := netip.MustParseAddrPort("127.0.0.1:9")
	f.Fuzz(func(t *testing.T, data []byte) {
		before := testutil.ToFloat64(s.metrics.panics)
		v, out := s.screener.screen(nil, packet{append([]byte(nil), data...), subscription.UDP, s.addresses[0].Addr, source})
		switch v {
		case answer:
			if to, ok := responseTarget(out); strings.Contains(string(out), ";received=127.0.0.1\r\n") && (!ok || to.Addr() != source.Addr()) {
				t.Errorf("goes to %v:\n%s", to, out)
			}
		case pass:
			msg, err := parser.ParseSIP(out)
			if err != nil {
				t.Logf("sipgo does not take what was screened: %v", err)
				return
			}
			intake(t, s, msg)
		}
		if n := testutil.ToFloat64(s.metrics.panics) - before; n != 0 {
			t.Errorf("%v panics", n)
		}
	})
}

func intake(t *testing.T, s *Server, msg sip.Message) {
	req, ok := msg.(*sip.Request)
	if !ok {
		return
	}
	conn := &sink{local: net.UDPAddrFromAddrPort(s.addresses[0].Addr)}
	req.SetTransport("UDP")
	req.SetSource(conn.local.String())
	s.arrived(req)
	key, err := sip.ServerTxKeyMake(req)
	if err != nil {
		return // sipgo answers 400
	}
	tx := sip.NewServerTx(key, req, conn, slog.New(slog.DiscardHandler))
	if err := tx.Init(); err != nil {
		t.Fatal(err)
	}
	s.handle(req, tx)
	tx.Terminate()
	for _, text := range conn.written {
		if !strings.HasPrefix(text, "SIP/2.0 ") || !strings.HasSuffix(text, "\r\n\r\n") {
			t.Errorf("response %q", text)
		}
		if to, ok := responseTarget([]byte(text)); req.Method != sip.INVITE && (!ok || to.Addr() != netip.MustParseAddr("127.0.0.1")) {
			t.Errorf("goes to %v:\n%s", to, text)
		}
	}
}

// discard is a net.Conn that takes everything.
type discard struct{}

func (discard) Read([]byte) (int, error)         { return 0, io.EOF }
func (discard) Write(b []byte) (int, error)      { return len(b), nil }
func (discard) Close() error                     { return nil }
func (discard) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (discard) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (discard) SetDeadline(time.Time) error      { return nil }
func (discard) SetReadDeadline(time.Time) error  { return nil }
func (discard) SetWriteDeadline(time.Time) error { return nil }

// FuzzFraming: a stream cut in two at any place gives the same messages as in one piece.
func FuzzFraming(f *testing.F) {
	seed(f)
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		one, err := frameAll(s, subscription.TCP, data)
		for _, cut := range []int{1, len(data) / 2, len(data) - 1} {
			if cut <= 0 || cut >= len(data) {
				continue
			}
			two, err2 := frameAll(s, subscription.TCP, data[:cut], data[cut:])
			if one != two || (err == nil) != (err2 == nil) {
				t.Errorf("cut at %d:\n%q %v\n%q %v", cut, one, err, two, err2)
			}
		}
	})
}

func frameAll(s *Server, tr subscription.Transport, pieces ...[]byte) (string, error) {
	remote := netip.MustParseAddrPort("127.0.0.1:9")
	c := s.streams.add(greeted{Conn: discard{}, tcp: discard{}, ws: tr == subscription.WS}, notifier.Flow{Transport: tr, Local: s.addresses[0].Addr, Remote: remote}, false)
	defer c.end(closedStop)
	var all strings.Builder
	for _, p := range pieces {
		c.raw = append(c.raw, p...)
		for more := false; !more; {
			var err error
			if more, err = c.next(); err != nil {
				return all.String(), err
			}
			all.Write(c.ready)
			c.ready = nil
		}
	}
	return all.String(), nil
}

// FuzzUsualURI: sipgo reads every URI that is taken for a usual one, so that it need not be asked.
func FuzzUsualURI(f *testing.F) {
	for _, s := range []string{"sip:1001@x.test", "sip:x.test:5060;transport=udp", "sip:*89%23@10.0.0.1:65535;a;b=c;lr", "sip:a@b:1", "sip:*", "sip:a@*", "sip:+49~!*_-.@a..b-;x=*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if usualURI(s) && !sipgoReads(s) {
			t.Errorf("sipgo does not read %q", s)
		}
	})
}
