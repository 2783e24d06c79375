package xmltext

import "strings"

// URI is a SIP URI in the pieces that the encoder has, so that no string needs
// to be built. Raw wins; else it is sip:User@Host, or sip:Host without a user.
type URI struct {
	Raw        string
	User, Host string
}

// IsZero reports whether there is nothing to show.
func (u URI) IsZero() bool { return u == URI{} }

// AppendURI appends u, percent-encoded where RFC 3261 §25.1 or anyURI demand it
// and escaped for XML.
func AppendURI(dst []byte, u URI) []byte {
	if u.Raw != "" {
		return appendPercent(dst, u.Raw, &inURI)
	}
	dst = append(dst, "sip:"...)
	if u.User != "" {
		dst = append(appendPercent(dst, u.User, &inUser), '@')
	}
	return appendPercent(dst, u.Host, &inURI)
}

// appendPercent appends s; bytes outside allowed become %XX, and a % that already
// begins an escape stays.
func appendPercent(dst []byte, s string, allowed *[256]bool) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '&':
			dst = append(dst, "&amp;"...)
		case c == '\'':
			dst = append(dst, "&apos;"...)
		case allowed[c], c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			dst = append(dst, c)
		default:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

const alphanum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

var (
	// RFC 3261 §25.1: user = 1*( unreserved / escaped / user-unreserved ).
	inUser = set(alphanum + "-_.!~*()&=+$,;?/")
	// RFC 3986 §2: reserved and unreserved; the quote is left out because it ends
	// our attributes in sloppy readers even when escaped.
	inURI = set(alphanum + "-._~:/?#[]@!$&()*+,;=")
)

func set(chars string) (t [256]bool) {
	for i := range len(chars) {
		t[chars[i]] = true
	}
	return t
}

// Host returns the host of a SIP URI without port and parameters, IPv6 literals
// with their brackets; empty if uri is none.
func Host(uri string) string {
	i := strings.IndexByte(uri, ':')
	if i < 0 {
		return ""
	}
	rest := uri[i+1:]
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	if strings.HasPrefix(rest, "[") {
		if end := strings.IndexByte(rest, ']'); end > 0 {
			return rest[:end+1]
		}
		return ""
	}
	if end := strings.IndexAny(rest, ":;?/"); end >= 0 {
		rest = rest[:end]
	}
	return rest
}
