package bridge_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/certs/certstest"
	"blfbridge/bridge/siptest"
)

// edgeYAML is the configuration's section.
const edgeYAML = "edge: {enabled: true, check_interval: 1s}\n"

// edgePhone is a phone whose only server is the bridge.
func edgePhone(t *testing.T, s *server, number string, tcp bool) *siptest.Phone {
	t.Helper()
	return registered(t, siptest.Config{User: number, Password: "pw" + number, Proxy: s.udp, Domain: "127.0.0.1", TCP: tcp})
}

// TestEdgeCalls: phones that know nothing but the bridge register at a real Asterisk
// through it, call each other in every way, and watch their lamps, over UDP and TCP.
func TestEdgeCalls(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "edge")
	for _, inside := range []string{"udp", "tcp"} {
		at := a.front("edge", "sip: "+inside+"://"+a.addr.SIP)
		s := at.server(t)
		for name, tcp := range map[string][2]bool{"udp": {false, false}, "tcp": {true, true}, "udp and tcp": {false, true}} {
			t.Run(name+", "+inside+" to the PBX", func(t *testing.T) { edgeCalls(newEdgeOffice(t, s, at, tcp)) })
		}
		s.stop()
	}
}

// TestEdgeTLS: the same with TLS between the edge and an Asterisk that demands a client's
// certificate and verifies the edge's, and phones over UDP and TLS. With another authority
// the edge speaks to no PBX.
func TestEdgeTLS(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "edge")
	file := func(name string) string { return filepath.Join(a.addr.TLS, name) }
	pem, err := os.ReadFile(file("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	trust := &tls.Config{RootCAs: x509.NewCertPool()}
	trust.RootCAs.AppendCertsFromPEM(pem)
	at := freePort(t)
	o := setup{
		store: newStorage(t, "bolt"), more: edgeYAML, listen: "tls://" + at,
		sip: "  tls: {cert_file: " + file("client.crt") + ", key_file: " + file("client.key") + "}\n",
		pbx: a.yaml("edge", "sip: tls://"+a.addr.SIPS, "sip_tls: {ca_file: "+file("ca.crt")+"}"),
	}
	s := newServer(t, o)
	s.start()
	phone := func(number string, sips bool) *siptest.Phone {
		return registered(t, siptest.Config{
			User: number, Password: "pw" + number, Proxy: at, Domain: "127.0.0.1", Transport: "TLS", TLS: trust, SIPS: sips,
		})
	}
	edgeCalls(&edgeOffice{t: t, s: s, at: a.front("edge"), kind: [2]bool{false, true}, phone: func(number string, secure bool) *siptest.Phone {
		if !secure {
			return edgePhone(t, s, number, false)
		}
		return phone(number, false)
	}})
	// Phones whose addresses are SIPS URIs, among themselves and with one whose are not.
	for _, kind := range [][2]bool{{true, true}, {false, true}} {
		edgeCalls(&edgeOffice{t: t, s: s, at: a.front("edge"), kind: kind, phone: phone})
	}
	s.stop()

	// By UDP the PBX is not for SIPS URIs, and the phone is told.
	plain := o
	plain.pbx = a.yaml("edge", "sip: udp://"+a.addr.SIP)
	s.configure(plain)
	s.start()
	refused, err := siptest.NewPhone(siptest.Config{User: "1001", Proxy: at, Domain: "127.0.0.1", Transport: "TLS", TLS: trust, SIPS: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(refused.Close)
	if res, err := refused.Do(t.Context(), "REGISTER", "sips:127.0.0.1", nil, nil); res == nil || res.Code != 480 || !strings.HasPrefix(res.Get("Warning"), "380 ") {
		t.Error(res, err)
	}
	s.stop()

	other := certstest.New(t, "another")
	o.pbx = a.yaml("edge", "sip: tls://"+a.addr.SIPS, "sip_tls: {ca_file: "+other.File+"}")
	s.configure(o)
	s.start()
	s.logged(10*time.Second, "called over TLS in vain", a.addr.SIPS)
	s.logged(20*time.Second, "does not answer SIP", "pbx=ast")
}

// TestEdgeIPv6: phones and PBX at ::1, and one at 127.0.0.1 while the other is not.
func TestEdgeIPv6(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "edge")
	six := net.JoinHostPort("::1", port(freePort(t)))
	for _, c := range []struct {
		name, pbx string
		kinds     [2]bool // true: a phone at ::1
	}{
		{"phones and PBX at ::1", "udp://" + a.addr.SIP6, [2]bool{true, true}},
		{"phones of both and PBX at ::1 over TCP", "tcp://" + a.addr.SIP6, [2]bool{false, true}},
		{"phones of both and PBX at 127.0.0.1", "udp://" + a.addr.SIP, [2]bool{true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, setup{
				store: newStorage(t, "bolt"), listen: `"udp://` + six + `", "tcp://` + six + `"`, more: edgeYAML, pbx: a.yaml("edge", "sip: '"+c.pbx+"'"),
			})
			s.start()
			edgeCalls(&edgeOffice{t: t, s: s, at: a.front("edge"), kind: c.kinds, phone: func(number string, isSix bool) *siptest.Phone {
				if !isSix {
					return edgePhone(t, s, number, false)
				}
				return registered(t, siptest.Config{
					User: number, Password: "pw" + number, Proxy: six, Domain: "[::1]", Listen: "[::1]:0", TCP: number == "1003",
				})
			}})
		})
	}
}

// TestEdgeRestart: calls go on while the bridge is killed and comes back.
func TestEdgeRestart(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "edge")
	at := a.front("edge", "sip: udp://"+a.addr.SIP)
	s := at.server(t)
	for _, tcp := range []bool{false, true} {
		edgeRestart(newEdgeOffice(t, s, at, [2]bool{tcp, tcp}))
	}
}

