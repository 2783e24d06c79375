package trunk

import (
	"strings"

	"github.com/icholy/digest"

	"blfbridge/policy"
)

// login is how we authenticate at one destination of a trunk: the credentials and the
// server's last challenge, whose nonce is used for as long as it is taken (RFC 7616
// §3.3), also by other subscriptions. A nil login has none.
type login struct {
	secret    policy.Digest
	challenge *digest.Challenge
	proxy     bool
	count     int // of the nonce's uses
}

type loginKey struct{ tenant, trunk, to string }

// challenge is one WWW-Authenticate or Proxy-Authenticate value.
type challenge struct {
	proxy bool
	value string
}

// loginFor finds the login of a destination, nil if its trunk has no credentials.
func (s *Subscriber) loginFor(tenant string, c *candidate) *login {
	d := c.trunk.OutboundDigest
	if d == nil {
		return nil
	}
	k := loginKey{tenant, c.trunk.Name, c.to.String()}
	if g := s.logins[k]; g == nil || g.secret != *d {
		s.logins[k] = &login{secret: *d}
	}
	return s.logins[k]
}

// take takes the challenges of a 401 or 407 over and reports whether it makes sense to
// try again: not if the credentials that were refused had been made for a new nonce.
func (g *login) take(list []challenge, proved bool) bool {
	if g == nil {
		return false
	}
	// RFC 8760 §2.4: the topmost that we can meet.
	for _, c := range list {
		parsed, err := digest.ParseChallenge(c.value)
		if err == nil {
			for i, q := range parsed.QOP {
				parsed.QOP[i] = strings.TrimSpace(q)
			}
		}
		if err != nil || !digest.CanDigest(parsed) || len(parsed.QOP) > 0 && !parsed.SupportsQOP("auth") || g.a1(parsed) == "" && g.secret.Password == "" {
			continue
		}
		if proved && !parsed.Stale {
			g.challenge = nil
			return false
		}
		g.challenge, g.proxy, g.count = parsed, c.proxy, 0
		return true
	}
	return false
}

// a1 is the stored hash that fits a challenge, empty if there is only the password.
func (g *login) a1(c *digest.Challenge) string {
	switch strings.ToUpper(c.Algorithm) {
	case "", "MD5":
		return g.secret.HA1
	case "SHA-256":
		return g.secret.HA1SHA256
	}
	return ""
}

// credentials are the header of a SUBSCRIBE to uri; empty while nothing was asked for.
// first says that its nonce was not used before.
func (g *login) credentials(uri string) (name, value string, first bool) {
	if g == nil || g.challenge == nil {
		return "", "", false
	}
	g.count++
	c, err := digest.Digest(g.challenge, digest.Options{
		Method: "SUBSCRIBE", URI: uri, Count: g.count,
		Username: g.secret.Username, Password: g.secret.Password, A1: g.a1(g.challenge),
	})
	if err != nil {
		return "", "", false
	}
	name = "Authorization"
	if g.proxy {
		name = "Proxy-Authorization"
	}
	return name, c.String(), g.count == 1
}
