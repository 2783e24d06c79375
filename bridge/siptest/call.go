package siptest

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Call is one call of a phone, from the phone's point of view.
type Call struct {
	phone    *Phone
	id       string
	outgoing bool

	ringing, answered, ended, final flag
	transferring, transferred       flag

	mu            sync.Mutex // guards all below
	localTag      string
	local, remote string // From and To of requests we send
	target        string
	routes        []string
	cseq          uint32
	invite        *Message // the last INVITE sent, or the one received
	ack           *Message // the last ACK sent
	status        int
	sdpVersion    int
	holding       bool
	acked         bool
	mediaTo       string // where the peer takes media, "" until its SDP came
	transfer      int
}

// flag is an event that happens once.
type flag struct {
	once sync.Once
	ch   chan struct{}
	mk   sync.Once
}

func (f *flag) c() chan struct{} { f.mk.Do(func() { f.ch = make(chan struct{}) }); return f.ch }
func (f *flag) set()             { f.once.Do(func() { close(f.c()) }) }
func (f *flag) is() bool {
	select {
	case <-f.c():
		return true
	default:
		return false
	}
}

func (c *Call) wait(ctx context.Context, f *flag, what string) error {
	select {
	case <-f.c():
		return nil
	case <-c.phone.closed:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("siptest: call %s of phone %s is not %s (status %d): %w", c.id, c.phone.cfg.User, what, c.Status(), ctx.Err())
	}
}

// CallID is the call's Call-ID.
func (c *Call) CallID() string { return c.id }

// Outgoing tells a call that this phone dialled.
func (c *Call) Outgoing() bool { return c.outgoing }

// Status is the final status of an outgoing call's INVITE, 0 before it.
func (c *Call) Status() int { c.mu.Lock(); defer c.mu.Unlock(); return c.status }

// Ended reports whether the call is over, by whichever side.
func (c *Call) Ended() bool { return c.ended.is() }

// Answered reports whether the call was ever answered.
func (c *Call) Answered() bool { return c.answered.is() }

// Holding reports whether this side holds the call.
func (c *Call) Holding() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.holding }

// WaitRinging waits until the far end rings (180 or 183); an answer is enough too.
func (c *Call) WaitRinging(ctx context.Context) error { return c.wait(ctx, &c.ringing, "ringing") }

// WaitAnswered waits until the call is answered.
func (c *Call) WaitAnswered(ctx context.Context) error { return c.wait(ctx, &c.answered, "answered") }

// WaitEnded waits until the call is over.
func (c *Call) WaitEnded(ctx context.Context) error { return c.wait(ctx, &c.ended, "over") }

// WaitFinal waits for the final response to an outgoing INVITE and returns its status.
func (c *Call) WaitFinal(ctx context.Context) (int, error) {
	err := c.wait(ctx, &c.final, "final")
	return c.Status(), err
}

// Replaces identifies the call as another phone would name it in a Replaces header
// (RFC 3891 §3): tags are the receiver's view, so to-tag is the peer's.
func (c *Call) Replaces() Replaces {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Replaces{CallID: c.id, ToTag: Param(c.remote, "tag"), FromTag: c.localTag}
}

// Replaces is a Replaces header (RFC 3891).
type Replaces struct {
	CallID, ToTag, FromTag string
	EarlyOnly              bool
}

// String is the header value.
func (r Replaces) String() string {
	s := r.CallID + ";to-tag=" + r.ToTag + ";from-tag=" + r.FromTag
	if r.EarlyOnly {
		s += ";early-only"
	}
	return s
}

// dialog returns the identity for the next request in the dialog.
func (c *Call) dialog() (id dialogID, target string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cseq++
	return dialogID{callID: c.id, local: c.local, remote: c.remote, cseq: c.cseq, routes: c.routes}, c.target
}

// inDialog sends a request inside the call, answering a challenge.
func (c *Call) inDialog(ctx context.Context, method string, body []byte, extra ...Header) (*Message, error) {
	var sent *Message
	return c.phone.authenticated(ctx, func() (*Message, error) {
		id, target := c.dialog()
		m, err := c.phone.newRequest(method, target, id)
		if err != nil {
			return nil, err
		}
		m.Headers = append(m.Headers, extra...)
		if body != nil {
			m.Add("Content-Type", "application/sdp")
			m.Body = body
		}
		sent = m
		return m, nil
	}, func(r *Message) {
		if method == "INVITE" && r.Code >= 200 {
			c.acknowledge(sent, r)
			c.peerSDP(r.Body)
		}
	})
}

// glareWait lies in the range of RFC 3261 §14.1 for the side that did not make the Call-ID.
const glareWait = 500 * time.Millisecond

// Hold puts the call on hold by a re-INVITE with a=sendonly.
func (c *Call) Hold(ctx context.Context) error { return c.reinvite(ctx, true) }

// Unhold resumes the call by a re-INVITE with a=sendrecv.
func (c *Call) Unhold(ctx context.Context) error { return c.reinvite(ctx, false) }

func (c *Call) reinvite(ctx context.Context, hold bool) error {
	direction := "sendrecv"
	if hold {
		direction = "sendonly"
	}
	_, err := c.inDialog(ctx, "INVITE", c.sdp(direction))
	for tries := 0; StatusOf(err) == 491 && tries < 5; tries++ { // RFC 3261 §14.1: the peer's own is under way
		select {
		case <-time.After(glareWait):
		case <-ctx.Done():
		}
		_, err = c.inDialog(ctx, "INVITE", c.sdp(direction))
	}
	if err == nil {
		c.mu.Lock()
		c.holding = hold
		c.mu.Unlock()
	}
	return err
}

// Bye ends an answered call. It is enough if the peer's BYE comes meanwhile: a PBX may
// not answer ours then.
func (c *Call) Bye(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.phone.spawn(func() {
		select {
		case <-c.ended.c():
			cancel()
		case <-ctx.Done():
		}
	})
	_, err := c.inDialog(ctx, "BYE", nil)
	if c.ended.is() {
		err = nil
	}
	c.finish()
	return err
}

// HangUp ends the call in whatever way its state asks for: CANCEL, 603 or BYE.
func (c *Call) HangUp(ctx context.Context) error {
	switch {
	case c.ended.is():
		return nil
	case c.answered.is():
		return c.Bye(ctx)
	case c.outgoing:
		return c.Cancel(ctx)
	default:
		return c.Reject(603)
	}
}

func (c *Call) finish() {
	c.ended.set()
	c.phone.mu.Lock()
	delete(c.phone.calls, c.id)
	c.phone.mu.Unlock()
}

// starTimeout is how long a star code's call may take to be answered and dropped.
const starTimeout = 10 * time.Second

// DialCode dials a feature code and waits until the PBX has dropped the call or
// answered it (then the phone hangs up). It fails if the PBX refuses the code.
func (p *Phone) DialCode(ctx context.Context, code string) error {
	ctx, cancel := context.WithTimeout(ctx, starTimeout)
	defer cancel()
	c, err := p.Dial(ctx, code)
	if err != nil {
		return err
	}
	status, err := c.WaitFinal(ctx)
	if err != nil {
		return err
	}
	if status >= 300 {
		return fmt.Errorf("siptest: dialling %s: %w: %d", code, ErrStatus, status)
	}
	t := time.NewTimer(2 * time.Second) // the PBX drops the call by itself when the code is done
	defer t.Stop()
	select {
	case <-c.ended.c():
		return nil
	case <-t.C:
	case <-p.closed:
	}
	return c.HangUp(ctx)
}
