package siptest

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Refer transfers the peer blindly to a number of the phone's domain (RFC 3515) and
// returns when the PBX has accepted (202). The phone's own leg stays until the PBX
// ends it or Bye is called.
func (c *Call) Refer(ctx context.Context, target string) error {
	return c.refer(ctx, c.phone.numberURI(target))
}

// ReferTo transfers the peer to the far end of another call of the same phone
// (attended transfer): Refer-To with Replaces (RFC 3891).
func (c *Call) ReferTo(ctx context.Context, other *Call) error {
	other.mu.Lock()
	target := AddrURI(other.remote)
	other.mu.Unlock()
	return c.refer(ctx, target+"?Replaces="+url.QueryEscape(other.Replaces().String()))
}

func (c *Call) refer(ctx context.Context, uri string) error {
	_, err := c.inDialog(ctx, "REFER", nil,
		Header{"Refer-To", "<" + uri + ">"}, Header{"Referred-By", "<" + c.phone.AOR() + ">"})
	return err
}

// WaitTransfer waits until the PBX reports the transfer's outcome (RFC 3515 §2.4.5) and
// returns its status. A PBX that ends the leg instead counts as 200.
func (c *Call) WaitTransfer(ctx context.Context) (int, error) {
	select {
	case <-c.transferred.c():
	case <-c.ended.c():
	case <-c.phone.closed:
		return 0, ErrClosed
	case <-ctx.Done():
		return 0, fmt.Errorf("siptest: no outcome of the transfer: %w", ctx.Err())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.transfer == 0 {
		return 200, nil
	}
	return c.transfer, nil
}

// WaitTransferring waits until the target of a transfer rings or the PBX has ended the
// leg: from then on hanging up cannot break the transfer.
func (c *Call) WaitTransferring(ctx context.Context) error {
	select {
	case <-c.transferring.c():
	case <-c.ended.c():
	case <-c.phone.closed:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("siptest: the transfer does not take effect: %w", ctx.Err())
	}
	return nil
}

func (p *Phone) numberURI(target string) string {
	if strings.HasPrefix(target, "sip:") || strings.HasPrefix(target, "sips:") {
		return target
	}
	return p.scheme() + target + "@" + p.cfg.Domain
}

// scheme begins the URIs that a phone makes.
func (p *Phone) scheme() string {
	if p.cfg.SIPS {
		return "sips:"
	}
	return "sip:"
}

// sipfrag takes a NOTIFY of the REFER's implicit subscription.
func (c *Call) sipfrag(m *Message) {
	c.phone.respond(m, c.phone.reply(m, 200, ""))
	line := strings.Fields(string(m.Body))
	if len(line) < 2 || line[0] != "SIP/2.0" {
		return
	}
	code, err := strconv.Atoi(line[1])
	if err == nil && code >= 180 {
		c.transferring.set()
	}
	if err == nil && code >= 200 {
		c.mu.Lock()
		c.transfer = code
		c.mu.Unlock()
		c.transferred.set()
	}
}
