package bridge_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/siptest"
)

// TestEdgeLarge: what is too large for UDP reaches a real Asterisk by TCP, and the call goes
// on by UDP, over a kill of the bridge too; who takes no TCP gets it by UDP, and is asked for a
// connection once.
func TestEdgeLarge(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "edge")
	pad := siptest.Header{Name: "X-Pad", Value: strings.Repeat("a", 1300)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Run("Asterisk", func(t *testing.T) {
		s := newServer(t, setup{store: newStorage(t, "bolt"), pbx: a.yaml("edge", "sip: udp://"+a.addr.SIP, "sip_large: tcp"), more: edgeYAML})
		s.start()
		p1, p2 := edgePhone(t, s, "1001", false), edgePhone(t, s, "1002", false)
		if n := s.metric("blfbridge_sip_dials_total"); n != 0 {
			t.Errorf("%v connections for what is not large", n)
		}
		for range 2 {
			c, err := p1.Dial(t.Context(), "1002", pad)
			must(err)
			in, err := p2.Incoming(t.Context())
			must(err)
			must(in.Answer())
			must(c.WaitAnswered(t.Context()))
			if n := s.metric("blfbridge_sip_dials_total"); n != 1 {
				t.Errorf("%v connections to the PBX", n)
			}
			must(c.Hold(t.Context()))
			must(in.Hold(t.Context()))
			s.kill()
			s.start()
			must(in.Bye(t.Context()))
			must(c.WaitEnded(t.Context()))
		}
	})
	t.Run("no TCP", func(t *testing.T) {
		pbx, err := net.ListenPacket("udp", freePort(t)) // nobody else's over TCP
		must(err)
		defer func() { _ = pbx.Close() }()
		s := newServer(t, setup{
			store: newStorage(t, "bolt"), pbx: a.yaml("edge", "sip: udp://"+pbx.LocalAddr().String(), "sip_large: tcp"), more: edgeYAML,
		})
		s.start()
		phone, err := net.Dial("udp", s.udp)
		must(err)
		defer func() { _ = phone.Close() }()
		for _, branch := range []string{"z9hG4bKone", "z9hG4bKtwo"} {
			_, err = phone.Write([]byte("MESSAGE sip:1002@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP " + phone.LocalAddr().String() + ";branch=" + branch +
				"\r\nFrom: <sip:1001@pbx.test>;tag=a\r\nTo: <sip:1002@pbx.test>\r\nCall-ID: " + branch + "\r\nCSeq: 1 MESSAGE\r\n" +
				pad.Name + ": " + pad.Value + "\r\nContent-Length: 0\r\n\r\n"))
			must(err)
			must(pbx.SetReadDeadline(time.Now().Add(10 * time.Second)))
			buf := make([]byte, 65536)
			for got := ""; !strings.Contains(got, branch); { // OPTIONS come, too
				n, _, err := pbx.ReadFrom(buf)
				must(err)
				if got = string(buf[:n]); strings.Contains(got, branch) && (!strings.Contains(got, "Via: SIP/2.0/UDP "+s.udp) || n < 1300) {
					t.Error(got)
				}
			}
		}
		if n := s.metric("blfbridge_sip_dials_total"); n != 1 {
			t.Errorf("%v attempts to connect", n)
		}
		s.logged(time.Second, "takes no TCP connection", "pbx=ast")
	})
}
