package sipua

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

func TestSubscribeOverTCP(t *testing.T) {
	r := newRig(t, nil)
	p := r.tcpPhone()
	// In small pieces, two at a time, with keep-alives between.
	one, two := subscribeTo("sip:1001@x.test", p.addr()).over("TCP"), subscribeTo("sip:1003@x.test", p.addr()).over("TCP")
	all := "\r\n" + one.String() + "\r\n\r\n" + two.String()
	for i := 0; i < len(all); i += 100 {
		p.send(all[i:min(i+100, len(all))])
	}
	codes := map[string]response{}
	pong := false
	for len(codes) < 2 {
		if b, err := p.r.Peek(1); err == nil && b[0] == '\r' {
			_, _ = p.r.Discard(2)
			pong = true
			continue
		}
		res := p.read()
		codes[res.get("Call-ID")] = res
	}
	for _, q := range []*request{one, two} {
		if res := codes[q.callID]; res.code != 200 || !strings.Contains(res.get("Contact"), r.tcp.String()+";transport=tcp") {
			t.Errorf("got\n%s", res.raw)
		}
	}
	if !pong {
		t.Error("a ping was not answered (RFC 5626 §3.5.1)")
	}
	s := next(t, r.rec.subscribes, "SUBSCRIBE")
	want := notifier.Flow{Transport: subscription.TCP, Local: r.tcp, Remote: p.addr()}
	if s.Flow != want || s.Cold.Transport != "TCP" || s.Cold.Remote != p.addr().String() {
		t.Errorf("flow %v, want %v", s.Flow, want)
	}
	// The NOTIFY takes the same connection, its answer leaves the stream before sipgo.
	if err := r.Send(s.Flow, []byte("NOTIFY sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if res := p.read(); !strings.HasPrefix(res.raw, "NOTIFY sip:x") {
		t.Errorf("got\n%s", res.raw)
	}
	branch := notifier.BranchPrefix + "1.2.3.abc"
	p.send(notifyResponse(branch, ""))
	if got := next(t, r.rec.responses, "response"); got.Branch != notifier.ParseBranch(branch) || got.Status != 200 {
		t.Errorf("got %+v", got)
	}
	_ = p.conn.Close()
	if f := next(t, r.rec.closed, "FlowClosed"); f != want {
		t.Errorf("closed %v, want %v", f, want)
	}
	if n := testutil.ToFloat64(r.metrics.connections.WithLabelValues("TCP")); n != 0 {
		t.Errorf("%v connections counted", n)
	}
}

// TestRightPhone: with two phones on one listener each NOTIFY goes to its own (SIPGO: the
// pool keys inbound connections by local address too).
func TestRightPhone(t *testing.T) {
	r := newRig(t, nil)
	phones := []*tcpPhone{r.tcpPhone(), r.tcpPhone(), r.tcpPhone()}
	for i, p := range phones {
		p.send(subscribeTo("sip:1001@x.test", p.addr()).over("TCP").String())
		if res := p.read(); res.code != 200 {
			t.Fatal(res.raw)
		}
		s := next(t, r.rec.subscribes, "SUBSCRIBE")
		if s.Flow.Remote != p.addr() {
			t.Fatalf("flow %v of %v", s.Flow, p.addr())
		}
		if err := r.Send(s.Flow, fmt.Appendf(nil, "NOTIFY sip:%d SIP/2.0\r\nContent-Length: 0\r\n\r\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range phones {
		if res := p.read(); !strings.HasPrefix(res.raw, fmt.Sprintf("NOTIFY sip:%d ", i)) {
			t.Errorf("phone %d got\n%s", i, res.raw)
		}
	}
}

// TestStalledPeer: no Send blocks, and who does not read is cut off.
func TestStalledPeer(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Timeouts.Write = 300 * time.Millisecond })
	p := r.tcpPhone()
	p.send(subscribeTo("sip:1001@x.test", p.addr()).over("TCP").String())
	p.read()
	s := next(t, r.rec.subscribes, "SUBSCRIBE")
	msg := make([]byte, 64<<10)
	var slowest time.Duration
	for range 2000 {
		start := time.Now()
		err := r.Send(s.Flow, msg)
		slowest = max(slowest, time.Since(start))
		if err != nil {
			break
		}
	}
	if slowest > 200*time.Millisecond {
		t.Errorf("a Send took %v", slowest)
	}
	if f := next(t, r.rec.closed, "FlowClosed"); f != s.Flow {
		t.Errorf("closed %v", f)
	}
	waitFor(t, func() bool { return testutil.ToFloat64(r.metrics.closed.WithLabelValues(closedStalled)) == 1 })
	// Others are served meanwhile.
	q := r.tcpPhone()
	q.send(subscribeTo("sip:1001@x.test", q.addr()).over("TCP").String())
	if res := q.read(); res.code != 200 {
		t.Error(res.raw)
	}
}

// TestStalledWriteDeadline: a queue that never fills is bounded in time.
func TestStalledWriteDeadline(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Timeouts.Write = 200 * time.Millisecond
		c.Limits.QueueBytes = 64 << 20
	})
	p := r.tcpPhone()
	p.send(subscribeTo("sip:1001@x.test", p.addr()).over("TCP").String())
	p.read()
	s := next(t, r.rec.subscribes, "SUBSCRIBE")
	if err := r.Send(s.Flow, make([]byte, 32<<20)); err != nil {
		t.Fatal(err)
	}
	next(t, r.rec.closed, "FlowClosed")
	waitFor(t, func() bool { return testutil.ToFloat64(r.metrics.closed.WithLabelValues(closedStalled)) == 1 })
}

