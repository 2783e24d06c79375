package siptest_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/siptest"
)

// server is the other end of the wire, played by the test: a socket and nothing else.
type server struct {
	t    *testing.T
	conn net.PacketConn
	peer net.Addr
	sub  *siptest.Message // the SUBSCRIBE served last
	cseq int
}

func newServer(t *testing.T) *server {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &server{t: t, conn: c, cseq: 10}
}

func (s *server) phone(change func(*siptest.Config)) *siptest.Phone {
	s.t.Helper()
	cfg := siptest.Config{User: "201", Domain: "pbx.test", Proxy: s.conn.LocalAddr().String(), Timeout: 3 * time.Second}
	if change != nil {
		change(&cfg)
	}
	p, err := siptest.NewPhone(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(p.Close)
	return p
}

// receive returns the next message, nil after a while.
func (s *server) receive(wait time.Duration) *siptest.Message {
	buf := make([]byte, 65536)
	if err := s.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		s.t.Error(err)
	}
	n, from, err := s.conn.ReadFrom(buf)
	if err != nil {
		return nil
	}
	s.peer = from
	m, err := siptest.ParseMessage(append([]byte(nil), buf[:n]...))
	if err != nil {
		s.t.Errorf("the phone sent: %v", err)
	}
	return m
}

// send writes a message given with \n line ends.
func (s *server) send(text string) {
	head, body, _ := strings.Cut(text, "\n\n")
	if _, err := s.conn.WriteTo([]byte(strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n"+body), s.peer); err != nil {
		s.t.Error(err)
	}
}

// reply answers a request; extra are whole header lines.
func (s *server) reply(m *siptest.Message, status string, extra ...string) {
	to := m.Get("To")
	if !strings.Contains(to, "tag=") {
		to += ";tag=srv"
	}
	s.send(fmt.Sprintf("SIP/2.0 %s\nVia: %s\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %s\n%sContent-Length: 0\n\n",
		status, m.Get("Via"), m.Get("From"), to, m.Get("Call-ID"), m.Get("CSeq"), strings.Join(append(extra, ""), "\n")))
}

// accept takes the next SUBSCRIBE and answers 200.
func (s *server) accept() {
	s.t.Helper()
	m := s.receive(3 * time.Second)
	if m == nil || m.Method != "SUBSCRIBE" {
		s.t.Errorf("want a SUBSCRIBE, got %v", m)
		return
	}
	s.sub = m
	s.reply(m, "200 OK", "Expires: "+m.Get("Expires"), "Contact: <sip:"+s.conn.LocalAddr().String()+">")
}

// dialogInfo is a body as the RFC has it.
func dialogInfo(version int, state string) string {
	return fmt.Sprintf(`<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%d" state="full" entity="sip:101@pbx.test"><dialog id="d" direction="recipient"><state>%s</state></dialog></dialog-info>`, version, state)
}

// notify is a faultless NOTIFY with the next CSeq; edit may spoil it.
func (s *server) notify(substate, body string, edit ...func(string) string) {
	s.cseq++
	text := fmt.Sprintf("NOTIFY %s SIP/2.0\nVia: SIP/2.0/UDP %s;branch=z9hG4bKserver%d\nMax-Forwards: 70\nFrom: <sip:101@pbx.test>;tag=srv\n"+
		"To: <sip:201@pbx.test>;tag=%s\nCall-ID: %s\nCSeq: %d NOTIFY\nContact: <sip:%s>\nEvent: %s\nSubscription-State: %s\n"+
		"Content-Type: application/dialog-info+xml\nContent-Length: %d\n\n%s",
		s.sub.ContactURI(), s.conn.LocalAddr(), s.cseq, s.sub.Tag("From"), s.sub.Get("Call-ID"), s.cseq, s.conn.LocalAddr(),
		s.sub.Get("Event"), substate, len(body), body)
	for _, e := range edit {
		text = e(text)
	}
	s.send(text)
}

// status waits for the answer to a NOTIFY.
func (s *server) status() int {
	if m := s.receive(2 * time.Second); m != nil {
		return m.Code
	}
	return 0
}

// watch subscribes and gives the first NOTIFY, idle with version 0.
func (s *server) watch(p *siptest.Phone, cfg siptest.SubscribeConfig) *siptest.Subscription {
	s.t.Helper()
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.accept()
	}()
	cfg.Target = "101"
	sub, err := p.Subscribe(s.t.Context(), cfg)
	<-served
	if err != nil {
		s.t.Fatal(err)
	}
	s.notify("active;expires=600", dialogInfo(0, "terminated"))
	if code := s.status(); code != 200 {
		s.t.Fatalf("the first NOTIFY got %d: %s", code, siptest.Describe(sub.Violations()))
	}
	return sub
}
