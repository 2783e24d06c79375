package sipua

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

func notifyResponse(branch, more string) string {
	return "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=" + branch + "\r\nFrom: <sip:a@x>;tag=1\r\n" +
		"To: <sip:b@x>;tag=2\r\nCall-ID: c\r\nCSeq: 7 NOTIFY\r\n" + more + "Content-Length: 0\r\n\r\n"
}

func TestNotifyResponsesAreTakenOut(t *testing.T) {
	r := newRig(t, nil)
	p := r.udpPhone()
	branch := notifier.BranchPrefix + "1.2.3.abc"
	p.send(strings.Replace(notifyResponse(branch, "Retry-After: 5 (busy)\r\n"), "200 OK", "503 Busy", 1))
	got := next(t, r.rec.responses, "response")
	if want := (notifier.Response{Branch: notifier.ParseBranch(branch), CSeq: 7, Port: p.addr().Port(), Status: 503, RetryAfter: 5 * time.Second}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// What is not ours goes to sipgo, which finds no transaction for it.
	p.send(notifyResponse("z9hG4bKother", ""))
	none(t, r.rec.responses, "response")
	waitFor(t, func() bool { return testutil.ToFloat64(r.metrics.strays) == 1 })
}

func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatal("it does not come about")
}

// TestScreening: what screening answers and what it drops (SIPGO: one datagram kills the process).
func TestScreening(t *testing.T) {
	r := newRig(t, nil)
	p := r.udpPhone()
	good := func() string { return subscribeTo("sip:1001@x.test", p.addr()).String() }
	drop := func(name string) string { return subscribeTo("sip:1001@x.test", p.addr()).with(name, "").String() }
	for name, c := range map[string]struct {
		msg  string
		code int // 0 = silence
	}{
		"no to":           {drop("To"), 400},
		"no from":         {drop("From"), 400},
		"no call-id":      {drop("Call-ID"), 400},
		"no cseq":         {drop("CSeq"), 400},
		"no via":          {drop("Via"), 0},
		"two from":        {strings.Replace(good(), "Event:", "f: <sip:b@x>;tag=3\r\nEvent:", 1), 400},
		"two cseq":        {strings.Replace(good(), "Event:", "CSeq: 2 SUBSCRIBE\r\nEvent:", 1), 400},
		"cseq method":     {strings.Replace(good(), "1 SUBSCRIBE", "1 NOTIFY", 1), 400},
		"cseq too big":    {strings.Replace(good(), "1 SUBSCRIBE", "2147483648 SUBSCRIBE", 1), 400},
		"cseq two spaces": {strings.Replace(good(), "1 SUBSCRIBE", "1  SUBSCRIBE", 1), 200},
		"no colon":        {strings.Replace(good(), "Event:", "what is this\r\nEvent:", 1), 400},
		"bare LF":         {strings.Replace(good(), "Event:", "Subject: a\nX: b\r\nEvent:", 1), 400},
		"NUL":             {strings.Replace(good(), "Event:", "Subject: a\x00\r\nEvent:", 1), 400},
		"folded":          {strings.Replace(good(), "Event: ", "Event:\r\n\t ", 1), 200},
		"body cut":        {strings.Replace(good(), "Content-Length: 0", "Content-Length: 10", 1), 400},
		"body surplus":    {good() + "surplus", 200},
		"length negative": {strings.Replace(good(), "Content-Length: 0", "Content-Length: -1", 1), 400},
		"length absent":   {strings.Replace(good(), "Content-Length: 0\r\n", "", 1), 200},
		"no empty line":   {strings.TrimSuffix(good(), "\r\n"), 400},
		"version":         {strings.Replace(good(), " SIP/2.0\r\nVia", " SIP/7.0\r\nVia", 1), 505},
		"via garbage":     {strings.Replace(good(), "SIP/2.0/UDP", "SIP/2.0", 1), 400},
		"uri spaces":      {strings.Replace(good(), "sip:1001@x.test SIP", "sip:1001@x.test; lr SIP", 1), 400},
		"uri brackets":    {strings.Replace(good(), "sip:1001@x.test SIP", "<sip:1001@x.test> SIP", 1), 400},
		"leading CRLF":    {"\r\n\r\n" + good(), 200},
		"http":            {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0},
		"junk":            {"\x00\x01\x02\x03 what", 0},
		"bad response":    {"SIP/2.0 99999 Odd\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n\r\n", 0},
		"bad ack":         {strings.ReplaceAll(drop("To"), "SUBSCRIBE", "ACK"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			q := r.udpPhone()
			q.send(c.msg)
			if c.code == 0 {
				q.silent()
				return
			}
			res := q.read()
			if res.code != c.code {
				t.Fatalf("got\n%s\nwant %d", res.raw, c.code)
			}
			if res.get("Via") == "" || res.get("Content-Length") != "0" {
				t.Errorf("got\n%s", res.raw)
			}
		})
	}
	if res := p.ask(good()); res.code != 200 {
		t.Fatalf("it does not live any more:\n%s", res.raw)
	}
}

