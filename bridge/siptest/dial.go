package siptest

import (
	"context"
	"time"
)

// Dial calls a number of the phone's domain, or a whole "sip:" URI, and returns once
// the INVITE is sent; the rest happens in the background. Extra headers may follow
// (a Replaces for a pickup).
func (p *Phone) Dial(ctx context.Context, target string, extra ...Header) (*Call, error) {
	target = p.numberURI(target)
	tag := token(6)
	c := &Call{phone: p, id: token(12), outgoing: true, localTag: tag, local: p.from(tag), remote: "<" + target + ">", target: target}
	p.mu.Lock()
	p.calls[c.id] = c
	p.mu.Unlock()
	if err := c.sendInvite(extra, 0); err != nil {
		c.finish()
		return nil, err
	}
	return c, nil
}

// DialReplaces calls a number with a Replaces header: a pickup, or the second half of
// an attended transfer (RFC 3891).
func (p *Phone) DialReplaces(ctx context.Context, target string, r Replaces) (*Call, error) {
	return p.Dial(ctx, target, Header{"Replaces", r.String()}, Header{"Require", "replaces"})
}

// sendInvite sends the first INVITE, or the one with credentials, and listens for its
// responses on the reader's goroutine.
func (c *Call) sendInvite(extra []Header, attempt int) error {
	id, target := c.dialog()
	m, err := c.phone.newRequest("INVITE", target, id)
	if err != nil {
		return err
	}
	m.Add("Supported", "replaces")
	m.Add("Allow", allowed)
	m.Headers = append(m.Headers, extra...)
	m.Add("Content-Type", "application/sdp")
	m.Body = c.sdp("sendrecv")
	c.phone.authorize(m)
	c.mu.Lock()
	c.invite = m
	c.mu.Unlock()
	key := m.Branch() + " INVITE"
	var heard flag
	c.phone.listen(key, func(r *Message) {
		heard.set()
		c.inviteResponse(m, r, extra, attempt)
	})
	if err := c.phone.send(m); err != nil {
		c.phone.unlisten(key)
		return err
	}
	c.phone.spawn(func() { c.retransmit(m, &heard) })
	return nil
}

// retransmit is RFC 3261 §17.1.1.2 Timers A and B.
func (c *Call) retransmit(m *Message, heard *flag) {
	for wait, left := timerT1, c.phone.cfg.Timeout; ; wait *= 2 {
		t := time.NewTimer(min(wait, left))
		select {
		case <-heard.c():
			t.Stop()
			return
		case <-c.phone.closed:
			t.Stop()
			return
		case <-t.C:
		}
		if left -= wait; left <= 0 {
			c.fail(408)
			return
		}
		if !c.phone.cfg.stream() {
			_ = c.phone.send(m) // a broken link shows as the timeout
		}
	}
}

func (c *Call) fail(status int) {
	c.mu.Lock()
	c.status = status
	c.mu.Unlock()
	c.finish() // before anybody who waited hangs it up
	c.final.set()
}

func (c *Call) inviteResponse(inv, r *Message, extra []Header, attempt int) {
	switch {
	case r.Code < 200:
		c.mu.Lock()
		if tag := r.Tag("To"); tag != "" && !c.answered.is() { // the early dialog's tag
			c.remote = r.Get("To")
		}
		c.mu.Unlock()
		if r.Code >= 180 {
			c.ringing.set()
		}
	case r.Code < 300:
		c.mu.Lock()
		c.remote, c.status = r.Get("To"), r.Code
		if t := r.ContactURI(); t != "" {
			c.target = t
		}
		rr := r.All("Record-Route")
		c.routes = make([]string, 0, len(rr))
		for i := len(rr) - 1; i >= 0; i-- { // RFC 3261 §12.1.2: the UAC takes them in reverse order
			c.routes = append(c.routes, rr[i])
		}
		c.mu.Unlock()
		c.acknowledge(inv, r)
		c.peerSDP(r.Body)
		if !c.answered.is() {
			c.silence()
		}
		c.ringing.set()
		c.answered.set()
		c.final.set()
	default:
		c.acknowledge(inv, r)
		if c.final.is() {
			return // a retransmission: only the ACK was wanted
		}
		if attempt == 0 && c.phone.challenged(r) {
			if err := c.sendInvite(extra, 1); err == nil {
				return
			}
		}
		c.fail(r.Code)
	}
}

// acknowledge sends the ACK: part of the transaction for a refusal (RFC 3261
// §17.1.1.3), a request of its own for a 2xx (§13.2.2.4).
func (c *Call) acknowledge(inv, r *Message) {
	n, _ := inv.CSeq()
	c.mu.Lock()
	id := dialogID{callID: c.id, local: inv.Get("From"), remote: r.Get("To"), cseq: n, routes: c.routes}
	target := c.target
	c.mu.Unlock()
	if r.Code >= 300 {
		target, id.routes = inv.URI, inv.All("Route")
	}
	m, err := c.phone.newRequest("ACK", target, id)
	if err != nil {
		return
	}
	if r.Code >= 300 {
		m.Headers[0] = Header{m.Headers[0].Name, inv.Get("Via")}
	} else {
		c.mu.Lock()
		c.ack = m
		c.mu.Unlock()
	}
	_ = c.phone.send(m) // the response comes again if this is lost
}

// reack repeats the ACK of the last 2xx.
func (c *Call) reack() {
	c.mu.Lock()
	m := c.ack
	c.mu.Unlock()
	if m != nil {
		_ = c.phone.send(m)
	}
}

// Cancel gives up an outgoing call that is not answered yet and waits for its 487.
func (c *Call) Cancel(ctx context.Context) error {
	if err := c.wait(ctx, &c.ringing, "ringing, so it cannot be cancelled"); err != nil {
		return err
	}
	c.mu.Lock()
	inv := c.invite
	c.mu.Unlock()
	n, _ := inv.CSeq()
	m, err := c.phone.newRequest("CANCEL", inv.URI, dialogID{
		callID: c.id, local: inv.Get("From"), remote: inv.Get("To"), cseq: n, routes: inv.All("Route")})
	if err != nil {
		return err
	}
	m.Headers[0] = Header{m.Headers[0].Name, inv.Get("Via")} // RFC 3261 §9.1: the INVITE's branch
	if _, err := c.phone.transact(ctx, m, nil); err != nil {
		return err
	}
	return c.WaitEnded(ctx)
}
