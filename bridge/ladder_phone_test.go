package bridge_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/ladder"
)

// ladderPhone is a phone that does what the ladder says and nothing of its own accord.
// It only checks what no server may ever do, whatever the ladder expects.
type ladderPhone struct {
	name, bridge, transport string
	dial                    func() (ladderWire, error)

	mu       sync.Mutex // guards what follows
	wire     ladderWire
	readers  sync.WaitGroup
	inbox    []*siptest.Message
	arrived  chan struct{} // closed and replaced at every message
	subs     map[string]*ladderSub
	byID     map[string]*ladderSub
	last     *siptest.Message
	notifies map[string][]byte // by branch
	repeats  int
	faults   []string
}

// ladderSub is one subscription of a phone.
type ladderSub struct {
	target, callID, tag, to string
	contact                 string // of the server, the remote target
	cseq                    uint32
	notified                uint32 // CSeq of the last NOTIFY
	gap                     bool   // the server crashed: numbers may skip
}

// ladderWire is a phone's socket.
type ladderWire interface {
	send([]byte) error
	// answer sends to where the last message came from.
	answer([]byte) error
	recv() ([]byte, error)
	local() netip.AddrPort
	Close() error
}

func newLadderPhone(name, bridge, transport string, dial func() (ladderWire, error)) *ladderPhone {
	return &ladderPhone{
		name: name, bridge: bridge, transport: transport, dial: dial, arrived: make(chan struct{}),
		subs: map[string]*ladderSub{}, byID: map[string]*ladderSub{}, notifies: map[string][]byte{},
	}
}

// open returns the socket, opening it if there is none.
func (p *ladderPhone) open() (ladderWire, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wire != nil {
		return p.wire, nil
	}
	w, err := p.dial()
	if err != nil {
		return nil, err
	}
	p.wire = w
	p.readers.Go(func() { p.read(w) })
	return w, nil
}

func (p *ladderPhone) read(w ladderWire) {
	for {
		raw, err := w.recv()
		if err != nil {
			return
		}
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		p.take(raw)
	}
}

// hangUp closes the socket; the next request opens another one.
func (p *ladderPhone) hangUp() {
	p.mu.Lock()
	w := p.wire
	p.wire = nil
	p.mu.Unlock()
	if w != nil {
		_ = w.Close()
	}
	p.readers.Wait()
}

// take files one message.
func (p *ladderPhone) take(raw []byte) {
	m, err := siptest.ParseMessage(raw)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil:
		p.faults = append(p.faults, fmt.Sprintf("%v: %q", err, raw))
		return
	case m.IsResponse():
		if s := p.byID[m.Get("Call-ID")]; s != nil && m.Code/100 == 2 {
			s.to, s.contact = m.Get("To"), m.ContactURI()
		}
	case p.byID[m.Get("Call-ID")] == nil && !strings.HasSuffix(m.Get("Call-ID"), "@"+p.name):
		return // this port was one of a test in another process, which sends again for 32 s
	case p.notifies[m.Branch()] != nil:
		p.repeats++
		if !bytes.Equal(p.notifies[m.Branch()], m.Raw) {
			p.faults = append(p.faults, "a retransmission differs from its first copy (RFC 3261 §17.1.2.2):\n"+m.String())
		}
		return
	default:
		p.notifies[m.Branch()] = m.Raw
		p.check(m)
	}
	p.inbox = append(p.inbox, m)
	close(p.arrived)
	p.arrived = make(chan struct{})
}

