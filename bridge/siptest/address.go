package siptest

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// AddrURI returns the URI of a name-addr or addr-spec ("\"Bob\" <sip:b@x>;tag=1" → "sip:b@x").
func AddrURI(v string) string {
	uri, _ := splitAddr(v)
	return uri
}

// Param returns a header parameter's value, unquoted; "" if absent. Parameters inside
// the angle brackets belong to the URI and are not looked at.
func Param(v, name string) string {
	_, params := splitAddr(v)
	for p := range strings.SplitSeq(params, ";") {
		k, val, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.Trim(strings.TrimSpace(val), `"`)
		}
	}
	return ""
}

// splitAddr cuts a header value into its main part and its parameters.
func splitAddr(v string) (uri, params string) {
	if i := openBracket(v); i >= 0 {
		if j := strings.IndexByte(v[i:], '>'); j > 0 {
			return v[i+1 : i+j], v[i+j+1:]
		}
	}
	uri, params, _ = strings.Cut(v, ";")
	return strings.TrimSpace(uri), params
}

// openBracket finds the '<' that opens the URI, not one inside a quoted display name.
func openBracket(v string) int {
	quoted := false
	for i := 0; i < len(v); i++ {
		switch {
		case quoted && v[i] == '\\':
			i++
		case v[i] == '"':
			quoted = !quoted
		case v[i] == '<' && !quoted:
			return i
		}
	}
	return -1
}

// URIUser is the user part of a SIP URI, "" if it has none.
func URIUser(uri string) string {
	_, rest, ok := strings.Cut(uri, ":")
	if user, _, at := strings.Cut(rest, "@"); ok && at {
		return user
	}
	return ""
}

// sameURI compares two SIP URIs as far as lamps need (RFC 3261 §19.1.4): scheme and
// host without case, the rest as written.
func sameURI(a, b string) bool { return normalURI(a) == normalURI(b) }

func normalURI(u string) string {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(u), ":")
	if !ok {
		return u
	}
	user, host, at := strings.Cut(rest, "@")
	if !at {
		return strings.ToLower(scheme + ":" + rest)
	}
	return strings.ToLower(scheme) + ":" + user + "@" + strings.ToLower(host)
}

// token returns n random bytes in hex, for tags, branches and Call-IDs.
func token(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func newBranch() string { return "z9hG4bK" + token(8) }