func TestConnectionLimits(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.ConnectionsPerSource = 3 })
	for range 3 {
		r.tcpPhone()
	}
	waitFor(t, func() bool { return testutil.ToFloat64(r.metrics.connections.WithLabelValues("TCP")) == 3 })
	r.tcpPhone().isClosed()
	if n := testutil.ToFloat64(r.metrics.refused.WithLabelValues("source")); n != 1 {
		t.Errorf("%v refused", n)
	}
	total := newRig(t, func(c *Config) { c.Limits.Connections = 1 })
	total.tcpPhone()
	waitFor(t, func() bool { return testutil.ToFloat64(total.metrics.connections.WithLabelValues("TCP")) == 1 })
	total.tcpPhone().isClosed()
}

// TestBadFraming: what cannot be framed ends the connection, answered where possible.
func TestBadFraming(t *testing.T) {
	for name, c := range map[string]struct {
		msg  func(*request) string
		code int
	}{
		"no length":       {func(q *request) string { return q.with("Content-Length", "").String() }, 400},
		"two lengths":     {func(q *request) string { return q.line("l: 5").String() }, 400},
		"length too much": {func(q *request) string { return q.with("Content-Length", "99999999").String() }, 413},
		"endless header":  {func(q *request) string { return q.line("Subject: " + strings.Repeat("x", 17<<10)).String() }, 513},
		"endless line":    {func(*request) string { return strings.Repeat("x", 17<<10) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			p := r.tcpPhone()
			p.send(c.msg(subscribeTo("sip:1001@x.test", p.addr()).over("TCP")))
			if c.code != 0 {
				if res := p.read(); res.code != c.code {
					t.Errorf("got\n%s", res.raw)
				}
			}
			p.isClosed()
		})
	}
}

// TestSlowPeers: a message that does not end, and a connection that says nothing.
func TestSlowPeers(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Timeouts.Message = 300 * time.Millisecond })
	mute, slow := r.tcpPhone(), r.tcpPhone()
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for _, err := slow.conn.Write([]byte("SUBSCRIBE sip:")); err == nil; _, err = slow.conn.Write([]byte("x")) {
			time.Sleep(20 * time.Millisecond)
		}
	}()
	mute.isClosed()
	slow.isClosed()
	_ = slow.conn.Close()
	<-stop
	waitFor(t, func() bool { return testutil.ToFloat64(r.metrics.closed.WithLabelValues(closedSlow)) == 2 })
	// Who has spoken may be quiet for long.
	p := r.tcpPhone()
	p.send(subscribeTo("sip:1001@x.test", p.addr()).over("TCP").String())
	p.read()
	time.Sleep(500 * time.Millisecond)
	p.send(subscribeTo("sip:1001@x.test", p.addr()).over("TCP").String())
	if res := p.read(); res.code != 200 {
		t.Error(res.raw)
	}
}