// check is what must hold of every NOTIFY; mu is held.
func (p *ladderPhone) check(m *siptest.Message) {
	fault := func(format string, args ...any) {
		p.faults = append(p.faults, fmt.Sprintf(format, args...)+"\n"+m.String())
	}
	s := p.byID[m.Get("Call-ID")]
	if s == nil {
		fault("a request for no subscription of ours")
		return
	}
	n, _ := m.CSeq()
	switch {
	case n <= s.notified:
		fault("CSeq %d after %d (RFC 3261 §12.2.1.1)", n, s.notified)
	case s.notified != 0 && n != s.notified+1 && !s.gap:
		fault("CSeq %d after %d: a gap", n, s.notified)
	}
	s.notified, s.gap = n, false
	if s.to == "" {
		fault("a NOTIFY before the 200 to SUBSCRIBE")
	} else if got, want := m.Tag("From"), siptest.Param(s.to, "tag"); got != want {
		fault("From tag %q, the 200 had %q", got, want)
	}
	if m.Tag("To") != s.tag {
		fault("To tag %q, ours is %q", m.Tag("To"), s.tag)
	}
	if strconv.Itoa(len(m.Body)) != m.Get("Content-Length") {
		fault("Content-Length %s with %d bytes", m.Get("Content-Length"), len(m.Body))
	}
	if p.transport == "UDP" && len(m.Raw) > 1300 {
		fault("%d bytes over UDP (RFC 3261 §18.1.1)", len(m.Raw))
	}
}

// crashed lets the numbers of the next NOTIFYs skip.
func (p *ladderPhone) crashed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.byID {
		s.gap = true
	}
}

// next takes the oldest message that was not taken yet; nil if there is none, and what
// is closed when one comes.
func (p *ladderPhone) next() (*siptest.Message, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.inbox) == 0 {
		return nil, p.arrived
	}
	m := p.inbox[0]
	p.inbox = p.inbox[1:]
	if !m.IsResponse() {
		p.last = m
	}
	return m, nil
}

var ladderIDs = struct {
	sync.Mutex
	n int
}{}

func ladderID() string {
	ladderIDs.Lock()
	defer ladderIDs.Unlock()
	ladderIDs.n++
	return fmt.Sprintf("l%d", ladderIDs.n)
}

// request sends what the ladder says. Of the fields, Form:compact writes compact header
// names, To-Tag and From-Tag set the tags, and an empty value leaves a header out; all
// others are headers that replace or join the usual ones. {bridge} is its host:port.
func (p *ladderPhone) request(r ladder.Request) error {
	w, err := p.open()
	if err != nil {
		return err
	}
	fill := strings.NewReplacer("{bridge}", p.bridge, "{phone}", w.local().String())
	uri := fill.Replace(r.Target)
	if !strings.Contains(uri, ":") {
		uri = "sip:" + uri + "@" + p.bridge
	}
	p.mu.Lock()
	s := p.subs[r.Target]
	again := s != nil && !r.New
	if !again {
		s = &ladderSub{target: uri, callID: ladderID() + "@" + p.name, tag: ladderID()}
		p.subs[r.Target], p.byID[s.callID] = s, s
	}
	s.cseq++
	m := &siptest.Message{Method: r.Method, URI: uri}
	to := "<" + uri + ">"
	if again && s.to != "" {
		m.URI, to = s.contact, s.to
	}
	transport := ""
	if p.transport != "UDP" {
		transport = ";transport=" + strings.Replace(strings.ToLower(p.transport), "wss", "ws", 1) // RFC 7118 §5.2
	}
	headers := []siptest.Header{
		{Name: "Via", Value: fmt.Sprintf("SIP/2.0/%s %s;rport;branch=z9hG4bK%s", p.transport, w.local(), ladderID())},
		{Name: "Max-Forwards", Value: "70"},
		{Name: "From", Value: fmt.Sprintf("<sip:%s@%s>;tag=%s", p.name, p.bridge, s.tag)},
		{Name: "To", Value: to}, {Name: "Call-ID", Value: s.callID},
		{Name: "CSeq", Value: fmt.Sprintf("%d %s", s.cseq, r.Method)},
		{Name: "Contact", Value: fmt.Sprintf("<sip:%s@%s%s>", p.name, w.local(), transport)},
		{Name: "User-Agent", Value: "ladder"},
	}
	p.mu.Unlock()
	compact := false
	for _, f := range r.Fields {
		v := fill.Replace(f.Value)
		switch f.Name {
		case "Form":
			compact = true
		case "To-Tag":
			headers = set(headers, "To", "<"+uri+">;tag="+v)
		case "CSeq":
			n, err := strconv.ParseUint(v, 10, 32)
			if err != nil {
				return err
			}
			p.mu.Lock()
			s.cseq = max(s.cseq-1, uint32(n)) // out of order if lower
			p.mu.Unlock()
			headers = set(headers, "CSeq", v+" "+r.Method)
		default:
			headers = set(headers, f.Name, v)
		}
	}
	m.Headers = headers
	if compact {
		for i, h := range m.Headers {
			if short, ok := map[string]string{"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Contact": "m", "Event": "o", "Supported": "k", "Content-Length": "l"}[h.Name]; ok {
				m.Headers[i].Name = short
			}
		}
	}
	return w.send(m.Bytes())
}

