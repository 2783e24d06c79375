package bridge_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"blfbridge/bridge/certs/certstest"
)

// tlsPBX takes SIP over TLS from clients with a certificate, and answers nothing.
type tlsPBX struct {
	t    *testing.T
	at   string
	seen chan tlsClient
	own  chan tls.Certificate // shown from the next connection on
}

// tlsClient is a connection, and the name in the client's certificate.
type tlsClient struct {
	net.Conn
	name string
}

func newTLSPBX(t *testing.T, own tls.Certificate, clients *certstest.Authority) *tlsPBX {
	t.Helper()
	p := &tlsPBX{t: t, seen: make(chan tlsClient), own: make(chan tls.Certificate, 1)}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.at = ln.Addr().String()
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			select {
			case own = <-p.own:
			default:
			}
			c := tls.Server(conn, &tls.Config{
				Certificates: []tls.Certificate{own}, ClientCAs: clients.Pool(), ClientAuth: tls.RequireAndVerifyClientCert,
			})
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			if c.HandshakeContext(t.Context()) != nil {
				_ = conn.Close()
				continue
			}
			_ = c.SetDeadline(time.Time{})
			select {
			case p.seen <- tlsClient{c, c.ConnectionState().PeerCertificates[0].Subject.CommonName}:
			case <-done:
				_ = conn.Close()
			}
		}
	}()
	t.Cleanup(func() { close(done); _ = ln.Close(); <-ended })
	return p
}

// sees waits for a connection of a client of that name, and closes it as every other.
func (p *tlsPBX) sees(name string) {
	p.t.Helper()
	over := time.After(30 * time.Second)
	for seen := ""; seen != name; {
		select {
		case c := <-p.seen:
			seen = c.name
			_ = c.Close()
		case <-over:
			p.t.Fatalf("no connection of %s; the last was %q's", name, seen)
		}
	}
}

// logged waits for a line of the bridge's log, and closes the connections that come meanwhile.
func (p *tlsPBX) logged(s *server, words ...string) {
	p.t.Helper()
	s.eventually(30*time.Second, "a log line", func() error {
		select {
		case c := <-p.seen:
			_ = c.Close()
		default:
		}
		if s.lines(words...) == 0 {
			return fmt.Errorf("none with %q", words)
		}
		return nil
	})
}

// TestRenewedSIPTLS: certificate, key and authorities of pbx[].sip_tls are taken from their
// files at the next connection, without a restart; where they cannot be read the last ones
// stay. What needs a restart is named at a reload.
func TestRenewedSIPTLS(t *testing.T) {
	t.Parallel()
	servers, clients, dir := certstest.New(t, "servers"), certstest.New(t, "clients"), t.TempDir()
	pair := func(ca *certstest.Authority) tls.Certificate {
		cert, key := ca.Write(t, t.TempDir(), certstest.Leaf{Names: []string{"127.0.0.1"}})
		own, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return own
	}
	pbx := newTLSPBX(t, pair(servers), clients)
	cert, key := clients.Write(t, dir, certstest.Leaf{CommonName: "one"})
	fs := replayed(t, "call_answer_caller_hangs_up")
	ours, ourKey := servers.Write(t, t.TempDir(), certstest.Leaf{CommonName: "edge"})
	o := setup{
		store: newStorage(t, "bolt"), more: edgeYAML, listen: "tls://" + freePort(t),
		sip: "  tls: {cert_file: " + ours + ", key_file: " + ourKey + "}\n",
		pbx: freeswitchYAML("fs", fs, "sip: tls://"+pbx.at, "sip_tls: {ca_file: "+servers.File+", cert_file: "+cert+", key_file: "+key+"}"),
	}
	s := newServer(t, o)
	s.start()
	pbx.sees("one")
	clients.Write(t, dir, certstest.Leaf{CommonName: "two"})
	pbx.sees("two")

	renewed, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	s.write(cert, "no certificate")
	pbx.logged(s, "changed TLS files of a PBX cannot be used")
	pbx.sees("two")
	s.write(cert, string(renewed))

	other := certstest.New(t, "other servers")
	pem, err := os.ReadFile(other.File)
	if err != nil {
		t.Fatal(err)
	}
	pbx.own <- pair(other)
	pbx.logged(s, "called over TLS in vain", "remote="+pbx.at)
	s.write(servers.File, string(pem))
	pbx.sees("two")

	s.reload()
	const warned = "this key differs from that of the start and needs a restart"
	if s.lines(warned) > 0 {
		t.Error("nothing has changed, and a restart is asked for")
	}
	for _, change := range []string{"sip: tls://127.0.0.2:5061", "sip_tls: {server_name: pbx.test}", "tenant: acme"} {
		lines := []string{"sip: tls://" + pbx.at, "sip_tls: {ca_file: " + servers.File + ", cert_file: " + cert + ", key_file: " + key + "}"}
		switch change[:5] {
		case "sip: ":
			lines[0] = change
		case "sip_t":
			lines[1] = change
		default:
			lines = append(lines, change)
		}
		changed := o
		changed.pbx = freeswitchYAML("fs", fs, lines...)
		s.configure(changed)
		before := s.lines(warned, "pbx[].sip_tls")
		s.reload()
		s.eventually(10*time.Second, "the restart to be asked for after "+change, func() error {
			return want(float64(s.lines(warned, "pbx[].sip_tls")), float64(before+1))
		})
	}
}
