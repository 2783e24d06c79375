package sipua

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// topVia is the topmost Via value of a message (RFC 3261 §20.42), as far as transports
// and transactions need it.
type topVia struct {
	transport string
	host      string // without brackets
	port      uint16 // 0 = none given
	branch    string
	// rport: the parameter was there (RFC 3581); rportValue its number, 0 if it had none.
	rport      bool
	rportValue uint16
	received   string
	// others are the remaining parameters, each with its semicolon.
	others string
}

// parseVia reads one Via value; rest is what followed after a comma.
func parseVia(s string) (v topVia, rest string, ok bool) {
	s, rest, _ = cutUnquoted(s, ',')
	name, s, ok := strings.Cut(s, "/")
	if !ok || !strings.EqualFold(strings.TrimSpace(name), "SIP") {
		return v, rest, false
	}
	version, s, ok := strings.Cut(s, "/")
	if !ok || strings.TrimSpace(version) != "2.0" {
		return v, rest, false
	}
	s = strings.TrimLeft(s, " \t")
	i := strings.IndexAny(s, " \t")
	if i <= 0 || !isToken(s[:i]) {
		return v, rest, false
	}
	v.transport = s[:i]
	sentBy, params, _ := cutUnquoted(s[i:], ';')
	if v.host, v.port, ok = parseSentBy(strings.TrimSpace(sentBy)); !ok {
		return v, rest, false
	}
	return v, rest, v.readParams(params)
}

// readParams reports false for a branch that is no token and for an open quote, which
// would swallow the stamp.
func (v *topVia) readParams(params string) bool {
	var others strings.Builder
	for _, p := range splitUnquoted(params, ';') {
		n, value, _ := strings.Cut(p, "=")
		n, value = strings.TrimSpace(n), strings.TrimSpace(value)
		switch {
		case strings.EqualFold(n, "branch"):
			if v.branch = value; !isToken(value) {
				return false
			}
		case strings.EqualFold(n, "received"):
			v.received = strings.Trim(value, "[]")
		case strings.EqualFold(n, "rport"):
			v.rport = true
			port, _ := parseUint(value, 65535)
			v.rportValue = uint16(port)
		default:
			if !closed(p) {
				return false
			}
			others.WriteByte(';')
			others.WriteString(p)
		}
	}
	v.others = others.String()
	return true
}

// parseSentBy reads host[:port] with optional white space around the colon.
func parseSentBy(s string) (host string, port uint16, ok bool) {
	rest := ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, false
		}
		host, rest = s[1:end], s[end+1:]
		if _, err := netip.ParseAddr(host); err != nil {
			return "", 0, false
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		host, rest = s[:i], s[i:]
	} else {
		host = s
	}
	host, rest = strings.TrimSpace(host), strings.TrimSpace(rest)
	if host == "" || strings.ContainsAny(host, " \t\"<>@?;,") {
		return "", 0, false
	}
	if rest == "" {
		return host, 0, true
	}
	n, good := parseUint(strings.TrimSpace(strings.TrimPrefix(rest, ":")), 65535)
	return host, uint16(n), good && n > 0 && rest[0] == ':'
}

// stamp notes where a request came from, replacing what the sender may have claimed, and
// returns the value to put in the Via's place. Responses find their way by it alone.
//
// RFC 3261 §18.2.1, RFC 3581 §4: received and, where asked for, rport. Who is behind a
// NAT (the sent-by is not the source) is answered at the source even if it did not ask;
// who is not and did not ask listens at its sent-by port (Cisco 79xx). force answers
// everybody at the source.
func (v *topVia) stamp(dst []byte, source netip.AddrPort, force bool) []byte {
	dst = append(dst, "SIP/2.0/"...)
	dst = append(dst, v.transport...)
	dst = append(dst, ' ')
	if strings.IndexByte(v.host, ':') >= 0 {
		dst = append(dst, '[')
		dst = append(dst, v.host...)
		dst = append(dst, ']')
	} else {
		dst = append(dst, v.host...)
	}
	if v.port != 0 {
		dst = append(dst, ':')
		dst = strconv.AppendUint(dst, uint64(v.port), 10)
	}
	if v.branch != "" {
		dst = append(dst, ";branch="...)
		dst = append(dst, v.branch...)
	}
	dst = append(dst, v.others...)
	sentBy, err := netip.ParseAddr(v.host)
	if v.rport || force || err != nil || sentBy.Unmap() != source.Addr() {
		dst = append(dst, ";rport="...)
		dst = strconv.AppendUint(dst, uint64(source.Port()), 10)
	}
	dst = append(dst, ";received="...)
	return append(dst, source.Addr().WithZone("").String()...)
}

// source is the inverse of stamp: where the request came from, or for a request that did
// not ask for rport, where its sender listens.
func (v *topVia) source(defaultPort uint16) (netip.AddrPort, bool) {
	addr, err := netip.ParseAddr(v.received)
	if err != nil {
		return netip.AddrPort{}, false
	}
	port := v.rportValue
	if port == 0 {
		port = v.port
	}
	if port == 0 {
		port = defaultPort
	}
	return netip.AddrPortFrom(addr.Unmap(), port), true
}

// responseTarget says where a serialised response goes (RFC 3261 §18.2.2), by the
// stamp in its topmost Via.
func responseTarget(msg []byte) (netip.AddrPort, bool) {
	_, rest := nextLine(msg)
	for {
		var line []byte
		line, rest = nextLine(rest)
		if len(line) == 0 {
			return netip.AddrPort{}, false
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		if headerKind(bytes.TrimRight(name, " \t")) != kindVia {
			continue
		}
		v, _, ok := parseVia(string(bytes.TrimSpace(value)))
		if !ok {
			return netip.AddrPort{}, false
		}
		return v.source(5060)
	}
}
