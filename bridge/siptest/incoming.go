package siptest

import (
	"context"
	"fmt"
	"time"
)

const allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER, UPDATE, INFO"

// Incoming waits for the next call to the phone. With policy Ring it rings already.
func (p *Phone) Incoming(ctx context.Context) (*Call, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("siptest: no call at phone %s: %w", p.cfg.User, ctx.Err())
	}
}

// ForgetIncoming drops the calls that Incoming has not handed out.
func (p *Phone) ForgetIncoming() {
	for {
		select {
		case <-p.incoming:
		default:
			return
		}
	}
}

// request answers one request, on the reader's goroutine.
func (p *Phone) request(m *Message) {
	p.mu.Lock()
	c := p.calls[m.Get("Call-ID")]
	p.mu.Unlock()
	switch m.Method {
	case "INVITE":
		p.invited(m, c)
	case "ACK":
		if c != nil {
			c.mu.Lock()
			c.acked = true
			c.mu.Unlock()
		}
	case "CANCEL":
		p.respond(m, p.reply(m, 200, token(6)))
		if c != nil && !c.outgoing && !c.answered.is() {
			c.refuse(487)
		}
	case "BYE":
		if c == nil {
			p.respond(m, p.reply(m, 481, token(6)))
			return
		}
		p.respond(m, p.reply(m, 200, ""))
		c.finish()
	case "NOTIFY":
		p.notified(m, c)
	case "UPDATE":
		r := p.reply(m, 200, token(6))
		if c != nil && len(m.Body) > 0 {
			r.Add("Content-Type", "application/sdp")
			r.Body = c.answerTo(m.Body)
		}
		p.respond(m, r)
	case "OPTIONS", "INFO":
		r := p.reply(m, 200, token(6))
		r.Add("Allow", allowed)
		r.Add("Accept", "application/sdp")
		p.respond(m, r)
	default:
		p.respond(m, p.reply(m, 501, token(6)))
	}
}

func (p *Phone) invited(m *Message, c *Call) {
	if c != nil { // a re-INVITE
		r := p.reply(m, 200, c.localTag)
		r.Add("Content-Type", "application/sdp")
		r.Body = c.answerTo(m.Body)
		if len(m.Body) == 0 {
			r.Body = c.sdp("sendrecv")
		}
		p.respond(m, r)
		return
	}
	tag := token(6)
	c = &Call{phone: p, id: m.Get("Call-ID"), localTag: tag, local: m.Get("To") + ";tag=" + tag, remote: m.Get("From"),
		target: m.ContactURI(), routes: m.All("Record-Route"), invite: m, cseq: 100}
	p.mu.Lock()
	policy := p.policy
	p.calls[c.id] = c
	p.mu.Unlock()
	c.ringing.set()
	if policy == Ring || policy == AutoAnswer {
		p.respond(m, p.reply(m, 180, tag))
	}
	// Before the final response: whoever heard that one may call ForgetIncoming.
	select {
	case p.incoming <- c:
	default:
		p.log.Warn("too many calls nobody waits for", "watcher", p.cfg.User)
	}
	switch policy {
	case RejectBusy:
		c.refuse(486)
	case AutoAnswer:
		if err := c.Answer(); err != nil {
			p.log.Debug("not answered", "watcher", p.cfg.User, "error", err)
		}
	}
}

// Remote is the peer as From or To shows it, with its display name and tag.
func (c *Call) Remote() string { c.mu.Lock(); defer c.mu.Unlock(); return c.remote }

// Answer takes an incoming call. It does not wait for the ACK.
func (c *Call) Answer() error {
	if c.outgoing || c.ended.is() {
		return fmt.Errorf("siptest: call %s of phone %s cannot be answered", c.id, c.phone.cfg.User)
	}
	r := c.phone.reply(c.invite, 200, c.localTag)
	r.Add("Allow", allowed)
	r.Add("Supported", "replaces")
	r.Add("Content-Type", "application/sdp")
	r.Body = c.answerTo(c.invite.Body)
	c.answered.set()
	c.phone.respond(c.invite, r)
	c.silence()
	c.repeat(r, timerT1)
	return nil
}

// repeat sends a 2xx again until its ACK comes (RFC 3261 §13.3.1.4).
func (c *Call) repeat(r *Message, wait time.Duration) {
	if c.phone.cfg.stream() || wait > 16*time.Second {
		return
	}
	c.phone.after(wait, func() {
		c.mu.Lock()
		acked := c.acked
		c.mu.Unlock()
		if !acked && !c.ended.is() {
			_ = c.phone.send(r)
			c.repeat(r, 2*wait)
		}
	})
}

// Reject refuses an incoming call, 486 for busy, 603 for declined.
func (c *Call) Reject(code int) error {
	if c.outgoing || c.answered.is() || c.ended.is() {
		return fmt.Errorf("siptest: call %s of phone %s cannot be rejected", c.id, c.phone.cfg.User)
	}
	c.refuse(code)
	return nil
}

// Redirect sends an incoming call on to another number of the phone's domain, or to a
// whole "sip:" URI (RFC 3261 §8.3).
func (c *Call) Redirect(target string) error {
	if c.outgoing || c.answered.is() || c.ended.is() {
		return fmt.Errorf("siptest: call %s of phone %s cannot be redirected", c.id, c.phone.cfg.User)
	}
	target = c.phone.numberURI(target)
	c.refuse(302, Header{Name: "Contact", Value: "<" + target + ">"})
	return nil
}

func (c *Call) refuse(code int, extra ...Header) {
	r := c.phone.reply(c.invite, code, c.localTag)
	for _, h := range extra {
		r.Add(h.Name, h.Value)
	}
	c.phone.respond(c.invite, r)
	c.finish()
}
