package sipua

import (
	"cmp"
	"net/netip"
	"strings"

	"blfbridge/bridge/subscription"
)

// plain reads a screened message as a SUBSCRIBE of the usual kind, written in the usual
// way: one that sipgo would neither read nor write back otherwise. q.hop is set from the
// topmost Via, which is top. It is false for whatever is unusual, and depends on nothing
// but the message, so that a retransmission goes the same way.
func (q *ask) plain(h *head, in *packet, text string, top *topVia, force bool) bool {
	if in.transport != subscription.UDP || h.more || string(h.method) != "SUBSCRIBE" || string(h.version) != "SIP/2.0" || h.end != len(in.msg) || h.end > maxQuick {
		return false
	}
	q.begin()
	q.method, q.cseq, q.vias = "SUBSCRIBE", h.cseqNumber, 0
	q.uri = text[len("SUBSCRIBE ") : len("SUBSCRIBE ")+len(h.uri)]
	if !plainURI(q.uri) {
		return false
	}
	for _, l := range h.lines {
		value := text[l.start:l.end]
		switch l.kind {
		case kindVia:
			var v topVia
			if !v.plain(value) {
				return false
			}
			if q.vias++; q.vias == 1 {
				*top = v
			}
		case kindCallID:
			q.callID = value
		case kindCSeq:
			if value != q.cseqText() {
				return false
			}
			continue
		case kindFrom, kindTo:
			if !plainAddress(value) {
				return false
			}
		case kindRequire:
			return false
		}
		q.add(l.kind, value)
	}
	if len(top.branch) <= len(magicCookie) || !strings.HasPrefix(top.branch, magicCookie) || !strings.EqualFold(top.transport, in.transport.String()) {
		return false
	}
	// As stamp and topVia.hop do it: where responses go.
	q.hop = hop{transport: in.transport, asked: top.rport || force}
	port := cmp.Or(top.port, 5060)
	if sentBy, err := netip.ParseAddr(top.host); err == nil {
		q.hop.sentBy = netip.AddrPortFrom(sentBy.Unmap(), port)
	}
	source := in.remote.Addr().WithZone("")
	if q.hop.sentBy.Addr() != source {
		q.hop.asked = true
	}
	if q.hop.asked {
		port = in.remote.Port()
	}
	q.hop.source = netip.AddrPortFrom(source, port)
	return true
}

// maxQuick is the largest message that takes the short way: stamped, sipgo would read it too.
const maxQuick = maxPassed / 2

// magicCookie begins the branch of a sender that knows RFC 3261 (§8.1.1.7).
const magicCookie = "z9hG4bK"

// plainAddress accepts <URI> with or without a display name before and parameters behind.
func plainAddress(s string) bool {
	name, rest, found := strings.Cut(s, "<")
	uri, params, closed := strings.Cut(rest, ">")
	name = strings.TrimSuffix(name, " ")
	allowed := &nameBytes
	if n := len(name); n > 1 && name[0] == '"' && name[n-1] == '"' {
		name, allowed = name[1:n-1], &quotedBytes
	}
	return found && closed && allOf(name, allowed) && plainURI(uri) && (params == "" || params[0] == ';' && plainParams(params[1:]))
}

// plainURI accepts sip:user@host[:port][;parameters]: what sipgo writes as it read it.
func plainURI(s string) bool {
	rest, ok := strings.CutPrefix(s, "sip:")
	user, host, found := strings.Cut(rest, "@")
	if !found {
		user, host = "", rest
	}
	host, params, has := strings.Cut(host, ";")
	return ok && (user != "" || !found) && allOf(user, &userBytes) && plainHost(host) && (!has || plainParams(params))
}

// plainParams accepts name[=value], with semicolons between them, no name twice.
func plainParams(s string) bool {
	all := s
	for more := true; more; {
		var p string
		p, s, more = strings.Cut(s, ";")
		name, value, valued := strings.Cut(p, "=")
		if name == "" || valued && value == "" || !allOf(name, &hostBytes) || !allOf(value, &hostBytes) || twice(all, name) {
			return false
		}
	}
	return true
}

// plainHost accepts host[:port] of a name or an IPv4 address.
func plainHost(s string) bool {
	host, port, found := strings.Cut(s, ":")
	return host != "" && allOf(host, &hostBytes) && (!found || plainPort(port))
}

func plainPort(s string) bool {
	n, ok := parseUint(s, 65535)
	return ok && n > 0 && s[0] != '0'
}

// plain reads a Via value of one hop in canonical form: no spaces but the one, no quotes,
// no parameter twice.
func (v *topVia) plain(s string) bool {
	s, ok := strings.CutPrefix(s, "SIP/2.0/")
	transport, s, found := strings.Cut(s, " ")
	if !ok || !found || transport == "" || !allOf(transport, &hostBytes) {
		return false
	}
	sentBy, params, has := strings.Cut(s, ";")
	if !plainHost(sentBy) {
		return false
	}
	host, port, _ := strings.Cut(sentBy, ":")
	n, _ := parseUint(port, 65535)
	*v = topVia{transport: transport, host: host, port: uint16(n)} //nolint:gosec // bounded
	if has && !plainParams(params) {
		return false
	}
	for has {
		var p string
		p, params, has = strings.Cut(params, ";")
		name, value, valued := strings.Cut(p, "=")
		switch {
		case name == "branch" && valued:
			v.branch = value
		case name == "rport":
			v.rport = true
		case name == "received":
			// What the sender says of it is replaced.
		case strings.EqualFold(name, "branch") || strings.EqualFold(name, "rport") || strings.EqualFold(name, "received"):
			return false
		default:
			v.others += ";" + p
		}
	}
	return true
}

// twice reports a parameter that a list names more than once.
func twice(params, name string) bool {
	n := 0
	for p := range strings.SplitSeq(params, ";") {
		if key, _, _ := strings.Cut(p, "="); strings.EqualFold(key, name) {
			n++
		}
	}
	return n > 1
}

// byteSet is a set of ASCII bytes.
type byteSet [256]bool

func bytesOf(more string) (set byteSet) {
	for c := range 256 {
		set[c] = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	for i := range len(more) {
		set[more[i]] = true
	}
	return set
}

var (
	hostBytes   = bytesOf("-._~!*+")
	userBytes   = bytesOf("-._~!*+%")
	nameBytes   = bytesOf(" -._~!*+")
	quotedBytes = bytesOf(" -._~!*+()/&#'@:,;=")
)

func allOf(s string, set *byteSet) bool {
	for i := range len(s) {
		if !set[s[i]] {
			return false
		}
	}
	return true
}
