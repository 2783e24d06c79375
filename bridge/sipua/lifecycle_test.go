package sipua

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// TestLateAnswer: a notifier that does not answer in time costs the watcher a 500, and
// its answer, when it comes at last, is not sent.
func TestLateAnswer(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Timeouts.Answer = 50 * time.Millisecond })
	r.rec.answers(func(notifier.Subscribe) {})
	p := r.udpPhone()
	if res := p.ask(subscribeTo("sip:1001@x.test", p.addr()).String()); res.code != 500 || res.get("Retry-After") == "" {
		t.Error(res.raw)
	}
	next(t, r.rec.subscribes, "SUBSCRIBE").Answer(notifier.Answer{Status: 200, LocalTag: "x"})
	p.silent()
}

// TestStopWithRequestsUnderWay: Run does not wait for the notifier's answers, and takes
// them when they come too late.
func TestStopWithRequestsUnderWay(t *testing.T) {
	c := newConfigForTest(t)
	c.Listen = append(c.Listen, Listen{subscription.TCP, netip.MustParseAddrPort("127.0.0.1:0")})
	c.Learned = func(string, string) bool { return true }
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	rec := newRecorder()
	rec.answers(func(notifier.Subscribe) {})
	s.SetNotifier(rec)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	p := newUDPPhone(t, "127.0.0.1:0", s.Addrs()[0].Addr)
	p.send(subscribeTo("sip:1001@x.test", p.addr()).String())
	conn, err := net.Dial("tcp", s.Addrs()[1].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	q := subscribeTo("sip:1001@x.test", conn.LocalAddr().(*net.TCPAddr).AddrPort()).over("TCP")
	if _, err := conn.Write([]byte(q.String())); err != nil {
		t.Fatal(err)
	}
	one, two := next(t, rec.subscribes, "SUBSCRIBE"), next(t, rec.subscribes, "SUBSCRIBE")
	cancel()
	if err := next(t, ended, "end of Run"); err != nil {
		t.Error(err)
	}
	one.Answer(notifier.Answer{Status: 200})
	two.Answer(notifier.Answer{Status: 200})
	for _, f := range []notifier.Flow{one.Flow, two.Flow} {
		if err := s.Send(f, []byte("x")); err == nil {
			t.Errorf("Send to %v after the end", f)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestIdleConnectionMemory: SIPGO measured 38 kB a connection at sipgo's default.
func TestIdleConnectionMemory(t *testing.T) {
	r := newRig(t, nil)
	const n = 400
	conns := make([]net.Conn, 0, n)
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := used()
	buf := make([]byte, 4096)
	for range n {
		c, err := net.Dial("tcp", r.tcp.String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		conns = append(conns, c)
		q := subscribeTo("sip:1001@x.test", c.LocalAddr().(*net.TCPAddr).AddrPort()).over("TCP")
		if _, err := c.Write([]byte(q.String())); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(buf); err != nil || !strings.HasPrefix(string(buf[:n]), "SIP/2.0 200") {
			t.Fatalf("%v %s", err, buf[:n])
		}
		next(t, r.rec.subscribes, "SUBSCRIBE")
	}
	each := (used() - before) / uint64(len(conns))
	t.Logf("%d bytes a connection, its other end included", each)
	if each > 20<<10 {
		t.Errorf("%d bytes a connection", each)
	}
}

// BenchmarkScreen is what each datagram costs before anything else happens.
func BenchmarkScreen(b *testing.B) {
	m, err := newMetrics(nil)
	if err != nil {
		b.Fatal(err)
	}
	c := newConfigForTest(b)
	if err := c.complete(); err != nil {
		b.Fatal(err)
	}
	none := Rate{PerSecond: -1}
	s := &screener{metrics: m, log: c.Logger, quiet: newQuietLog(c.Logger, time.Hour), limits: newLimiter(Rate{1e9, 1e9}, none), replies: newLimiter(none, none)}
	var n Notifier = granter{}
	s.notifier.Store(&n)
	source := netip.MustParseAddrPort("192.0.2.7:5060")
	q := subscribeTo("sip:1001@x.test", source)
	for name, msg := range map[string]string{
		"SUBSCRIBE": q.String(), "answer": notifyResponse(notifier.BranchPrefix+"1.2.3.abc", ""),
		"refused": q.with("To", "").String(), "junk": "\x01\x02\x03 what is this",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			work, dst := make([]byte, len(msg)), make([]byte, 0, 4096)
			for b.Loop() {
				copy(work, msg)
				_, dst = s.screen(dst[:0], packet{work, subscription.UDP, source, source})
			}
		})
	}
}

func ExampleWatchersRule() {
	fmt.Println(WatchersRule(policy.UnknownWatchers{}))
	// Output: unknown watchers from loopback, link-local and private networks count as presence group Standard; from anywhere else they must give credentials
}
