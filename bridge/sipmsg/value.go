package sipmsg

import "bytes"

// Cut splits b at the first sep that is in neither a quoted string nor angle brackets.
// closed is false if a quoted string or a bracket is still open at the end of before.
func Cut(b []byte, sep byte) (before, after []byte, found, closed bool) {
	quoted, angle := false, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !angle:
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == sep && !angle:
			return b[:i], b[i+1:], true, true
		}
	}
	return b, nil, false, !quoted && !angle
}

// Address splits a name-addr or addr-spec with its header parameters (RFC 3261 §20.10):
// uri, and params from their first semicolon on. Without angle brackets all that follows
// a semicolon is header parameters. ok is false if quotes or brackets do not match.
func Address(v []byte) (uri, params []byte, ok bool) {
	quoted, open := false, -1
	for i := 0; i < len(v) && open < 0; i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '<' && !quoted:
			open = i
		}
	}
	if quoted {
		return nil, nil, false
	}
	if open < 0 {
		end := bytes.IndexByte(v, ';')
		if end < 0 {
			end = len(v)
		}
		uri = bytes.TrimRight(v[:end], " \t")
		return uri, v[end:], len(uri) > 0 && bytes.IndexAny(uri, " \t\">,") < 0
	}
	n := bytes.IndexByte(v[open:], '>')
	if n < 0 {
		return nil, nil, false
	}
	uri, params = v[open+1:open+n], bytes.TrimLeft(v[open+n+1:], " \t")
	if len(params) > 0 && params[0] != ';' || bytes.IndexAny(uri, " \t<\"") >= 0 {
		return uri, params, false
	}
	_, _, _, closed := Cut(params, 0)
	return uri, params, closed && len(uri) > 0
}

// Param finds a parameter by its name in lower case, among those of params, which begin
// with a semicolon; the value is trimmed, quotes stay.
func Param(params []byte, name string) (value []byte, found bool) {
	for len(params) > 0 {
		var p []byte
		p, params, _, _ = Cut(params, ';')
		n, v := p, []byte(nil)
		if i := bytes.IndexByte(p, '='); i >= 0 {
			n, v = p[:i], p[i+1:]
		}
		if Fold(bytes.TrimSpace(n), name) {
			return bytes.TrimSpace(v), true
		}
	}
	return nil, false
}

// Tag is the tag of a From or To value, nil if there is none.
func Tag(v []byte) []byte {
	// The common form first: nothing but the tag follows the bracket.
	if i := bytes.LastIndex(v, []byte(">;tag=")); i >= 0 {
		if t := v[i+6:]; IsToken(t) {
			return t
		}
	}
	_, params, _ := Address(v)
	t, _ := Param(params, "tag")
	return t
}

// URI is a SIP or SIPS URI taken apart where it lies; escapes stay.
type URI struct {
	Secure bool   // sips
	User   []byte // with password, if any
	Host   []byte // without brackets
	Port   uint16 // 0 = none
	Params []byte // from the first semicolon on; no URI headers
}

// ParseURI reads a SIP or SIPS URI; ok is false for any other.
func ParseURI(b []byte) (u URI, ok bool) {
	switch {
	case len(b) > 4 && Fold(b[:4], "sip:"):
		b = b[4:]
	case len(b) > 5 && Fold(b[:5], "sips:"):
		u.Secure, b = true, b[5:]
	default:
		return u, false
	}
	// The user part may hold ; and ? (RFC 3261 §25.1): the @ ends it.
	if at := bytes.LastIndexByte(b, '@'); at >= 0 {
		u.User, b = b[:at], b[at+1:]
	}
	if i := bytes.IndexByte(b, '?'); i >= 0 {
		b = b[:i]
	}
	if i := bytes.IndexByte(b, ';'); i >= 0 {
		u.Params, b = b[i:], b[:i]
	}
	u.Host, u.Port, ok = HostPort(b)
	return u, ok
}

// HostPort reads host or host:port, an IPv6 address in brackets; blanks around the colon
// pass (RFC 4475 §3.1.1.1).
func HostPort(b []byte) (host []byte, port uint16, ok bool) {
	b = bytes.TrimSpace(b)
	rest := []byte(nil)
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return nil, 0, false
		}
		host, rest = b[1:end], b[end+1:]
	} else if i := bytes.IndexByte(b, ':'); i >= 0 {
		host, rest = b[:i], b[i:]
	} else {
		host = b
	}
	host, rest = bytes.TrimRight(host, " \t"), bytes.TrimSpace(rest)
	if len(host) == 0 || bytes.IndexAny(host, " \t\"<>@?;,/") >= 0 {
		return nil, 0, false
	}
	if len(rest) == 0 {
		return host, 0, true
	}
	n, good := Uint(bytes.TrimSpace(rest[1:]), 65535)
	return host, uint16(n), good && n > 0 && rest[0] == ':'
}