func TestHandlerPanicIs500(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Learned = func(string, string) bool { panic("boom") } })
	p := r.udpPhone()
	if res := p.ask(subscribeTo("sip:1001@x.test", p.addr()).String()); res.code != 500 {
		t.Fatal(res.raw)
	}
	if n := testutil.ToFloat64(r.metrics.panics); n != 1 {
		t.Errorf("%v panics counted", n)
	}
	options := subscribeTo("sip:1001@x.test", p.addr())
	options.method = "OPTIONS"
	if res := p.ask(options.String()); res.code != 200 {
		t.Fatal(res.raw)
	}
}

func TestKeepAlives(t *testing.T) {
	r := newRig(t, nil)
	p := r.udpPhone()
	p.send("\r\n\r\n")
	if msg, ok := p.tryRead(5 * time.Second); !ok || msg != "\r\n" {
		t.Errorf("pong %q", msg)
	}
	for _, k := range []string{"\r\n", "\x00", "\x00\x00\x00\x00", ""} {
		p.send(k)
	}
	p.silent()
}

// TestResponseRouting: RFC 3261 §18.2.2, RFC 3581, and phones that listen elsewhere than
// they send from.
func TestResponseRouting(t *testing.T) {
	r := newRig(t, nil)
	listens, sends := r.udpPhone(), r.udpPhone()
	via := func(value string) string {
		q := subscribeTo("sip:1001@x.test", sends.addr())
		return q.with("Via", strings.ReplaceAll(value, "BRANCH", q.branch)).String()
	}
	port := fmt.Sprint(listens.addr().Port())
	sends.send(via("SIP/2.0/UDP 127.0.0.1:" + port + ";branch=BRANCH"))
	if res := listens.read(); res.code != 200 || strings.Contains(res.get("Via"), "rport") {
		t.Errorf("without rport the answer goes to the sent-by port:\n%s", res.raw)
	}
	own := fmt.Sprintf("rport=%d;received=127.0.0.1", sends.addr().Port())
	for _, v := range []string{
		"SIP/2.0/UDP 127.0.0.1:" + port + ";rport;branch=BRANCH",
		"SIP/2.0/UDP 192.168.7.7:5060;branch=BRANCH",
		"SIP/2.0/UDP phone.invalid;branch=BRANCH",
		"SIP / 2.0 / UDP 192.168.7.7 : 5060 ; Branch=BRANCH ; received=10.9.9.9;rport=9",
	} {
		sends.send(via(v))
		if res := sends.read(); res.code != 200 || !strings.Contains(res.get("Via"), own) {
			t.Errorf("%s: got\n%s", v, res.raw)
		}
	}
	// A list of Vias in one line; the second has no parameters.
	sends.send(via("SIP/2.0/UDP 10.1.1.1;branch=BRANCH, SIP/2.0/TCP far.example , SIP/2.0/UDP [2001:db8::1]:5062;branch=z9hG4bK2"))
	res := sends.read()
	if v := res.headers["via"]; len(v) < 3 || !strings.Contains(v[0], own) || !strings.Contains(res.raw, "far.example") || !strings.Contains(res.raw, "[2001:db8::1]:5062") {
		t.Errorf("got\n%s", res.raw)
	}
}

