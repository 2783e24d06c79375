package sipua

import "strings"

// splitAddress splits a From, To, Contact or Route value (RFC 3261 §20.10) into its
// name-addr or addr-spec, as sent, and the header parameters behind it. Without angle
// brackets everything after the first semicolon is a header parameter.
func splitAddress(value string) (address, params string) {
	address, params, _ = cutUnquoted(strings.TrimSpace(value), ';')
	return strings.TrimSpace(address), params
}

// addressURI returns the URI of a name-addr or addr-spec; ok is false if the quotes or
// brackets do not match.
func addressURI(address string) (uri string, ok bool) {
	open := indexUnquoted(address, '<')
	if open < 0 {
		return address, address != "" && !strings.ContainsAny(address, "<>\" ,")
	}
	end := strings.IndexByte(address[open:], '>')
	if end < 0 || strings.TrimSpace(address[open+end+1:]) != "" {
		return "", false
	}
	uri = strings.TrimSpace(address[open+1 : open+end])
	return uri, uri != "" && !strings.ContainsAny(uri, " \t\"<")
}

// indexUnquoted finds c outside quoted strings.
func indexUnquoted(s string, c byte) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == c:
			return i
		}
	}
	return -1
}

// sipURI is a SIP, SIPS or tel URI taken apart, escapes left as they are.
type sipURI struct {
	scheme   string // lower case
	user     string // without password; of a tel URI the number
	host     string // without brackets
	port     uint16 // 0 = none
	params   string // after the first semicolon, without URI headers
	bareText string // the URI without URI headers
}

// parseURI reads a URI; ok is false for anything else or a scheme without a colon.
// The host of a tel URI is empty.
func parseURI(s string) (u sipURI, ok bool) {
	scheme, rest, found := strings.Cut(s, ":")
	if !found || !isToken(scheme) || rest == "" {
		return u, false
	}
	u.scheme = strings.ToLower(scheme)
	u.bareText = s
	switch u.scheme {
	case "tel":
		u.user, u.params, _ = strings.Cut(rest, ";")
		return u, u.user != ""
	case "sip", "sips":
	default:
		return u, true
	}
	// The user part may hold ; and ? (RFC 3261 §25.1): the @ ends it.
	host := rest
	if at := strings.IndexByte(rest, '@'); at >= 0 {
		u.user, _, _ = strings.Cut(rest[:at], ":")
		host = rest[at+1:]
	}
	if bare, _, has := strings.Cut(host, "?"); has {
		u.bareText = s[:len(s)-len(host)+len(bare)]
		host = bare
	}
	host, u.params, _ = strings.Cut(host, ";")
	u.host, u.port, ok = parseSentBy(host)
	return u, ok
}

// served reports whether a request URI of this scheme can name one of our lines.
func (u sipURI) served() bool {
	return u.scheme == "sip" || u.scheme == "sips" || u.scheme == "tel"
}

// unescape decodes percent escapes (RFC 3261 §19.1.2); a malformed one is left as it is.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 16 && lo < 16 {
				b = append(b, hi<<4|lo)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}