// set replaces a header, adds it, or takes it out if the value is empty.
func set(hs []siptest.Header, name, value string) []siptest.Header {
	var out []siptest.Header
	done := value == ""
	for _, h := range hs {
		if !strings.EqualFold(h.Name, name) {
			out = append(out, h)
		} else if !done {
			out, done = append(out, siptest.Header{Name: name, Value: value}), true
		}
	}
	if !done {
		out = append(out, siptest.Header{Name: name, Value: value})
	}
	return out
}

// reply answers the NOTIFY that was taken last.
func (p *ladderPhone) reply(_ context.Context, r ladder.Reply) error {
	w, err := p.open()
	if err != nil {
		return err
	}
	p.mu.Lock()
	req := p.last
	p.mu.Unlock()
	if req == nil {
		return fmt.Errorf("phone %s has no NOTIFY to answer", p.name)
	}
	m := &siptest.Message{Code: r.Status, Reason: "Ladder"}
	for _, h := range req.Headers {
		switch h.Name {
		case "Via", "From", "To", "Call-ID", "CSeq":
			m.Headers = append(m.Headers, h)
		}
	}
	for _, f := range r.Fields {
		m.Headers = set(m.Headers, f.Name, f.Value)
	}
	return w.answer(m.Bytes())
}

// packetWire is a UDP socket, real or in memory.
type packetWire struct {
	net.PacketConn
	peer net.Addr
	from atomic.Pointer[net.Addr]
}

func (w *packetWire) send(b []byte) error   { _, err := w.WriteTo(b, w.peer); return err }
func (w *packetWire) answer(b []byte) error { _, err := w.WriteTo(b, *w.from.Load()); return err }
func (w *packetWire) local() netip.AddrPort { return w.LocalAddr().(*net.UDPAddr).AddrPort() }
func (w *packetWire) recv() ([]byte, error) {
	b := make([]byte, 65536)
	n, from, err := w.ReadFrom(b)
	if err == nil {
		w.from.Store(&from)
	}
	return b[:n], err
}

// wholeWire is a connection of whole messages: TLS, WS or WSS.
type wholeWire struct{ siptest.Wire }

func (w wholeWire) send(b []byte) error   { return w.Send(b) }
func (w wholeWire) answer(b []byte) error { return w.Send(b) }
func (w wholeWire) recv() ([]byte, error) { return w.Recv() }
func (w wholeWire) local() netip.AddrPort { return netip.MustParseAddrPort(w.Local()) }

// streamWire is a TCP connection.
type streamWire struct {
	net.Conn
	r *bufio.Reader
}

func (w streamWire) send(b []byte) error   { _, err := w.Write(b); return err }
func (w streamWire) answer(b []byte) error { return w.send(b) }
func (w streamWire) local() netip.AddrPort { return w.LocalAddr().(*net.TCPAddr).AddrPort() }
func (w streamWire) recv() ([]byte, error) {
	var head strings.Builder
	length, tp := 0, textproto.NewReader(w.r)
	for {
		line, err := tp.ReadLine()
		if err != nil {
			return nil, err
		}
		if line == "" && head.Len() == 0 {
			continue
		}
		head.WriteString(line + "\r\n")
		if line == "" {
			break
		}
		if name, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(v)); err != nil {
				return nil, err
			}
		}
	}
	body := make([]byte, length)
	_, err := io.ReadFull(w.r, body)
	return append([]byte(head.String()), body...), err
}
