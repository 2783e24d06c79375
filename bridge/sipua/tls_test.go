package sipua

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"blfbridge/bridge/certs"
	"blfbridge/bridge/certs/certstest"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// secure is a server with TLS and WSS listeners besides, and what its phones trust.
type secure struct {
	*rig
	ca     *certstest.Authority
	keeper *certs.Keeper
	client *tls.Config
}

func newSecure(t *testing.T, change func(*Config, *certs.Files)) *secure {
	t.Helper()
	ca := certstest.New(t, "ca")
	cert, key := ca.Write(t, t.TempDir(), certstest.Leaf{Names: []string{"blf.test", "127.0.0.1"}})
	files := certs.Files{Key: "sip.tls", Pairs: []certs.Pair{{CertFile: cert, KeyFile: key}}, ClientCAFile: ca.File, CAFile: ca.File, ClientAuth: tls.VerifyClientCertIfGiven}
	s := &secure{ca: ca, client: &tls.Config{RootCAs: ca.Pool(), ServerName: "blf.test"}}
	s.rig = newRig(t, func(c *Config) {
		if change != nil {
			change(c, &files)
		}
		var err error
		if s.keeper, err = certs.New(certs.Config{Files: files}); err != nil {
			t.Fatal(err)
		}
		c.TLS, c.DialTLS = s.keeper.Server(), s.keeper.Client
		c.Listen = append(c.Listen, Listen{subscription.TLS, netip.MustParseAddrPort("127.0.0.1:0")})
	})
	return s
}

// pair is a client certificate.
func (s *secure) pair(l certstest.Leaf) []tls.Certificate {
	s.t.Helper()
	c, k := s.ca.Write(s.t, s.t.TempDir(), l)
	p, err := tls.LoadX509KeyPair(c, k)
	if err != nil {
		s.t.Fatal(err)
	}
	return []tls.Certificate{p}
}