// TestEdgeFailover: with two PBXs the second takes over when the first does not answer,
// and calls stay where they are.
func TestEdgeFailover(t *testing.T) {
	t.Parallel()
	a, b := takeAsterisk(t, "edge"), takeAsterisk(t, "edge2")
	yaml := a.yaml("edge", "sip: udp://"+a.addr.SIP) + strings.Replace(b.yaml("edge", "sip: udp://"+b.addr.SIP), "name: ast", "name: second", 1)
	s := newServer(t, setup{store: newStorage(t, "bolt"), pbx: yaml, more: edgeYAML})
	s.start()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	before := b.cli(t, "pjsip show contacts") // an earlier run may have left some
	p1, p2 := edgePhone(t, s, "1001", false), edgePhone(t, s, "1002", false)
	c := call(t, p1, p2)
	must(c.Bye(ctx))
	for line := range strings.Lines(b.cli(t, "pjsip show contacts")) {
		if strings.Contains(line, "sip:") && !strings.Contains(before, line) {
			t.Fatal("a phone has registered at the second PBX: ", line)
		}
	}

	a.stop(t, true)
	// At once, before its silence is known.
	began := time.Now()
	must(p1.Register(ctx, 10*time.Minute))
	t.Log("registered at the second PBX after", time.Since(began))
	s.logged(10*time.Second, "does not answer SIP", "pbx=ast")
	must(p2.Register(ctx, 10*time.Minute))
	c, in := talk(t, p1, p2)

	a.start(t)
	s.logged(10*time.Second, "answers SIP again", "pbx=ast")
	must(in.Hold(ctx))
	must(c.Bye(ctx))
	must(in.WaitEnded(ctx))
	must(p1.Register(ctx, 10*time.Minute))
	must(p2.Register(ctx, 10*time.Minute))
	must(call(t, p1, p2).Bye(ctx))
}

// TestEdgeKnowsWatchers: who has registered through the edge needs no second password for
// its lamps, on that flow, under that name, while registered, and if the option is on.
func TestEdgeKnowsWatchers(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "edge")
	o := setup{
		store: newStorage(t, "bolt"), pbx: a.yaml("edge", "sip: udp://"+a.addr.SIP), more: edgeYAML,
		policy: "unknown_watchers: {trusted_networks: [192.0.2.1], others: challenge}\n",
	}
	s := newServer(t, o)
	s.start()
	ctx := t.Context()
	watch := func(p *siptest.Phone, want int) {
		t.Helper()
		res, err := p.Do(ctx, "SUBSCRIBE", "sip:1002@127.0.0.1", []siptest.Header{
			{Name: "Event", Value: "dialog"}, {Name: "Expires", Value: "0"}}, nil)
		if res == nil || res.Code != want {
			t.Errorf("phone %s got %v, %v, want %d", p.User(), res, err, want)
		}
	}
	for _, tcp := range []bool{false, true} {
		p := edgePhone(t, s, "1001", tcp)
		watch(p, 200)
		other, err := siptest.NewPhone(siptest.Config{User: "1001", Proxy: s.udp, Domain: "127.0.0.1", TCP: tcp})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(other.Close)
		watch(other, 401) // another flow
		if tcp {
			p.DropConnection()
			watch(p, 401)
			if err := p.Register(ctx, time.Minute); err != nil {
				t.Fatal(err)
			}
			watch(p, 200)
		}
		if err := p.Unregister(ctx); err != nil {
			t.Fatal(err)
		}
		watch(p, 401)
	}
	o.more = "edge: {enabled: true, trust_registrations: false}\n"
	s.stop()
	s.configure(o)
	s.start()
	watch(edgePhone(t, s, "1001", false), 401)
}