func TestRetransmissionIsAbsorbed(t *testing.T) {
	r := newRig(t, nil)
	p := r.udpPhone()
	q := subscribeTo("sip:1001@x.test", p.addr())
	first := p.ask(q.String())
	if second := p.ask(q.String()); first.raw != second.raw {
		t.Errorf("got\n%s\nthen\n%s", first.raw, second.raw)
	}
	next(t, r.rec.subscribes, "SUBSCRIBE")
	none(t, r.rec.subscribes, "second SUBSCRIBE")
	// RFC 3261 §8.2.2.2: the same request by another way.
	q.branch += "x"
	if res := p.ask(q.String()); res.code != 482 {
		t.Error(res.raw)
	}
}

// TestOrder: sipgo gives each message a goroutine; 512 pipelined refreshes of one dialog
// reach the notifier as they came.
func TestOrder(t *testing.T) {
	const n = 512
	for _, transport := range []string{"UDP", "TCP"} {
		t.Run(transport, func(t *testing.T) {
			r := newRig(t, nil)
			r.rec.answers(func(s notifier.Subscribe) { go s.Answer(notifier.Answer{Status: 200, LocalTag: "lt"}) })
			p, c := r.udpPhone(), r.tcpPhone()
			q := subscribeTo("sip:1001@x.test", c.addr()).with("To", "<sip:1001@x.test>;tag=lt").over(transport)
			go func() {
				for i := range n {
					q.cseq, q.branch = i+1, fmt.Sprintf("z9hG4bKo%d", i)
					if transport == "TCP" {
						_, _ = c.conn.Write([]byte(q.String()))
					} else {
						_, _ = p.conn.WriteToUDPAddrPort([]byte(q.String()), p.to)
					}
				}
			}()
			for i := range n {
				if s := next(t, r.rec.subscribes, "SUBSCRIBE"); s.CSeq != uint32(i+1) {
					t.Fatalf("CSeq %d came as number %d", s.CSeq, i+1)
				}
			}
		})
	}
}

func TestTooLargeForUDP(t *testing.T) {
	r := newRig(t, nil)
	p := r.udpPhone()
	q := subscribeTo("sip:1001@x.test", p.addr()).line("Subject: " + strings.Repeat("x", maxPassed))
	if res := p.ask(q.String()); res.code != 513 {
		t.Error(res.raw)
	}
}

func TestLargeResponseOverUDP(t *testing.T) {
	r := newRig(t, nil)
	p := r.udpPhone()
	q := subscribeTo("sip:1001@x.test", p.addr())
	for i := range 30 {
		q.line(fmt.Sprintf("Via: SIP/2.0/UDP 10.0.0.%d:5060;branch=z9hG4bKaaaaaaaaaaaaaaaaaaaaaaaa%d", i, i))
	}
	if res := p.ask(q.String()); res.code != 200 || len(res.raw) < 1500 || len(res.headers["via"]) != 31 {
		t.Error(res.raw)
	}
}

func TestRateIsShedWithoutState(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.PerSource = Rate{0.001, 3} })
	p := r.udpPhone()
	for i := range 6 {
		res := p.ask(subscribeTo("sip:1001@x.test", p.addr()).String())
		if want := map[bool]int{true: 200, false: 503}[i < 3]; res.code != want || want == 503 && res.get("Retry-After") == "" {
			t.Errorf("%d: got\n%s", i, res.raw)
		}
	}
	if n := r.order.size.Load() + int64(r.quick.size()); n != 3 {
		t.Errorf("%d transactions, want 3", n)
	}
}