// tlsPhone is a phone over TLS that has done its handshake.
func (s *secure) tlsPhone() *tcpPhone {
	s.t.Helper()
	c := tls.Client(s.dial("127.0.0.1", s.at(subscription.TLS)), s.client)
	s.t.Cleanup(func() { _ = c.Close() })
	if err := c.HandshakeContext(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return newStreamPhone(s.t, c)
}

func TestSubscribeOverTLS(t *testing.T) {
	s := newSecure(t, nil)
	s.client.Certificates = s.pair(certstest.Leaf{CommonName: "PBX", Names: []string{"pbx.test", "sip:Example.test", "192.0.2.7"}})
	p := s.tlsPhone()
	// Each byte in a record of its own; a ping before.
	q := subscribeTo("sip:1001@x.test", p.addr()).over("TLS").String()
	for i := range q {
		p.send(q[i : i+1])
	}
	res := p.read()
	if want := s.at(subscription.TLS).String() + ";transport=tls"; res.code != 200 || !strings.Contains(res.get("Contact"), want) || !strings.HasPrefix(res.get("Via"), "SIP/2.0/TLS ") {
		t.Errorf("got\n%s", res.raw)
	}
	sub := next(t, s.rec.subscribes, "SUBSCRIBE")
	want := notifier.Flow{Transport: subscription.TLS, Local: s.at(subscription.TLS), Remote: p.addr()}
	if sub.Flow != want || sub.Cold.Transport != "TLS" {
		t.Errorf("flow %v, want %v", sub.Flow, want)
	}
	if got := s.CertificateNames(sub.Flow); !slices.Equal(got, []string{"pbx", "pbx.test", "192.0.2.7", "sip:example.test", "example.test"}) {
		t.Errorf("names %q", got)
	}
	p.send("\r\n\r\n")
	if b, err := p.r.Peek(2); err != nil || string(b) != "\r\n" {
		t.Errorf("pong %q %v", b, err)
	}
	_, _ = p.r.Discard(2)
	if err := s.Send(sub.Flow, []byte("NOTIFY sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if res := p.read(); !strings.HasPrefix(res.raw, "NOTIFY sip:x") {
		t.Errorf("got\n%s", res.raw)
	}
	_ = p.conn.Close()
	if f := next(t, s.rec.closed, "FlowClosed"); f != want {
		t.Errorf("closed %v", f)
	}
	if got := s.CertificateNames(sub.Flow); got != nil {
		t.Errorf("names of a connection that is gone: %q", got)
	}
	if err := s.Send(sub.Flow, []byte("x")); !errors.Is(err, notifier.ErrNoFlow) && !errors.Is(err, notifier.ErrConnecting) {
		t.Errorf("got %v", err)
	}
}

// TestNoCertificateNoNames: a certificate of another authority ends the handshake, none names nobody.
func TestNoCertificateNoNames(t *testing.T) {
	s := newSecure(t, nil)
	p := s.tlsPhone()
	p.send(subscribeTo("sip:1001@x.test", p.addr()).over("TLS").String())
	p.read()
	if got := s.CertificateNames(next(t, s.rec.subscribes, "SUBSCRIBE").Flow); got != nil {
		t.Errorf("names %q", got)
	}
	stranger := certstest.New(t, "stranger")
	c, k := stranger.Write(t, t.TempDir(), certstest.Leaf{CommonName: "pbx"})
	pair, err := tls.LoadX509KeyPair(c, k)
	if err != nil {
		t.Fatal(err)
	}
	s.client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	conn := tls.Client(s.dial("127.0.0.1", s.at(subscription.TLS)), s.client)
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, err = io.WriteString(conn, subscribeTo("sip:1001@x.test", p.addr()).over("TLS").String())
	if _, err2 := conn.Read(make([]byte, 1)); err == nil && (err2 == nil || isTimeout(err2)) {
		t.Errorf("a stranger's certificate is taken: %v", err2)
	}
	none(t, s.rec.subscribes, "SUBSCRIBE")
}

// TestCertificateReload: phones that stand are not touched, the next sees the new one.
func TestCertificateReload(t *testing.T) {
	s := newSecure(t, nil)
	p := s.tlsPhone()
	p.send(subscribeTo("sip:1001@x.test", p.addr()).over("TLS").String())
	p.read()
	sub := next(t, s.rec.subscribes, "SUBSCRIBE")
	cert, key := s.ca.Write(t, t.TempDir(), certstest.Leaf{Names: []string{"blf.test", "renewed.test"}})
	commit, err := s.keeper.Prepare(certs.Files{Key: "sip.tls", Pairs: []certs.Pair{{CertFile: cert, KeyFile: key}}})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	if names := s.tlsPhone().conn.(*tls.Conn).ConnectionState().PeerCertificates[0].DNSNames; !slices.Contains(names, "renewed.test") {
		t.Errorf("the next phone sees %q", names)
	}
	if err := s.Send(sub.Flow, []byte("NOTIFY sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if res := p.read(); !strings.HasPrefix(res.raw, "NOTIFY") {
		t.Error(res.raw)
	}
}

// TestHandshakeFlood: who connects and says nothing, or nonsense, holds up nobody and is
// bounded; then it is cut off.
func TestHandshakeFlood(t *testing.T) {
	s := newSecure(t, func(c *Config, _ *certs.Files) {
		c.Limits.Handshakes, c.Limits.HandshakesPerSource = 60, 40
		c.Timeouts.Handshake = 2 * time.Second
	})
	at := s.at(subscription.TLS)
	var mute []net.Conn
	for range 45 {
		mute = append(mute, s.dial("127.0.0.9", at))
	}
	refused := func() float64 { return testutil.ToFloat64(s.metrics.refused.WithLabelValues("handshakes")) }
	waitFor(t, func() bool { return refused() == 5 })
	start := time.Now()
	p := s.tlsPhone()
	p.send(subscribeTo("sip:1001@x.test", p.addr()).over("TLS").String())
	if res := p.read(); res.code != 200 || time.Since(start) > time.Second {
		t.Errorf("after %v\n%s", time.Since(start), res.raw)
	}
	junk := s.dial("127.0.0.8", at)
	if _, err := io.WriteString(junk, "SUBSCRIBE sip:1001@x.test SIP/2.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	newStreamPhone(t, junk).isClosed()
	for _, c := range mute {
		newStreamPhone(t, c).isClosed()
	}
	for result, want := range map[string]float64{"timeout": 40, "failed": 1, "ok": 1} {
		waitFor(t, func() bool { return testutil.ToFloat64(s.metrics.handshakes.WithLabelValues("TLS", result)) == want })
	}
	waitFor(t, func() bool {
		s.streams.greeter.mu.Lock()
		defer s.streams.greeter.mu.Unlock()
		return len(s.streams.greeter.sources) == 0
	})
	// There is room again.
	s.client.ServerName = "127.0.0.1"
	s.tlsPhone()
}

// TestHandshakesCount: connections in their handshakes count as connections of their source.
func TestHandshakesCount(t *testing.T) {
	s := newSecure(t, func(c *Config, _ *certs.Files) { c.Limits.ConnectionsPerSource = 3 })
	for range 3 {
		s.dial("127.0.0.9", s.at(subscription.TLS))
	}
	newStreamPhone(t, s.dial("127.0.0.9", s.at(subscription.TLS))).isClosed()
	s.tlsPhone()
}

// TestStopDuringHandshake: goleak sees to the rest.
func TestStopDuringHandshake(t *testing.T) {
	s := newSecure(t, nil)
	c := s.dial("127.0.0.1", s.at(subscription.TLS))
	waitFor(t, func() bool {
		s.streams.greeter.mu.Lock()
		defer s.streams.greeter.mu.Unlock()
		return len(s.streams.greeter.pending) == 1
	})
	s.stop()
	newStreamPhone(t, c).isClosed()
}

// TestStalledTLSPeer: neither a Send nor the end waits for who does not read.
func TestStalledTLSPeer(t *testing.T) {
	s := newSecure(t, func(c *Config, _ *certs.Files) { c.Timeouts.Write = time.Hour })
	stall := func() *notifier.Flow {
		p := s.tlsPhone()
		p.send(subscribeTo("sip:1001@x.test", p.addr()).over("TLS").String())
		p.read()
		f := next(t, s.rec.subscribes, "SUBSCRIBE").Flow
		return &f
	}
	msg := make([]byte, 64<<10)
	full, nearly := stall(), stall()
	start := time.Now()
	for s.Send(*full, msg) == nil {
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("Sends took %v", took)
	}
	if f := next(t, s.rec.closed, "FlowClosed"); f != *full {
		t.Errorf("closed %v", f)
	}
	for range 100 {
		if err := s.Send(*nearly, msg[:32<<10]); err != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	start = time.Now()
	s.stop()
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("the end took %v", took)
	}
}

// TestDialTLS: a phone whose TLS connection is gone is called at its Contact if its
// certificate is good for the name there.
func TestDialTLS(t *testing.T) {
	s := newSecure(t, nil)
	for name, ok := range map[string]bool{"127.0.0.1": true, "other.test": false} {
		pair := s.pair(certstest.Leaf{CommonName: "phone", Names: []string{name}})
		ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: pair, ClientAuth: tls.RequireAnyClientCert})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		p := s.tlsPhone()
		contact := fmt.Sprintf("<sip:1002@%s;transport=tls>", ln.Addr())
		p.send(subscribeTo("sip:1001@x.test", p.addr()).over("TLS").with("Contact", contact).String())
		p.read()
		f := next(t, s.rec.subscribes, "SUBSCRIBE").Flow
		_ = p.conn.Close()
		next(t, s.rec.closed, "FlowClosed")
		if err := s.Send(f, []byte("x")); !errors.Is(err, notifier.ErrConnecting) {
			t.Fatal(err)
		}
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if err := conn.(*tls.Conn).HandshakeContext(t.Context()); !ok {
			_ = conn.Close()
			waitFor(t, func() bool { return errors.Is(s.Send(f, []byte("x")), notifier.ErrNoFlow) })
			none(t, s.rec.up, "FlowUp")
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		if up := next(t, s.rec.up, "FlowUp"); up != f {
			t.Errorf("up %v, want %v", up, f)
		}
		if got := s.CertificateNames(f); !slices.Contains(got, name) {
			t.Errorf("names %q", got)
		}
		if err := s.Send(f, []byte("NOTIFY sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if res := newStreamPhone(t, conn).read(); !strings.HasPrefix(res.raw, "NOTIFY") {
			t.Error(res.raw)
		}
		_ = conn.Close()
		next(t, s.rec.closed, "FlowClosed")
	}
}

// TestPeerTLS: a server that was made known is called with its own configuration, which is
// asked for each time; a trunk that leads there by the same name is, too, and by another not.
func TestPeerTLS(t *testing.T) {
	s := newSecure(t, nil)
	own := certstest.New(t, "the PBX's own")
	cert, key := own.Write(t, t.TempDir(), certstest.Leaf{Names: []string{"127.0.0.1", "localhost"}})
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	at := ln.Addr().(*net.TCPAddr).AddrPort()
	f := notifier.Flow{Transport: subscription.TLS, Local: s.at(subscription.TLS), Remote: at}
	adapted := 0
	s.Peer(f, "127.0.0.1", func(c *tls.Config) { adapted++; c.RootCAs = own.Pool() })
	for i, c := range []struct {
		name string
		up   bool
	}{{"", true}, {"127.0.0.1", true}, {"localhost", false}} {
		if c.name != "" { // a trunk's request
			if _, _, ok := s.Toward(subscription.TLS, at, c.name); !ok {
				t.Fatal("no way to", c.name)
			}
		}
		if err := s.Send(f, []byte("OPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n")); !errors.Is(err, notifier.ErrConnecting) {
			t.Fatal(err)
		}
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.(*tls.Conn).HandshakeContext(t.Context()); (err == nil) != c.up {
			t.Errorf("%q: %v", c.name, err)
		}
		if c.up {
			next(t, s.rec.up, "FlowUp")
			_ = conn.Close()
			next(t, s.rec.closed, "FlowClosed")
		}
		_ = conn.Close()
		if want := min(i+1, 2); adapted != want {
			t.Errorf("%q: asked for %d times, want %d", c.name, adapted, want)
		}
	}
	none(t, s.rec.up, "FlowUp")
}

// TestSamePortTwoListeners: a peer that uses one port towards two of our listeners gets
// each answer on the connection of its request.
func TestSamePortTwoListeners(t *testing.T) {
	s := newSecure(t, nil)
	first := s.dial("127.0.0.1", s.at(subscription.TCP))
	d := net.Dialer{LocalAddr: first.LocalAddr(), Control: reuseAddr}
	second, err := d.Dial("tcp", s.at(subscription.TLS).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	over := tls.Client(second, s.client)
	phones := map[string]*tcpPhone{"TCP": newStreamPhone(t, first), "TLS": newStreamPhone(t, over)}
	for range 3 {
		for name, p := range phones {
			addr := first.LocalAddr().(*net.TCPAddr).AddrPort()
			p.send(subscribeTo("sip:1001@x.test", addr).over(name).String())
			if res := p.read(); res.code != 200 || !strings.HasPrefix(res.get("Via"), "SIP/2.0/"+name) {
				t.Fatal(res.raw)
			}
			if f := next(t, s.rec.subscribes, "SUBSCRIBE").Flow; f.Transport.String() != name {
				t.Errorf("flow %v", f)
			}
		}
	}
}

// reuseAddr lets a socket take a local port that another one connects from.
func reuseAddr(_, _ string, c syscall.RawConn) (err error) {
	_ = c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) })
	return err
}

// TestSIPS: our Contact is a SIPS URI in a dialog of SIPS URIs (RFC 3261 §12.1.1).
func TestSIPS(t *testing.T) {
	s := newSecure(t, nil)
	p := s.tlsPhone()
	self := s.at(subscription.TLS).String()
	for name, c := range map[string]struct {
		change func(*request)
		want   string
	}{
		"sip":          {func(*request) {}, "<sip:1001@" + self + ";transport=tls>"},
		"request URI":  {func(q *request) { q.uri = "sips:1001@x.test" }, "<sips:1001@" + self + ">"},
		"Contact":      {func(q *request) { q.with("Contact", "<sips:1002@"+p.addr().String()+">") }, "<sips:1001@" + self + ">"},
		"Record-Route": {func(q *request) { q.line("Record-Route: <sips:127.0.0.1;lr>") }, "<sips:1001@" + self + ">"},
		"mixed": {func(q *request) {
			q.with("Contact", "<sips:1002@"+p.addr().String()+">").line("Record-Route: <sip:127.0.0.1;lr;transport=tls>")
		}, "<sip:1001@" + self + ";transport=tls>"},
	} {
		q := subscribeTo("sip:1001@x.test", p.addr()).over("TLS")
		c.change(q)
		p.send(q.String())
		if res := p.read(); res.code != 200 || res.get("Contact") != c.want {
			t.Errorf("%s: want %s, got\n%s", name, c.want, res.raw)
		}
		next(t, s.rec.subscribes, "SUBSCRIBE")
	}
}