// TestDial: a phone whose connection is gone is called at its Contact; refreshes over
// the connection we opened keep the flow.
func TestDial(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Timeouts.DialRetry = time.Hour })
	phone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = phone.Close() }()
	p := r.tcpPhone()
	contact := fmt.Sprintf("<sip:1002@%s;transport=tcp>", phone.Addr())
	p.send(subscribeTo("sip:1001@x.test", p.addr()).over("TCP").with("Contact", contact).String())
	p.read()
	s := next(t, r.rec.subscribes, "SUBSCRIBE")
	_ = p.conn.Close()
	next(t, r.rec.closed, "FlowClosed")
	for range 3 {
		if err := r.Send(s.Flow, []byte("x")); !errors.Is(err, notifier.ErrConnecting) {
			t.Fatalf("got %v", err)
		}
	}
	conn, err := phone.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if f := next(t, r.rec.up, "FlowUp"); f != s.Flow {
		t.Errorf("up %v, want %v", f, s.Flow)
	}
	if err := r.Send(s.Flow, []byte("NOTIFY sip:x SIP/2.0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	back := &tcpPhone{t, conn, bufio.NewReader(conn)}
	if res := back.read(); !strings.HasPrefix(res.raw, "NOTIFY") {
		t.Error(res.raw)
	}
	back.send(subscribeTo("sip:1001@x.test", p.addr()).over("TCP").with("Contact", contact).String())
	if res := back.read(); res.code != 200 {
		t.Error(res.raw)
	}
	if again := next(t, r.rec.subscribes, "SUBSCRIBE"); again.Flow != s.Flow {
		t.Errorf("flow %v, want %v", again.Flow, s.Flow)
	}
	_ = conn.Close()
	if f := next(t, r.rec.closed, "FlowClosed"); f != s.Flow {
		t.Errorf("closed %v", f)
	}
	// Nobody there: tried once, then not again for a while.
	_ = phone.Close()
	if err := r.Send(s.Flow, []byte("x")); !errors.Is(err, notifier.ErrConnecting) {
		t.Fatalf("got %v", err)
	}
	waitFor(t, func() bool { return errors.Is(r.Send(s.Flow, []byte("x")), notifier.ErrNoFlow) })
	none(t, r.rec.up, "FlowUp")
	f := s.Flow
	f.Transport = subscription.WSS
	if err := r.Send(f, []byte("x")); !errors.Is(err, notifier.ErrNoFlow) {
		t.Errorf("got %v", err)
	}
}

func TestDialsAreBounded(t *testing.T) {
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	limits, timeouts := Limits{Dials: 2}, Timeouts{}
	limits.complete()
	timeouts.complete()
	st := newStreams(&screener{metrics: m}, &limits, &timeouts, m)
	flow := func(i int) notifier.Flow {
		return notifier.Flow{Transport: subscription.TCP, Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(i))}
	}
	// Nothing runs the dialer, so all stay pending.
	for i, want := range []error{notifier.ErrConnecting, notifier.ErrConnecting, errDialBusy} {
		if err := st.send(flow(i+1), nil); !errors.Is(err, want) {
			t.Errorf("dial %d: %v, want %v", i, err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	st.dialer.run(ctx)
	for i := range 2 * maxFailed {
		st.dialer.remember(contact{addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1)})
	}
	if n := len(st.dialer.failed); n > maxFailed {
		t.Errorf("%d failed addresses remembered", n)
	}
	for i := range maxContacts + 10 {
		f := flow(i)
		f.Local = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i >> 16)}), 1)
		st.learn(f, contact{addr: f.Remote})
	}
	if n := len(st.contacts); n > maxContacts {
		t.Errorf("%d contacts remembered", n)
	}
}

// TestSipgoDoesNotDialVias: the connection of a request is gone; its Via names another
// host, which must hear nothing from us.
func TestSipgoDoesNotDialVias(t *testing.T) {
	victim, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = victim.Close() }()
	d := refuseDial(nil)
	if conn, err := d.Dial("tcp", victim.Addr().String()); err == nil {
		_ = conn.Close()
		t.Fatal("the dialer of sipgo connects")
	}
	r := newRig(t, nil)
	for range 20 {
		p := r.tcpPhone()
		p.send(strings.Replace(subscribeTo("sip:1001@x.test", p.addr()).over("TCP").String(), "TCP "+p.addr().String(), "TCP "+victim.Addr().String(), 1))
		_ = p.conn.Close()
	}
	_ = victim.(*net.TCPListener).SetDeadline(time.Now().Add(300 * time.Millisecond))
	if conn, err := victim.Accept(); err == nil {
		_ = conn.Close()
		t.Error("the host of a Via was called")
	}
}
