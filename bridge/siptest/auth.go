package siptest

import (
	"context"

	"github.com/icholy/digest"
)

// credentials is the last challenge of the proxy, kept so that later requests need no
// second round trip for it (RFC 3261 §22.2). The phone's lock guards it.
type credentials struct {
	header string // "Authorization" or "Proxy-Authorization"
	chal   *digest.Challenge
	count  int
}

// authorize adds credentials to a request, if the peer has asked for them before.
func (p *Phone) authorize(m *Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.auth.chal == nil || p.cfg.Password == "" {
		return
	}
	p.auth.count++
	c, err := digest.Digest(p.auth.chal, digest.Options{
		Method: m.Method, URI: m.URI, Username: p.cfg.AuthUser, Password: p.cfg.Password, Count: p.auth.count,
	})
	if err != nil {
		p.log.Debug("no digest", "watcher", p.cfg.User, "error", err)
		return
	}
	m.Add(p.auth.header, c.String())
}

// challenged takes a 401 or 407 and reports whether another attempt makes sense.
func (p *Phone) challenged(r *Message) bool {
	header, value := "Authorization", r.Get("WWW-Authenticate")
	if r.Code == 407 {
		header, value = "Proxy-Authorization", r.Get("Proxy-Authenticate")
	}
	if r.Code != 401 && r.Code != 407 || p.cfg.Password == "" {
		return false
	}
	chal, err := digest.ParseChallenge(value)
	if err != nil {
		return false
	}
	p.mu.Lock()
	p.auth = credentials{header: header, chal: chal}
	p.mu.Unlock()
	return true
}

// request sends what build makes, once more if challenged. build is called for each
// attempt and must give it a new CSeq.
func (p *Phone) authenticated(ctx context.Context, build func() (*Message, error), hook func(*Message)) (*Message, error) {
	for attempt := 0; ; attempt++ {
		m, err := build()
		if err != nil {
			return nil, err
		}
		p.authorize(m)
		r, err := p.transact(ctx, m, hook)
		if err != nil {
			return nil, err
		}
		if attempt == 0 && p.challenged(r) {
			continue
		}
		if r.Code >= 300 {
			return r, &StatusError{r}
		}
		return r, nil
	}
}

// Do sends one request of any method outside a dialog to uri, with extra headers and a
// body, and returns the final response, also one that refuses (then with a StatusError).
func (p *Phone) Do(ctx context.Context, method, uri string, extra []Header, body []byte) (*Message, error) {
	id := dialogID{callID: token(12), local: p.from(token(6)), remote: "<" + uri + ">"}
	return p.authenticated(ctx, func() (*Message, error) {
		id.cseq++
		m, err := p.newRequest(method, uri, id)
		if err != nil {
			return nil, err
		}
		m.Headers = append(m.Headers, extra...)
		m.Body = body
		return m, nil
	}, nil)
}
