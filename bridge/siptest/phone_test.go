package siptest_test

import (
	"bufio"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// pair are two phones that are each other's proxy.
func pair(t *testing.T) (a, b *siptest.Phone) {
	t.Helper()
	var conns [2]net.PacketConn
	for i := range conns {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = c
	}
	mk := func(user string, mine, other net.PacketConn) *siptest.Phone {
		p, err := siptest.NewPhone(siptest.Config{User: user, Proxy: other.LocalAddr().String(), PacketConn: mine, Timeout: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		return p
	}
	return mk("201", conns[0], conns[1]), mk("202", conns[1], conns[0])
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCallBetweenPhones(t *testing.T) {
	a, b := pair(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := a.Dial(ctx, "202")
	must(t, err)
	d, err := b.Incoming(ctx)
	must(t, err)
	must(t, c.WaitRinging(ctx))
	must(t, d.Answer())
	must(t, c.WaitAnswered(ctx))
	must(t, c.Hold(ctx))
	must(t, d.Hold(ctx))
	if !c.Holding() || !d.Holding() {
		t.Error("both should hold")
	}
	must(t, c.Unhold(ctx))
	if r, s := c.Replaces(), d.Replaces(); r.CallID != s.CallID || r.ToTag != s.FromTag || r.FromTag != s.ToTag {
		t.Errorf("the legs see %v and %v", r, s)
	}
	if err := c.Refer(ctx, "203"); siptest.StatusOf(err) != 501 {
		t.Errorf("a phone is no PBX, yet REFER gave %v", err)
	}
	must(t, d.Bye(ctx))
	must(t, c.WaitEnded(ctx))
	if err := d.Answer(); err == nil {
		t.Error("a call that is over was answered")
	}
}

func TestCallRefusals(t *testing.T) {
	a, b := pair(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for policy, want := range map[siptest.Policy]int{siptest.RejectBusy: 486, siptest.AutoAnswer: 200} {
		b.SetPolicy(policy)
		c, err := a.Dial(ctx, "202")
		must(t, err)
		if status, err := c.WaitFinal(ctx); status != want || err != nil {
			t.Errorf("policy %d: %d, %v", policy, status, err)
		}
		must(t, c.HangUp(ctx))
	}
	b.ForgetIncoming()
	b.SetPolicy(siptest.Ring)
	c, err := a.Dial(ctx, "202")
	must(t, err)
	d, err := b.Incoming(ctx)
	must(t, err)
	must(t, c.Cancel(ctx))
	must(t, d.WaitEnded(ctx))
	if c.Status() != 487 {
		t.Errorf("cancelled: %d", c.Status())
	}
	c, err = a.Dial(ctx, "202")
	must(t, err)
	d, err = b.Incoming(ctx)
	must(t, err)
	must(t, d.Reject(603))
	if status, err := c.WaitFinal(ctx); status != 603 || err != nil {
		t.Errorf("rejected: %d, %v", status, err)
	}
}

// TestSubscribeForms reads what the phone sends for each option.
func TestSubscribeForms(t *testing.T) {
	for name, c := range map[string]struct {
		phone func(*siptest.Config)
		cfg   siptest.SubscribeConfig
		want  []string
		not   string
	}{
		"plain":        {nil, siptest.SubscribeConfig{Target: "101"}, []string{"SUBSCRIBE sip:101@pbx.test SIP/2.0", "Event: dialog\r\n", "Accept: application/dialog-info+xml\r\n", "Expires: 600\r\n"}, "?"},
		"presence":     {nil, siptest.SubscribeConfig{Target: "*89101", Event: "presence"}, []string{"SUBSCRIBE sip:*89101@pbx.test SIP/2.0", "Accept: application/pidf+xml\r\n"}, "?"},
		"bare code":    {nil, siptest.SubscribeConfig{Target: "sip:*89@10.0.0.1"}, []string{"SUBSCRIBE sip:*89@10.0.0.1 SIP/2.0"}, "?"},
		"target in To": {nil, siptest.SubscribeConfig{Target: "101", TargetInToOnly: true}, []string{"To: <sip:101@pbx.test>\r\n"}, "SUBSCRIBE sip:101"},
		"no Expires":   {nil, siptest.SubscribeConfig{Target: "101", Expires: -1}, nil, "Expires"},
		"no Accept":    {nil, siptest.SubscribeConfig{Target: "101", Accept: "none"}, nil, "Accept"},
		"fetch":        {nil, siptest.SubscribeConfig{Target: "101", Fetch: true}, []string{"Expires: 0\r\n"}, "?"},
		"compact":      {func(c *siptest.Config) { c.Compact = true }, siptest.SubscribeConfig{Target: "101"}, []string{"\r\nv: SIP", "\r\nf: <", "\r\nt: <", "\r\ni: ", "\r\nm: <", "\r\no: dialog"}, "Event:"},
		"agent":        {func(c *siptest.Config) { c.UserAgent = "Snom" }, siptest.SubscribeConfig{Target: "101", Extra: []siptest.Header{{Name: "Supported", Value: ""}}}, []string{"User-Agent: Snom\r\n", "Supported: \r\n"}, "?"},
	} {
		s := newServer(t)
		p := s.phone(c.phone)
		got := make(chan string, 1)
		go func() {
			m := s.receive(time.Second)
			got <- string(m.Raw)
			s.reply(m, "403 Forbidden")
		}()
		if _, err := p.Subscribe(t.Context(), c.cfg); siptest.StatusOf(err) != 403 || !errors.Is(err, siptest.ErrStatus) {
			t.Errorf("%s: %v", name, err)
		}
		text := <-got
		for _, w := range c.want {
			if !strings.Contains(text, w) {
				t.Errorf("%s lacks %q:\n%s", name, w, text)
			}
		}
		if strings.Contains(text, c.not) && c.not != "?" {
			t.Errorf("%s has %q:\n%s", name, c.not, text)
		}
	}
}

// TestDigest checks the answer to a challenge by the formula of RFC 2617 §3.2.2.
func TestDigest(t *testing.T) {
	s := newServer(t)
	p := s.phone(func(c *siptest.Config) { c.Password = "pw"; c.AuthUser = "auth201" })
	done := make(chan error)
	go func() { done <- p.Register(t.Context(), time.Minute) }()
	s.reply(s.receive(time.Second), "401 Unauthorized", `WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=MD5`)
	m := s.receive(time.Second)
	s.reply(m, "200 OK")
	must(t, <-done)
	params := map[string]string{}
	for _, f := range strings.Split(strings.TrimPrefix(m.Get("Authorization"), "Digest "), ", ") {
		k, v, _ := strings.Cut(f, "=")
		params[k] = strings.Trim(v, `"`)
	}
	h := func(parts ...string) string {
		sum := md5.Sum([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(sum[:])
	}
	want := h(h("auth201", "r", "pw"), "n", params["nc"], params["cnonce"], "auth", h("REGISTER", params["uri"]))
	if params["response"] != want || params["username"] != "auth201" {
		t.Errorf("got %v, want response %s", params, want)
	}
}

// TestRetransmits: an unanswered request is sent again, the same bytes, and fails in time.
func TestRetransmits(t *testing.T) {
	s := newServer(t)
	p := s.phone(func(c *siptest.Config) { c.Timeout = 1200 * time.Millisecond })
	done := make(chan error)
	go func() { done <- p.Register(t.Context(), time.Minute) }()
	first, second := s.receive(time.Second), s.receive(time.Second)
	if first == nil || second == nil || string(first.Raw) != string(second.Raw) {
		t.Errorf("got\n%v\nand\n%v", first, second)
	}
	if err := <-done; !errors.Is(err, siptest.ErrTimeout) {
		t.Errorf("error %v", err)
	}
}

func TestClose(t *testing.T) {
	s := newServer(t)
	p := s.phone(nil)
	done := make(chan error)
	go func() { done <- p.Register(context.Background(), time.Minute) }()
	s.receive(time.Second)
	p.Close()
	p.Close()
	if err := <-done; !errors.Is(err, siptest.ErrClosed) {
		t.Errorf("a request under way: %v", err)
	}
	if _, err := p.Dial(t.Context(), "1"); !errors.Is(err, siptest.ErrClosed) {
		t.Errorf("a call afterwards: %v", err)
	}
}

// TestTCP: a stream is framed by Content-Length, and a dropped connection is opened anew.
func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	p, err := siptest.NewPhone(siptest.Config{User: "201", Proxy: l.Addr().String(), TCP: true, Timeout: 3 * time.Second})
	must(t, err)
	defer p.Close()
	serve := make(chan error, 1)
	go func() {
		serve <- func() error {
			c, err := l.Accept()
			if err != nil {
				return err
			}
			defer c.Close()
			h, err := textproto.NewReader(bufio.NewReader(c)).ReadMIMEHeader() // the request line is taken for a header
			_ = err
			body := dialogInfo(0, "early")
			ok := fmt.Sprintf("SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=srv\r\nCall-ID: %s\r\nCSeq: %s\r\nExpires: 600\r\nContact: <sip:%s;transport=tcp>\r\nContent-Length: 0\r\n\r\n",
				h.Get("Via"), h.Get("From"), h.Get("To"), h.Get("Call-Id"), h.Get("Cseq"), l.Addr())
			notify := fmt.Sprintf("NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bKstream1\r\nMax-Forwards: 70\r\nFrom: %s;tag=srv\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 1 NOTIFY\r\n"+
				"Contact: <sip:%s;transport=tcp>\r\nEvent: dialog\r\nSubscription-State: active;expires=600\r\nContent-Type: application/dialog-info+xml\r\nl: %d\r\n\r\n%s",
				siptest.AddrURI(h.Get("Contact")), l.Addr(), h.Get("To"), h.Get("From"), h.Get("Call-Id"), l.Addr(), len(body), body)
			// Both in one write, cut where it hurts, with a keep-alive between them.
			all := ok + "\r\n\r\n" + notify
			for _, part := range []string{all[:len(ok)+7], all[len(ok)+7 : len(all)-9], all[len(all)-9:]} {
				if _, err := c.Write([]byte(part)); err != nil {
					return err
				}
				time.Sleep(20 * time.Millisecond)
			}
			buf := make([]byte, 2000)
			n, err := c.Read(buf)
			if err == nil && !strings.HasPrefix(string(buf[:n]), "SIP/2.0 200") {
				err = fmt.Errorf("NOTIFY got %s", buf[:n])
			}
			return err
		}()
	}()
	sub, err := p.Subscribe(t.Context(), siptest.SubscribeConfig{Target: "sip:101@127.0.0.1", Entity: "sip:101@pbx.test"})
	must(t, err)
	if _, err := sub.WaitLamp(device.Ringing, 2*time.Second); err != nil {
		t.Fatal(err)
	}
	must(t, <-serve)
	if v := sub.Violations(); len(v) > 0 {
		t.Error(siptest.Describe(v))
	}
	before := p.Addr()
	p.DropConnection()
	go func() {
		if c, err := l.Accept(); err == nil {
			defer c.Close()
			time.Sleep(100 * time.Millisecond)
		}
	}()
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Register(short, time.Minute); !errors.Is(err, siptest.ErrTimeout) {
		t.Errorf("register on the new connection: %v", err)
	}
	if p.Addr() == before {
		t.Error("no new connection was opened")
	}
}

func FuzzParseMessage(f *testing.F) {
	f.Add("SIP/2.0 200 OK\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n folded\r\n\r\nbody")
	f.Add("NOTIFY sip:a@b SIP/2.0\r\nContact: \"<\\\"\" <sip:x>;tag=1\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := siptest.ParseMessage([]byte(text))
		if err != nil {
			return
		}
		_, _ = m.CSeq()
		_, _, _ = m.Branch(), m.Tag("To"), m.ContactURI()
		if !m.IsResponse() && m.Method == "" {
			t.Error("neither a request nor a response")
		}
	})
}
