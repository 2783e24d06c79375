package bridge_test

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"blfbridge/bridge/certs/certstest"
	"blfbridge/bridge/siptest"
)

// TestEdgeHangUpAfterKill: a phone over TLS that hangs up after a kill -9 of the bridge, or as
// soon as the next one takes connections, is heard by the other at once: none of the times for
// which something may wait (20 s for a phone, 30 s for a message, 32 s for an answer) is in the way.
func TestEdgeHangUpAfterKill(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "edge")
	ca := certstest.New(t, "ca")
	cert, key := ca.Write(t, t.TempDir(), certstest.Leaf{Names: []string{"127.0.0.1"}})
	at := freePort(t)
	s := newServer(t, setup{
		store: newStorage(t, "bolt"), pbx: a.yaml("edge", "sip: udp://"+a.addr.SIP), more: edgeYAML, listen: "tls://" + at,
		sip: "  tls: {cert_file: " + cert + ", key_file: " + key + "}\n",
	})
	s.start()
	p1 := registered(t, siptest.Config{
		User: "1001", Password: "pw1001", Proxy: at, Domain: "127.0.0.1", Transport: "TLS", TLS: &tls.Config{RootCAs: ca.Pool()},
	})
	p2 := edgePhone(t, s, "1002", false)
	for range 2 {
		for when, start := range map[string]func(){"when it serves": s.start, "while it starts": s.run} {
			c, in := talk(t, p1, p2)
			s.kill()
			start()
			began := time.Now()
			for { // until somebody listens
				if conn, err := net.Dial("tcp", at); err == nil {
					_ = conn.Close()
					break
				}
				if time.Since(began) > 20*time.Second {
					t.Fatal("nobody listens")
				}
				time.Sleep(20 * time.Millisecond)
			}
			if err := c.Bye(t.Context()); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			if err := in.WaitEnded(t.Context()); err != nil {
				t.Fatal(err)
			}
			took := time.Since(began)
			t.Logf("%s: the other side heard of it after %v", when, took)
			if took > 15*time.Second {
				t.Errorf("%s: it took %v", when, took)
			}
			s.ready()
			if err := p1.Register(t.Context(), 10*time.Minute); err != nil {
				t.Fatal(err)
			}
		}
	}
}