// TestEdgeKeepsRegistrations: after a kill -9 the next process knows at once who had
// registered over UDP, without a new REGISTER, and who had left.
func TestEdgeKeepsRegistrations(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "edge")
	for _, kind := range []string{"bolt", "redis"} {
		t.Run(kind, func(t *testing.T) {
			s := newServer(t, setup{
				store: newStorage(t, kind), pbx: a.yaml("edge", "sip: udp://"+a.addr.SIP), more: edgeYAML,
				policy: "unknown_watchers: {trusted_networks: [192.0.2.1], others: challenge}\n",
			})
			s.start()
			stays, leaves := edgePhone(t, s, "1001", false), edgePhone(t, s, "1003", false)
			if err := leaves.Unregister(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.eventually(3*time.Second, "the store to have it", func() error { return want(s.metric("blfbridge_store_pending"), 0) })
			s.kill()
			s.start()
			for p, status := range map[*siptest.Phone]int{stays: 200, leaves: 401} {
				res, err := p.Do(t.Context(), "SUBSCRIBE", "sip:1002@127.0.0.1", []siptest.Header{
					{Name: "Event", Value: "dialog"}, {Name: "Expires", Value: "0"}}, nil)
				if res == nil || res.Code != status {
					t.Errorf("phone %s got %v, %v, want %d", p.User(), res, err, status)
				}
			}
			callee := edgePhone(t, s, "1002", false)
			for _, c := range []*siptest.Call{call(t, callee, stays), call(t, stays, callee)} {
				if err := c.Bye(t.Context()); err != nil {
					t.Error(err)
				}
			}
			for _, p := range []*siptest.Phone{stays, callee} {
				if err := p.Unregister(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestEdgeDialledLogin: who has registered through the edge logs in by dialling, without a
// second password; the PBX hears of nothing but other numbers.
func TestEdgeDialledLogin(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "edge")
	o := setup{
		store: newStorage(t, "bolt"), pbx: a.yaml("edge", "sip: udp://"+a.addr.SIP), more: edgeYAML,
		policy: "unknown_watchers: {trusted_networks: [192.0.2.1], others: challenge}\n" + hotdesk,
	}
	s := newServer(t, o)
	s.start()
	logins := func(want string) {
		t.Helper()
		if _, body := s.get("/api/v1/logins"); !strings.Contains(body, want) {
			t.Errorf("%s, want %s", body, want)
		}
	}
	for _, tcp := range []bool{false, true} {
		p := edgePhone(t, s, "1006", tcp)
		stranger, err := siptest.NewPhone(siptest.Config{User: "1006", Proxy: s.udp, Domain: "127.0.0.1", TCP: tcp})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stranger.Close)
		for _, c := range []struct {
			phone  *siptest.Phone
			code   string
			status int
			then   string
		}{
			{stranger, "*56ann*0815", 401, `"total":0`},
			{p, "*56ann*0815", 200, `"phone":"LOBBY","user_id":"ann"`},
			{p, "*58", 404, `"phone":"LOBBY"`}, // the PBX's answer
			{stranger, "*57", 401, `"phone":"LOBBY"`},
			{p, "*57", 200, `"total":0`},
		} {
			if got := dials(t, c.phone, c.code); got != c.status {
				t.Errorf("tcp %v: %s: %d, want %d", tcp, c.code, got, c.status)
			}
			logins(c.then)
		}
		for _, v := range append(p.Strays(), stranger.Strays()...) {
			t.Error(v)
		}
		if err := p.Unregister(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	o.more = "edge: {enabled: true, trust_registrations: false}\n"
	s.stop()
	s.configure(o)
	s.start()
	if got := dials(t, edgePhone(t, s, "1006", false), "*57"); got != 401 {
		t.Errorf("without trust in registrations: %d", got)
	}
}