// TestNotifyLeavesFromItsSocket: a NOTIFY goes out where its SUBSCRIBE came in.
func TestNotifyLeavesFromItsSocket(t *testing.T) {
	r := newRig(t, func(c *Config) {
		for _, a := range []string{"127.0.0.1:0", "127.0.0.2:0", "[::1]:0"} {
			c.Listen = append(c.Listen, Listen{subscription.UDP, netip.MustParseAddrPort(a)})
		}
	})
	for _, a := range r.Addrs() {
		if a.Transport != subscription.UDP {
			continue
		}
		local := "127.0.0.1:0"
		if a.Addr.Addr().Is6() {
			local = "[::1]:0"
		}
		p := newUDPPhone(t, local, a.Addr)
		if res := p.ask(subscribeTo("sip:1001@x.test", p.addr()).String()); res.code != 200 || res.get("Contact") != "<sip:1001@"+a.Addr.String()+">" {
			t.Fatal(res.raw)
		}
		s := next(t, r.rec.subscribes, "SUBSCRIBE")
		if want := (notifier.Flow{Transport: subscription.UDP, Local: a.Addr, Remote: p.addr()}); s.Flow != want {
			t.Errorf("flow %v, want %v", s.Flow, want)
		}
		if err := r.Send(s.Flow, []byte("NOTIFY")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		_ = p.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil || string(buf[:n]) != "NOTIFY" || from != a.Addr {
			t.Errorf("%q from %v: %v", buf[:n], from, err)
		}
	}
	// A record of another process: a socket that can reach the phone is taken.
	p := r.udpPhone()
	f := notifier.Flow{Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: p.addr()}
	if err := r.Send(f, []byte("x")); err != nil {
		t.Error(err)
	}
	if msg, ok := p.tryRead(5 * time.Second); !ok || msg != "x" {
		t.Errorf("got %q", msg)
	}
}

// TestSpoofedSourcesCostNothing sends junk, and good requests beyond the rate, from
// 100,000 sources through the real reading path (SIPGO: the address pool).
func TestSpoofedSourcesCostNothing(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.Total = Rate{0.001, 100} })
	u := r.sockets[r.udp]
	side := &udpSocket{conn: u.conn, local: u.local, screener: r.screener}
	send := func(i int) {
		source := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(i >> 16), byte(i >> 8), byte(i)}), 9)
		msg := "\x01\x02junk without an end"
		switch i % 3 {
		case 1:
			msg = subscribeTo("sip:1001@x.test", source).with("To", "").String()
		case 2:
			msg = subscribeTo("sip:1001@x.test", source).String()
		}
		side.datagram([]byte(msg), source)
	}
	for i := range 3000 {
		send(i)
	}
	before := heap()
	for i := range 100_000 {
		send(i)
	}
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

// TestAddressPoolStaysSmall: good requests from many sources leave one entry in sipgo's pool.
func TestAddressPoolStaysSmall(t *testing.T) {
	r := newRig(t, nil)
	pool := r.agent.TransportLayer().Pool("udp")
	for range 20 {
		p := r.udpPhone()
		if res := p.ask(subscribeTo("sip:1001@x.test", p.addr()).String()); res.code != 200 {
			t.Fatal(res.raw)
		}
	}
	if n := pool.Size(); n != 1 {
		t.Errorf("sipgo's pool has %d entries", n)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestEarlyEndOfTransactions(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.Transactions = 5; c.Registerer = prometheus.NewRegistry() })
	p := r.udpPhone()
	for range 20 {
		p.ask(subscribeTo("sip:1001@x.test", p.addr()).String())
	}
	waitFor(t, func() bool { return r.order.size.Load() <= 5 && r.quick.size() <= 5 })
}

func TestStackGlobals(t *testing.T) {
	if sip.TransportBufferReadSize != maxPassed {
		t.Error("the read buffer of connections is not ours")
	}
}

func TestListenErrors(t *testing.T) {
	busy, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	addr := busy.LocalAddr().(*net.UDPAddr).AddrPort()
	snap := newConfigForTest(t)
	snap.Listen = []Listen{{subscription.UDP, netip.MustParseAddrPort("127.0.0.1:0")}, {subscription.UDP, addr}}
	_, err = New(snap)
	if err == nil || !strings.Contains(err.Error(), "listen[1] UDP "+addr.String()) {
		t.Errorf("got %v", err)
	}
}
