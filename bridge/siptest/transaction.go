package siptest

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// RFC 3261 §17: retransmission of requests over UDP.
const (
	timerT1 = 500 * time.Millisecond
	timerT2 = 4 * time.Second
	// servedMax bounds the memory of answered requests.
	servedMax = 512
)

// newRequest builds a request with the headers that every one needs. from and to are
// whole header values; Contact is the phone's own.
func (p *Phone) newRequest(method, uri string, d dialogID) (*Message, error) {
	l, err := p.open()
	if err != nil {
		return nil, err
	}
	m := &Message{Method: method, URI: uri}
	m.Add("Via", fmt.Sprintf("SIP/2.0/%s %s;rport;branch=%s", l.proto(), l.Local(), newBranch()))
	m.Add("Max-Forwards", "70")
	for _, r := range d.routes {
		m.Add("Route", r)
	}
	m.Add("From", d.local)
	m.Add("To", d.remote)
	m.Add("Call-ID", d.callID)
	m.Add("CSeq", fmt.Sprintf("%d %s", d.cseq, method))
	m.Add("Contact", "<"+p.contact(l)+">")
	m.Add("User-Agent", p.cfg.UserAgent)
	return m, nil
}

// dialogID is what places a request in a dialog (RFC 3261 §12): header values as the
// phone writes them.
type dialogID struct {
	callID, local, remote string
	cseq                  uint32
	routes                []string
}

func (p *Phone) contact(l link) string {
	c := p.scheme() + p.cfg.User + "@" + l.Local()
	switch l.proto() {
	case "TCP":
		c += ";transport=tcp"
	case "TLS":
		if !p.cfg.SIPS {
			c += ";transport=tls"
		}
	case "WS", "WSS": // RFC 7118 §5.2: one name for both
		c += ";transport=ws"
	}
	return c
}

// transact sends a request and waits for its final response. hook, if set, sees every
// response in the order of the wire, before anything that came after it is read.
func (p *Phone) transact(ctx context.Context, m *Message, hook func(*Message)) (*Message, error) {
	final := make(chan *Message, 1)
	key := m.Branch() + " " + m.Method
	p.listen(key, func(r *Message) {
		if hook != nil {
			hook(r)
		}
		if r.Code >= 200 {
			select {
			case final <- r:
			default:
			}
		}
	})
	defer p.unlisten(key)
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	wait := timerT1
	for {
		over, err := p.sendOver(m)
		if err != nil {
			return nil, err
		}
		t := time.NewTimer(wait)
		select {
		case r := <-final:
			t.Stop()
			return r, nil
		case <-p.closed:
			t.Stop()
			return nil, ErrClosed
		case <-ctx.Done():
			t.Stop()
			return nil, fmt.Errorf("%w to %s of phone %s: %w", ErrTimeout, m.Summary(), p.cfg.User, ctx.Err())
		case <-over:
			t.Stop()
			return p.lost(m, final)
		case <-t.C:
		}
		if p.cfg.stream() { // nothing is sent again on a stream
			select {
			case r := <-final:
				return r, nil
			case <-p.closed:
				return nil, ErrClosed
			case <-over:
				return p.lost(m, final)
			case <-ctx.Done():
				return nil, fmt.Errorf("%w to %s of phone %s: %w", ErrTimeout, m.Summary(), p.cfg.User, ctx.Err())
			}
		}
		wait = min(2*wait, timerT2)
	}
}

// lost is how a transaction ends whose link has: by the answer, if that came first.
func (p *Phone) lost(m *Message, final <-chan *Message) (*Message, error) {
	select {
	case r := <-final:
		return r, nil
	case <-p.closed:
		return nil, ErrClosed
	default:
		return nil, fmt.Errorf("%w: %s of phone %s", ErrLost, m.Summary(), p.cfg.User)
	}
}

func (p *Phone) listen(key string, f func(*Message)) { p.mu.Lock(); p.tx[key] = f; p.mu.Unlock() }
func (p *Phone) unlisten(key string)                 { p.mu.Lock(); delete(p.tx, key); p.mu.Unlock() }

// send writes a message on the link of the moment.
func (p *Phone) send(m *Message) error {
	_, err := p.sendOver(m)
	return err
}

