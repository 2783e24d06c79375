package sipua

import (
	"crypto/md5" //nolint:gosec // RFC 8760 §2.1: kept for phones that know nothing else
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
	"time"

	"blfbridge/policy"
)

// algorithm of a digest (RFC 7616 §3.2).
type algorithm string

const (
	algMD5    algorithm = "MD5"
	algSHA256 algorithm = "SHA-256"
)

func (a algorithm) hash(s string) string {
	if a == algSHA256 {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	sum := md5.Sum([]byte(s)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

// challenge is what a 401 asks for. The nonce is made only if it comes to one.
type challenge struct {
	realm string
	stale bool
	only  algorithm // empty = any
}

// challengeValues are the WWW-Authenticate values of a 401. RFC 8760 §2.3: one for each
// algorithm, the one we prefer first.
func (v verifier) challengeValues(c challenge, now time.Time) (out []field) {
	nonce := v.nonces.issue(c.realm, now)
	for _, a := range []algorithm{algSHA256, algMD5} {
		if c.only != "" && c.only != a {
			continue
		}
		v := `Digest realm="` + c.realm + `", nonce="` + nonce + `", algorithm=` + string(a) + `, qop="auth"`
		if c.stale {
			v += ", stale=true"
		}
		out = append(out, field{"WWW-Authenticate", v})
	}
	return out
}

// credentials is an Authorization header (RFC 3261 §20.7).
type credentials struct {
	username, realm, nonce, uri, response string
	qop, nc, cnonce                       string
	algorithm                             algorithm
}

// parseCredentials reads a Digest Authorization value. RFC 3261 §22.4: no other scheme.
func parseCredentials(value string) (c credentials, ok bool) {
	scheme, rest, found := strings.Cut(strings.TrimSpace(value), " ")
	if !found || !strings.EqualFold(scheme, "Digest") {
		return c, false
	}
	c.algorithm = algMD5
	seen := make(map[string]bool)
	for _, p := range splitUnquoted(rest, ',') {
		n, v, found := strings.Cut(p, "=")
		n = strings.ToLower(strings.TrimSpace(n))
		if !found || seen[n] {
			return c, false
		}
		seen[n] = true
		v = unquote(strings.TrimSpace(v))
		switch n {
		case "username":
			c.username = v
		case "realm":
			c.realm = v
		case "nonce":
			c.nonce = v
		case "uri":
			c.uri = v
		case "response":
			c.response = strings.ToLower(v)
		case "qop":
			c.qop = v
		case "nc":
			c.nc = v
		case "cnonce":
			c.cnonce = v
		case "algorithm":
			c.algorithm = algorithm(strings.ToUpper(v))
		}
	}
	return c, c.username != "" && c.nonce != "" && c.uri != "" && c.response != ""
}

// authResult is what checking credentials found.
type authResult uint8

const (
	authGood authResult = iota
	// authNone: no credentials for our realm.
	authNone
	// authStale: the password is right, the nonce too old or used.
	authStale
	// authBad: not right.
	authBad
	// authAlgorithm: only a hash for the other algorithm is known.
	authAlgorithm
)

var authNames = [...]string{"good", "none", "stale", "bad", "algorithm"}

// verifier checks digests against the policy's credentials.
type verifier struct {
	nonces *nonces
}

// proof is what a request brings to be checked.
type proof struct {
	values        []string // of the Authorization headers
	method, realm string
	now           time.Time
	find          func(user string) (policy.Credential, bool)
	// fits says whether a digest-uri is one that the request may have been made for.
	fits func(uri string) bool
}

// check finds the credentials for the realm among the values and verifies them.
func (v verifier) check(p proof) (authResult, policy.Credential) {
	result := authNone
	for _, value := range p.values {
		c, ok := parseCredentials(value)
		if !ok || c.realm != p.realm {
			continue
		}
		cred, known := p.find(c.username)
		r := authBad
		if p.fits(c.uri) {
			r = v.verify(c, cred, known, p)
		}
		if r == authGood {
			return r, cred
		}
		result = r
	}
	return result, policy.Credential{}
}

func (v verifier) verify(c credentials, cred policy.Credential, known bool, p proof) authResult {
	if c.algorithm != algMD5 && c.algorithm != algSHA256 || c.qop != "" && c.qop != "auth" {
		return authBad // not what we offered
	}
	id, state := v.nonces.check(c.nonce, c.realm, p.now)
	if state == nonceForged {
		return authStale // perhaps of before a restart: ask again
	}
	ha1, usable := ha1Of(c, cred)
	right := subtle.ConstantTimeCompare([]byte(c.expected(ha1, p.method)), []byte(c.response)) == 1
	switch {
	case !known:
		return authBad
	case !usable:
		return authAlgorithm
	case !right:
		return authBad
	case state == nonceStale:
		return authStale
	case c.qop == "":
		// RFC 8760 §2.6 (8): clients of RFC 2069 send none; then only the age counts.
		return authGood
	}
	nc, ok := parseHex(c.nc)
	if !ok || c.cnonce == "" {
		return authBad
	}
	if !v.nonces.count(id, nc, p.now) {
		return authStale
	}
	return authGood
}

// ha1Of is H(username:realm:password), from the password or as the document holds it.
func ha1Of(c credentials, cred policy.Credential) (string, bool) {
	switch {
	case cred.Password != "":
		return c.algorithm.hash(c.username + ":" + c.realm + ":" + cred.Password), true
	case c.algorithm == algSHA256 && cred.HA1SHA256 != "":
		return strings.ToLower(cred.HA1SHA256), true
	case c.algorithm == algMD5 && cred.HA1 != "":
		return strings.ToLower(cred.HA1), true
	}
	return "", false
}

// expected is the response that a knower of HA1 sends (RFC 7616 §3.4.1).
func (c credentials) expected(ha1, method string) string {
	ha2 := c.algorithm.hash(method + ":" + c.uri)
	if c.qop == "" {
		return c.algorithm.hash(ha1 + ":" + c.nonce + ":" + ha2)
	}
	return c.algorithm.hash(ha1 + ":" + c.nonce + ":" + c.nc + ":" + c.cnonce + ":" + c.qop + ":" + ha2)
}

// parseHex reads a nonce count: eight hexadecimal digits, fewer from some phones.
func parseHex(s string) (n uint32, ok bool) {
	if len(s) == 0 || len(s) > 8 {
		return 0, false
	}
	for i := range len(s) {
		d := unhex(s[i])
		if d > 15 {
			return 0, false
		}
		n = n<<4 | uint32(d)
	}
	return n, true
}
