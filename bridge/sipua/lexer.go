package sipua

import (
	"bytes"
	"iter"
	"strings"
)

// headerName is a header that something here reads.
type headerName uint8

const (
	kindOther headerName = iota
	kindVia
	kindFrom
	kindTo
	kindCallID
	kindCSeq
	kindLength
	kindContact
	kindEvent
	kindExpires
	kindAccept
	kindMaxForwards
	kindUserAgent
	kindRequire
	kindRecordRoute
	kindAuthorization
	kindAsserted
)

var kindNames = [...]string{
	kindVia: "via", kindFrom: "from", kindTo: "to", kindCallID: "call-id", kindCSeq: "cseq", kindLength: "content-length",
	kindContact: "contact", kindEvent: "event", kindExpires: "expires", kindAccept: "accept", kindMaxForwards: "max-forwards",
	kindUserAgent: "user-agent", kindRequire: "require", kindRecordRoute: "record-route",
	kindAuthorization: "authorization", kindAsserted: "p-asserted-identity",
}

// compactKinds are the one-letter forms (RFC 3261 §7.3.3, RFC 6665 §8.4), by letter.
var compactKinds = ['z' + 1]headerName{
	'v': kindVia, 'f': kindFrom, 't': kindTo, 'i': kindCallID, 'l': kindLength, 'm': kindContact, 'o': kindEvent,
}

// kindsByLength are the kinds whose names have that length.
var kindsByLength = func() (out [20][]headerName) {
	for k, n := range kindNames {
		if n != "" {
			out[len(n)] = append(out[len(n)], headerName(k)) //nolint:gosec // a few
		}
	}
	return out
}()

// headerKind knows the headers that are read here, in both forms.
func headerKind(name []byte) headerName {
	if len(name) == 1 {
		return compactKinds[min(name[0]|0x20, 'z')]
	}
	if len(name) < len(kindsByLength) {
		for _, k := range kindsByLength[len(name)] {
			if equalFold(name, kindNames[k]) {
				return k
			}
		}
	}
	return kindOther
}

// equalFold compares b with a lower-case name of the same length.
func equalFold(b []byte, lower string) bool {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// nextLine cuts the first CRLF-ended line off b.
func nextLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, crlf)
	return line, rest
}

// unfold turns the line ends of folded headers into spaces. It reports false for a
// control character other than TAB and CRLF: what watchers send is copied into NOTIFYs,
// where a lone LF could begin a header of their choice.
func unfold(b []byte) bool {
	ok := true
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c >= 0x20 && c != 0x7f || c == '\t' {
			continue
		}
		if c == '\r' && i+1 < len(b) && b[i+1] == '\n' {
			if i+2 < len(b) && (b[i+2] == ' ' || b[i+2] == '\t') {
				b[i], b[i+1] = ' ', ' '
			}
			i++
			continue
		}
		ok = false
	}
	return ok
}

// parseUint reads a decimal number of digits only, at most limit.
func parseUint[T []byte | string](b T, limit uint64) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	var n uint64
	for i := 0; i < len(b); i++ {
		d := b[i] - '0'
		if d > 9 || n > limit/10 {
			return 0, false
		}
		n = n*10 + uint64(d)
	}
	return n, n <= limit
}

// isToken follows RFC 3261 §25.1.
func isToken[T []byte | string](b T) bool {
	for i := 0; i < len(b); i++ {
		c := b[i]
		alnum := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !alnum && strings.IndexByte("-.!%*_+`'~", c) < 0 {
			return false
		}
	}
	return len(b) > 0
}

// cutUnquoted splits s at the first sep that is in neither a quoted string nor angle brackets.
func cutUnquoted(s string, sep byte) (before, after string, found bool) {
	quoted, angle := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == sep && !angle:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// closed reports whether every quoted string and angle bracket in s ends there.
func closed(s string) bool {
	quoted, angle := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c == '<':
			angle = true
		case !quoted && c == '>':
			angle = false
		}
	}
	return !quoted && !angle
}

// eachUnquoted gives the parts of s between separators that are in neither a quoted
// string nor angle brackets, trimmed, empty ones left out.
func eachUnquoted(s string, sep byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for more := s != ""; more; {
			var part string
			part, s, more = cutUnquoted(s, sep)
			if part = strings.TrimSpace(part); part != "" && !yield(part) {
				return
			}
		}
	}
}

// splitUnquoted is eachUnquoted as a slice.
func splitUnquoted(s string, sep byte) (parts []string) {
	for p := range eachUnquoted(s, sep) {
		parts = append(parts, p)
	}
	return parts
}

// param finds a parameter by name, case ignored (RFC 3261 §7.3.1), in what follows the
// first semicolon of a header value; the value is trimmed and unquoted.
func param(params, name string) (value string, found bool) {
	for p := range eachUnquoted(params, ';') {
		n, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(n), name) {
			return unquote(strings.TrimSpace(v)), true
		}
	}
	return "", false
}

// unquote takes quotes and backslashes off a quoted-string.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