// sendOver is send, and returns what is closed when the link that it took has ended: another
// one may take its place at any time.
func (p *Phone) sendOver(m *Message) (over <-chan struct{}, err error) {
	l, err := p.open()
	if err != nil {
		return nil, err
	}
	if p.cfg.Compact && m.Raw == nil {
		for i, h := range m.Headers {
			if s, ok := shortForms[h.Name]; ok {
				m.Headers[i].Name = s
			}
		}
	}
	if p.cfg.Trace != nil {
		p.cfg.Trace(time.Now(), true, m)
	}
	if err := l.Send(m.Bytes()); err != nil {
		return nil, fmt.Errorf("siptest: phone %s: %w", p.cfg.User, err)
	}
	return l.over, nil
}

// respond answers a request and remembers the answer for its retransmissions.
func (p *Phone) respond(req *Message, r *Message) {
	key := req.Branch() + " " + req.Method
	p.mu.Lock()
	if _, known := p.served[key]; !known {
		p.order = append(p.order, key)
		if len(p.order) > servedMax {
			delete(p.served, p.order[0])
			p.order = p.order[1:]
		}
	}
	p.served[key] = r.Bytes()
	p.mu.Unlock()
	if err := p.send(r); err != nil {
		p.log.Debug("response not sent", "watcher", p.cfg.User, "error", err)
	}
}

// reply builds a response (RFC 3261 §8.2.6); tag is put on To if it has none.
func (p *Phone) reply(req *Message, code int, tag string) *Message {
	r := &Message{Code: code, Reason: reasons[code]}
	for _, h := range req.Headers {
		switch canonical(h.Name) {
		case "via", "from", "call-id", "cseq", "record-route":
			r.Headers = append(r.Headers, h)
		case "to":
			if tag != "" && Param(h.Value, "tag") == "" {
				h.Value += ";tag=" + tag
			}
			r.Headers = append(r.Headers, h)
		}
	}
	if l, err := p.open(); err == nil && code < 300 {
		r.Add("Contact", "<"+p.contact(l)+">")
	}
	r.Add("User-Agent", p.cfg.UserAgent)
	return r
}

var reasons = map[int]string{
	100: "Trying", 180: "Ringing", 200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found",
	408: "Request Timeout", 415: "Unsupported Media Type", 480: "Temporarily Unavailable",
	481: "Call/Transaction Does Not Exist", 486: "Busy Here", 487: "Request Terminated",
	489: "Bad Event", 500: "Server Internal Error", 501: "Not Implemented",
	503: "Service Unavailable", 603: "Decline",
}

// receive takes one message off the wire, on the reader's goroutine.
func (p *Phone) receive(raw []byte) {
	if strings.TrimSpace(string(raw)) == "" { // keep-alive
		if string(raw) == pong {
			p.ponged.Add(1)
		}
		return
	}
	m, err := ParseMessage(raw)
	p.mu.Lock()
	mute := p.mute
	p.mu.Unlock()
	if mute {
		return
	}
	if err != nil {
		p.stray(Violation{Rule: "RFC 3261 §7", Detail: err.Error(), Text: string(raw)})
		return
	}
	if p.cfg.Trace != nil {
		p.cfg.Trace(time.Now(), false, m)
	}
	if m.IsResponse() {
		p.response(m)
		return
	}
	p.mu.Lock()
	again := p.served[m.Branch()+" "+m.Method]
	p.mu.Unlock()
	if again != nil && m.Method != "NOTIFY" { // a subscription judges its own retransmissions
		if l, err := p.open(); err == nil {
			_ = l.Send(again) // lost again is the peer's to retransmit again
		}
		return
	}
	p.request(m)
}

func (p *Phone) response(m *Message) {
	_, method := m.CSeq()
	p.mu.Lock()
	f, c := p.tx[m.Branch()+" "+method], p.calls[m.Get("Call-ID")]
	p.mu.Unlock()
	switch {
	case f != nil:
		f(m)
	case c != nil && method == "INVITE" && m.Code/100 == 2:
		c.reack() // RFC 3261 §13.2.2.4: each retransmitted 2xx gets its ACK again
	}
}

func (p *Phone) stray(v Violation) {
	v.At = time.Now()
	p.mu.Lock()
	p.strays = append(p.strays, v)
	p.mu.Unlock()
}
