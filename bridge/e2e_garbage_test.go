package bridge_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// TestGarbage: what no phone sends comes from everywhere, one PBX has another password,
// one is not there. The process lives, says what is wrong, and the good PBX's lamps are right.
func TestGarbage(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		phones := ast.phones(t, "1001", "1002")
		pbx := ast.yaml("garbage") +
			"  - {name: wrong, type: asterisk, url: \"" + ast.addr.ARI + "\", username: blfbridge, password: wrong-secret, app: garbage2}\n" +
			"  - {name: dead, type: asterisk, url: \"http://127.0.0.1:1\", username: a, password: b}\n" +
			"  - {name: deadfs, type: freeswitch, address: \"127.0.0.1:1\", password: c}\n"
		s := newServer(t, setup{store: st, pbx: pbx})
		s.run()
		s.eventually(20e9, "the good PBX to be up", func() error {
			if code, body := s.get("/metrics"); code != 200 || !strings.Contains(body, `blfbridge_source_up{source="ast"} 1`) {
				return fmt.Errorf("%d", code)
			}
			return nil
		})
		w := dialogWatch(t, s.udp, "1001")
		w.shows(device.Idle)

		rubbish(t, s.udp, 300)
		rubbishTCP(t, s.tcp)
		c := call(t, phones[0], phones[1])
		w.shows(device.Busy)
		overTCP := watching(t, s.tcp, siptest.Config{TCP: true}, siptest.SubscribeConfig{Target: "1002"})
		overTCP.shows(device.Busy)
		rubbish(t, s.udp, 50)
		if err := c.HangUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.shows(device.Idle)
		overTCP.shows(device.Idle)

		s.logged(lampTime, "level=WARN", "source=wrong", "password")
		s.logged(lampTime, "level=WARN", "source=dead ", "unreachable")
		s.logged(lampTime, "level=WARN", "source=deadfs")
		if code, _ := s.get("/healthz"); code != 200 {
			t.Errorf("/healthz says %d", code)
		}
		if n := s.metric("blfbridge_sip_panics_total"); n != 0 {
			t.Errorf("%v handlers panicked", n)
		}
		for _, secret := range []string{"wrong-secret", "lab-secret"} {
			if strings.Contains(s.log.String(), secret) {
				t.Errorf("the log holds the password %s", secret)
			}
		}
		s.alive()
	})
}

// rubbish sends datagrams that are no SIP, or SIP with something missing, each from
// another port.
func rubbish(t *testing.T, to string, n int) {
	t.Helper()
	whole := "SUBSCRIBE sip:1001@" + to + " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKr%d;rport\r\nMax-Forwards: 70\r\n" +
		"From: <sip:x@y>;tag=1\r\nTo: <sip:1001@" + to + ">\r\nCall-ID: rubbish%d\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:x@127.0.0.1:9>\r\n" +
		"Event: dialog\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n"
	random := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range n {
		c, err := net.Dial("udp", to)
		if err != nil {
			t.Fatal(err)
		}
		msg := fmt.Sprintf(whole, i, i)
		switch lines := strings.SplitAfter(msg, "\r\n"); i % 5 {
		case 0: // without one of its headers: To among them
			k := 1 + i/5%(len(lines)-3)
			msg = strings.Join(append(lines[:k:k], lines[k+1:]...), "")
		case 1:
			b := make([]byte, 1+random.IntN(1500))
			for j := range b {
				b[j] = byte(random.IntN(256))
			}
			msg = string(b)
		case 2:
			msg = msg[:random.IntN(len(msg))]
		case 3:
			b := []byte(msg)
			for range 8 {
				b[random.IntN(len(b))] = byte(random.IntN(256))
			}
			msg = string(b)
		case 4:
			msg = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKblf.0.0.0.1\r\nCSeq: 1 NOTIFY\r\n\r\n"
		}
		_, _ = c.Write([]byte(msg))
		_ = c.Close()
	}
}

// rubbishTCP opens connections that say nothing, half a thing, or too much.
func rubbishTCP(t *testing.T, to string) {
	t.Helper()
	for _, text := range []string{
		"", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "SUBSCRIBE sip:1001@x SIP/2.0\r\n", "\r\n\r\n\r\n\r\n",
		"SUBSCRIBE sip:1001@x SIP/2.0\r\nContent-Length: 99999999\r\n\r\n", strings.Repeat("x", 100_000),
		"SUBSCRIBE sip:1001@x SIP/2.0\r\nContent-Length: -1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	} {
		c, err := net.Dial("tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte(text))
		t.Cleanup(func() { _ = c.Close() })
	}
}
