package siptest

import (
	"context"
	"fmt"
	"time"
)

// from is the phone's From header value with a tag.
func (p *Phone) from(tag string) string {
	v := "<" + p.AOR() + ">"
	if p.cfg.DisplayName != "" {
		v = fmt.Sprintf("%q %s", p.cfg.DisplayName, v)
	}
	return v + ";tag=" + tag
}

// Register binds the phone's contact at its proxy for the given time (whole seconds),
// answering a digest challenge. There is no refresh by itself. It returns a
// StatusError when refused.
func (p *Phone) Register(ctx context.Context, expires time.Duration) error {
	_, err := p.authenticated(ctx, func() (*Message, error) {
		p.mu.Lock()
		p.regCSeq++
		id := dialogID{callID: p.regID, local: p.from(p.regTag), remote: "<" + p.AOR() + ">", cseq: p.regCSeq}
		p.mu.Unlock()
		m, err := p.newRequest("REGISTER", p.scheme()+p.cfg.Domain, id)
		if err != nil {
			return nil, err
		}
		m.Add("Expires", fmt.Sprint(int(expires.Seconds())))
		return m, nil
	}, nil)
	return err
}

// Unregister removes the phone's contact.
func (p *Phone) Unregister(ctx context.Context) error { return p.Register(ctx, 0) }
