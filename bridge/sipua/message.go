package sipua

import "bytes"

// head is what screening finds in one message. Its slices point into the message.
type head struct {
	request bool
	method  []byte // of a request
	uri     []byte // of a request
	version []byte
	status  int // of a response

	// vias are the values of all Via lines; the topmost one also as it lies in the message.
	vias             [][]byte
	topStart, topEnd int // the topmost Via line's value

	from, to, callID, cseq []byte
	cseqNumber             uint32
	cseqMethod             []byte

	// contentLength is -1 if there is no such header.
	contentLength int
	// end is where the header section ends, its empty line included.
	end int

	// lines are the headers that are read, in order; more is set if there were too many.
	lines []headLine
	more  bool

	viaStore  [8][]byte
	lineStore [24]headLine
}

// headLine is where the value of a header lies in the message.
type headLine struct {
	kind       headerName
	start, end int
}

// Single-value headers that every message has (RFC 3261 §8.1.1), as bits of "seen".
const (
	sawFrom = 1 << iota
	sawTo
	sawCallID
	sawCSeq
	sawLength
	sawAll = sawFrom | sawTo | sawCallID | sawCSeq
)

// fault is why a message is not passed on. A fault with a status is answered if the
// message is a request; without one it is dropped.
type fault struct {
	reason string // a metric label: one of a fixed set
	status int
}

var (
	faultNone     = fault{}
	faultNotSIP   = fault{"not_sip", 0}
	faultNoVia    = fault{"no_via", 0}
	faultVersion  = fault{"version", 505}
	faultCut      = fault{"cut_short", 400}
	faultLine     = fault{"bad_line", 400}
	faultControl  = fault{"control_character", 400}
	faultMissing  = fault{"missing_header", 400}
	faultDouble   = fault{"double_header", 400}
	faultCSeq     = fault{"bad_cseq", 400}
	faultLength   = fault{"bad_content_length", 400}
	faultVia      = fault{"bad_via", 400}
	faultURI      = fault{"bad_uri", 400}
	faultTooLarge = fault{"too_large", 513}
	faultScheme   = fault{"scheme", 416}
	faultBody     = fault{"body_too_large", 413}
	faultRate     = fault{"rate", 503}
	faultPanic    = fault{"panic", 0}
)

var crlf = []byte("\r\n")

// scan reads the header section of msg, which it unfolds in place (RFC 3261 §7.3.1).
// What it could read is in h even when it returns a fault, so that the fault can be
// answered. It allocates only for the ninth and later Via lines.
func (h *head) scan(msg []byte) fault {
	*h = head{contentLength: -1}
	h.vias, h.lines = h.viaStore[:0], h.lineStore[:0]
	h.end = bytes.Index(msg, []byte("\r\n\r\n"))
	f := faultNone
	if h.end < 0 {
		h.end, f = len(msg), faultCut
	} else {
		h.end += 4
	}
	section := msg[:h.end]
	if !unfold(section) {
		f = faultControl
	}
	line, rest := nextLine(section)
	if g := h.startLine(line); g != faultNone {
		if g.status == 0 {
			return g
		}
		f = g
	}
	seen, offset := 0, len(section)-len(rest)
	for {
		line, rest = nextLine(rest)
		if len(line) == 0 {
			break
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 {
			f = faultLine
		} else if g := h.header(bytes.TrimRight(line[:colon], " \t"), line, colon, offset, &seen); g != faultNone {
			f = g
		}
		offset = len(section) - len(rest)
	}
	switch {
	case len(h.vias) == 0:
		return faultNoVia
	case f != faultNone:
		return f
	case seen&sawAll != sawAll:
		return faultMissing
	}
	return h.checkCSeq()
}

// header notes one header line of those that matter here.
func (h *head) header(name, line []byte, colon, offset int, seen *int) fault {
	value := bytes.TrimSpace(line[colon+1:])
	var bit int
	kind := headerKind(name)
	if kind != kindOther {
		start := offset + colon + 1 + len(line[colon+1:]) - len(bytes.TrimLeft(line[colon+1:], " \t"))
		if h.more = h.more || len(h.lines) == cap(h.lines); !h.more {
			h.lines = append(h.lines, headLine{kind, start, start + len(value)})
		}
		if kind == kindVia && len(h.vias) == 0 {
			h.topStart, h.topEnd = start, start+len(value)
		}
	}
	switch kind {
	case kindVia:
		h.vias = append(h.vias, value)
		return faultNone
	case kindFrom:
		bit, h.from = sawFrom, value
	case kindTo:
		bit, h.to = sawTo, value
	case kindCallID:
		bit, h.callID = sawCallID, value
	case kindCSeq:
		bit, h.cseq = sawCSeq, value
	case kindLength:
		bit = sawLength
		n, ok := parseUint(value, 1<<30)
		if !ok {
			return faultLength
		}
		h.contentLength = int(n)
	default:
		return faultNone
	}
	// The parser behind us takes the last of two; a proxy in front may take the first
	// (RFC 4475 §3.3.8).
	if *seen&bit != 0 {
		return faultDouble
	}
	*seen |= bit
	if bit != sawLength && len(value) == 0 {
		return faultMissing
	}
	return faultNone
}

// startLine reads a request line (RFC 3261 §7.1) or a status line (§7.2).
func (h *head) startLine(line []byte) fault {
	if bytes.HasPrefix(line, []byte("SIP/2.0 ")) {
		if len(line) < 11 || len(line) > 11 && line[11] != ' ' {
			return faultNotSIP
		}
		code, ok := parseUint(line[8:11], 699)
		if !ok || code < 100 {
			return faultNotSIP
		}
		h.status = int(code)
		return faultNone
	}
	method, rest, ok := bytes.Cut(line, []byte{' '})
	if !ok || !isToken(method) {
		return faultNotSIP
	}
	last := bytes.LastIndexByte(rest, ' ')
	if last < 0 || len(rest)-last < 5 || !bytes.EqualFold(rest[last+1:last+5], []byte("SIP/")) {
		// Trailing white space is a SIP message still (RFC 4475 §3.1.2.6).
		if bytes.Contains(rest, []byte(" SIP/2.0")) {
			h.request, h.method = true, method
			return faultLine
		}
		return faultNotSIP
	}
	h.request, h.method = true, method
	h.uri, h.version = rest[:last], rest[last+1:]
	if !bytes.EqualFold(h.version, []byte("SIP/2.0")) {
		return faultVersion
	}
	if len(h.uri) == 0 || bytes.IndexByte(h.uri, ' ') >= 0 || bytes.IndexByte(h.uri, '\t') >= 0 {
		return faultURI
	}
	return faultNone
}

// checkCSeq reads the CSeq (RFC 3261 §8.1.1.5: below 2^31, the method that of the request).
func (h *head) checkCSeq() fault {
	i := bytes.IndexAny(h.cseq, " \t")
	if i < 0 {
		return faultCSeq
	}
	n, ok := parseUint(h.cseq[:i], 1<<31-1)
	if !ok {
		return faultCSeq
	}
	h.cseqNumber = uint32(n)
	h.cseqMethod = bytes.TrimLeft(h.cseq[i:], " \t")
	if !isToken(h.cseqMethod) || h.request && !bytes.Equal(h.cseqMethod, h.method) {
		return faultCSeq
	}
	return faultNone
}
