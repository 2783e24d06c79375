package sipmsg

import (
	"bytes"
	"net/netip"
	"strconv"
)

// TopVia is the first value of a Via line (RFC 3261 §20.42).
type TopVia struct {
	Transport []byte
	Host      []byte // without brackets
	Port      uint16 // 0 = none
	Branch    []byte
	// Text is the whole value as it lies in the line; Rest what follows its comma, if any.
	Text, Rest []byte
	// sentBy is the text up to the parameters.
	sentBy []byte
	params []byte
	// Rport: the sender asked for the port it sent from (RFC 3581).
	Rport bool
	// plain: neither received nor rport is there.
	plain bool
}

// ParseVia reads the first value of a Via line. ok is false if it is none, or holds an
// open quote, which would swallow what is added.
func ParseVia(line []byte) (v TopVia, ok bool) {
	text, rest, _, closed := Cut(line, ',')
	v.Text, v.Rest = bytes.TrimRight(text, " \t"), bytes.TrimSpace(rest)
	text = v.Text
	if !closed {
		return v, false
	}
	if len(text) > 8 && string(text[:8]) == "SIP/2.0/" {
		text = text[8:]
	} else {
		name, more, found := bytes.Cut(text, []byte{'/'})
		version, after, found2 := bytes.Cut(more, []byte{'/'})
		if !found || !found2 || !Fold(bytes.TrimSpace(name), "sip") || string(bytes.TrimSpace(version)) != "2.0" {
			return v, false
		}
		text = bytes.TrimLeft(after, " \t")
	}
	i := bytes.IndexAny(text, " \t")
	if i <= 0 || !IsToken(text[:i]) {
		return v, false
	}
	v.Transport, text = text[:i], text[i:]
	sentBy := text
	if j := bytes.IndexByte(text, ';'); j >= 0 {
		sentBy, v.params = text[:j], text[j:]
	}
	v.sentBy = v.Text[:len(v.Text)-len(v.params)]
	if v.Host, v.Port, ok = HostPort(sentBy); !ok {
		return v, false
	}
	v.plain = true
	for params := v.params; len(params) > 0; {
		var p []byte
		p, params = cutParam(params)
		n, value := p, []byte(nil)
		if j := bytes.IndexByte(p, '='); j >= 0 {
			n, value = p[:j], bytes.TrimSpace(p[j+1:])
		}
		switch n = bytes.TrimSpace(n); {
		case len(n) == 0:
			return v, false
		case Fold(n, "branch"):
			if v.Branch != nil || !IsToken(value) {
				return v, false
			}
			v.Branch = value
		case Fold(n, "rport"):
			v.Rport, v.plain = true, false
		case Fold(n, "received"):
			v.plain = false
		}
	}
	return v, true
}

// cutParam takes one parameter off; params begin with a semicolon.
func cutParam(params []byte) (p, rest []byte) {
	params = params[1:]
	if i := bytes.IndexByte(params, ';'); i >= 0 {
		if j := bytes.IndexByte(params[:i], '"'); j < 0 {
			return params[:i], params[i:]
		}
		before, _, found, _ := Cut(params, ';')
		if found {
			return before, params[len(before):]
		}
	}
	return params, nil
}

// Stamp appends the value with where it really came from, in place of what the sender may
// have claimed: received, and with rport the port (RFC 3261 §18.2.1, RFC 3581 §4).
func (v *TopVia) Stamp(dst []byte, source netip.AddrPort, rport bool) []byte {
	dst = append(dst, v.sentBy...)
	if v.plain {
		dst = append(dst, v.params...)
	} else {
		for params := v.params; len(params) > 0; {
			var p []byte
			p, params = cutParam(params)
			n, _, _ := bytes.Cut(p, []byte{'='})
			if n = bytes.TrimSpace(n); Fold(n, "received") || Fold(n, "rport") {
				continue
			}
			dst = append(dst, ';')
			dst = append(dst, p...)
		}
	}
	if rport {
		dst = append(dst, ";rport="...)
		dst = strconv.AppendUint(dst, uint64(source.Port()), 10)
	}
	dst = append(dst, ";received="...)
	return source.Addr().AppendTo(dst)
}
