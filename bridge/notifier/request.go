package notifier

import (
	"strconv"
	"strings"

	"blfbridge/bridge/eventpkg"
	"blfbridge/bridge/subscription"
)

// maxUDP is the largest NOTIFY sent over UDP: RFC 3261 §18.1.1 allows 1300 bytes where
// the path MTU is unknown, and fragments are lost on many NATs (FIELD §2.7).
const maxUDP = 1300

// request is what one NOTIFY is written from.
type request struct {
	cold          *subscription.Cold
	hot           *subscription.Hot
	transport     subscription.Transport
	branch        []byte
	cseq, version uint32
	now           int64
	body          *rendered // nil = none
}

// appendTo writes the NOTIFY (RFC 6665 §4.1.3, RFC 3261 §12.2.1.1). lean leaves out what is optional.
func (q *request) appendTo(b []byte, lean bool) []byte {
	c, h := q.cold, q.hot
	uri, routes := c.RemoteTarget, c.Routes
	if first, rest, strict := StrictRoute(routes); strict {
		uri = first
		routes = "<" + c.RemoteTarget + ">"
		if rest != "" {
			routes = rest + ", " + routes
		}
	}
	b = append(b, "NOTIFY "...)
	b = append(b, uri...)
	b = append(b, " SIP/2.0\r\nVia: SIP/2.0/"...)
	b = append(b, q.transport.String()...)
	b = append(b, ' ')
	b = append(b, c.Advertised...)
	b = append(b, ";branch="...)
	b = append(b, q.branch...)
	b = append(b, ";rport\r\nMax-Forwards: 70\r\n"...)
	if routes != "" {
		b = append(b, "Route: "...)
		b = append(b, routes...)
		b = append(b, "\r\n"...)
	}
	b = append(b, "From: "...)
	b = append(b, c.LocalURI...)
	b = append(b, ";tag="...)
	b = append(b, c.LocalTag...)
	b = append(b, "\r\nTo: "...)
	b = append(b, c.RemoteURI...)
	b = append(b, ";tag="...)
	b = append(b, c.RemoteTag...)
	b = append(b, "\r\nCall-ID: "...)
	b = append(b, c.CallID...)
	b = append(b, "\r\nCSeq: "...)
	b = strconv.AppendUint(b, uint64(q.cseq), 10)
	b = append(b, " NOTIFY\r\nContact: "...)
	b = AppendContact(b, c, q.transport)
	b = append(b, "\r\nEvent: "...)
	b = append(b, h.Package.String()...)
	if c.EventID != "" {
		b = append(b, ";id="...)
		b = append(b, c.EventID...)
	}
	b = append(b, "\r\nSubscription-State: "...)
	if h.Status == subscription.Terminated {
		b = append(b, "terminated;reason="...)
		b = append(b, h.Reason.String()...)
	} else {
		b = append(b, "active;expires="...)
		b = strconv.AppendInt(b, max((h.Expires-q.now+500)/1000, 0), 10)
	}
	b = append(b, "\r\n"...)
	if !lean {
		b = append(b, "Allow-Events: dialog, presence\r\nUser-Agent: blfbridge\r\n"...)
	}
	if q.body == nil {
		return append(b, "Content-Length: 0\r\n\r\n"...)
	}
	b = append(b, "Content-Type: "...)
	b = append(b, eventpkg.Content(h.Content).MIME()...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(q.body.Len(q.version)), 10)
	b = append(b, "\r\n\r\n"...)
	return q.body.Append(b, q.version)
}

// AppendContact writes the Contact that names us as the subscription's remote target:
// the number watched at the advertised address. Both the 200 to a SUBSCRIBE and every
// NOTIFY carry it.
func AppendContact(b []byte, c *subscription.Cold, t subscription.Transport) []byte {
	scheme, transport := "<sip:", contactTransports[t]
	if (t == subscription.TLS || t == subscription.WSS) && securely(c) {
		// RFC 3261 §26.2.2: sips says TLS, and its transport what is beneath.
		if scheme = "<sips:"; t == subscription.TLS {
			transport = ""
		}
	}
	b = append(b, scheme...)
	if number := ShownNumber(lineOf(c), c.Entity); number != "" {
		b = AppendUser(b, number)
		b = append(b, '@')
	}
	b = append(b, c.Advertised...)
	b = append(b, transport...)
	return append(b, '>')
}

// contactTransports are the URI parameters of each transport. RFC 7118 §5.2 has one for
// both kinds of WebSocket.
var contactTransports = [...]string{
	subscription.UDP: "", subscription.TCP: ";transport=tcp", subscription.TLS: ";transport=tls",
	subscription.WS: ";transport=ws", subscription.WSS: ";transport=ws",
}

// securely reports whether a dialog is one of SIPS URIs (RFC 3261 §12.1.1): by the URI
// subscribed to, and by the first hop back.
func securely(c *subscription.Cold) bool {
	next := c.RemoteTarget
	if c.Routes != "" {
		next = strings.TrimSpace(c.Routes[strings.IndexByte(c.Routes, '<')+1:])
	}
	return isSIPS(c.Entity) || isSIPS(next)
}

func isSIPS(uri string) bool { return len(uri) > 5 && strings.EqualFold(uri[:5], "sips:") }

// AppendUser writes the user part of a SIP URI, escaped (RFC 3261 §25.1).
func AppendUser(b []byte, s string) []byte {
	const plain = "-_.!~*'()&=+$,;?/"
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte(plain, c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		}
	}
	return b
}

// StrictRoute splits a route set whose first hop is a strict router (RFC 3261
// §12.2.1.1: no lr parameter): its URI becomes the request URI.
func StrictRoute(routes string) (first, rest string, strict bool) {
	if routes == "" {
		return "", "", false
	}
	open := strings.IndexByte(routes, '<')
	end := strings.IndexByte(routes, '>')
	if open < 0 || end < open {
		return "", "", false
	}
	first = routes[open+1 : end]
	params := first[strings.IndexByte(first, ':')+1:]
	for p := range strings.SplitSeq(params, ";") {
		if name, _, _ := strings.Cut(p, "="); strings.EqualFold(name, "lr") {
			return "", "", false
		}
	}
	if _, after, ok := strings.Cut(routes[end:], ","); ok {
		rest = strings.TrimSpace(after)
	}
	return first, rest, true
}
