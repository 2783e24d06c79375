package bench

import "bytes"

// The phones read only what they need out of a message, in place. The server is trusted
// to write header names in their usual form, as the bridge and Kamailio do.

// head is the first line and the header lines of a message that the phones use.
type head struct {
	status  int    // of a response
	index   int    // of the subscription, from the request URI or the branch; -1 = none
	cseq    uint32 // number of CSeq
	method  byte   // first letter of CSeq's method
	via     []byte // all Via lines, CRLF included
	from    []byte // the other lines that a response repeats, CRLF included
	to      []byte
	call    []byte
	cseqs   []byte
	tag     []byte // of To
	state   byte   // first letter of Subscription-State
	retry   int    // Retry-After, seconds
	etag    []byte
	expires int
	body    []byte
}

// ours begins each branch of a phone's request; the subscription's number follows.
const ours = "z9hG4bKbm"

// scan reads a message; ok is false if it is none that a phone can use.
func (h *head) scan(msg []byte) (ok bool) {
	*h = head{index: -1}
	line, rest, ok := cutLine(msg)
	if !ok {
		return false
	}
	if bytes.HasPrefix(line, []byte("SIP/2.0 ")) {
		h.status, _ = number(line[8:])
	} else if bytes.HasPrefix(line, []byte("NOTIFY sip:")) {
		if n, digits := number(line[11:]); digits > 0 {
			h.index = n
		}
	} else {
		return false
	}
	for {
		start := rest
		if line, rest, ok = cutLine(rest); !ok {
			return false
		}
		if len(line) == 0 {
			h.body = rest
			return h.index >= 0 && h.cseq != 0
		}
		whole := start[:len(start)-len(rest)]
		switch line[0] {
		case 'V':
			if value, ok := header(line, "Via: "); ok {
				if h.via == nil && h.status != 0 {
					if i := bytes.Index(value, []byte(ours)); i >= 0 {
						h.index, _ = number(value[i+len(ours):])
					}
				}
				if h.via == nil {
					h.via = whole
				} else { // Vias are neighbours
					h.via = h.via[:len(h.via)+len(whole)]
				}
			}
		case 'F':
			if _, ok := header(line, "From: "); ok {
				h.from = whole
			}
		case 'T':
			if value, ok := header(line, "To: "); ok {
				h.to = whole
				if i := bytes.Index(value, []byte(";tag=")); i >= 0 {
					h.tag = value[i+5:]
					if end := bytes.IndexByte(h.tag, ';'); end >= 0 {
						h.tag = h.tag[:end]
					}
				}
			}
		case 'C':
			if value, ok := header(line, "CSeq: "); ok {
				n, digits := number(value)
				h.cseq, h.cseqs = uint32(n), whole
				if digits+1 < len(value) {
					h.method = value[digits+1]
				}
			} else if _, ok := header(line, "Call-ID: "); ok {
				h.call = whole
			}
		case 'S':
			if value, ok := header(line, "Subscription-State: "); ok && len(value) > 0 {
				h.state = value[0]
			} else if value, ok := header(line, "SIP-ETag: "); ok {
				h.etag = value
			}
		case 'R':
			if value, ok := header(line, "Retry-After: "); ok {
				h.retry, _ = number(value)
			}
		case 'E':
			if value, ok := header(line, "Expires: "); ok {
				h.expires, _ = number(value)
			}
		}
	}
}

func cutLine(b []byte) (line, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 1 {
		return nil, nil, false
	}
	return b[:i-1], b[i+1:], true
}

func header(line []byte, name string) ([]byte, bool) {
	if len(line) < len(name) || string(line[:len(name)]) != name {
		return nil, false
	}
	return line[len(name):], true
}

// number reads leading digits.
func number(b []byte) (n, digits int) {
	for digits < len(b) && digits < 10 && b[digits] >= '0' && b[digits] <= '9' {
		n = n*10 + int(b[digits]-'0')
		digits++
	}
	return n, digits
}

// lamp reads version and lamp out of a dialog-info document (RFC 4235): lit is true with
// a dialog that is early or confirmed.
func lamp(body []byte) (version uint32, lit, ok bool) {
	const attribute = ` version="`
	i := bytes.Index(body, []byte("<dialog-info"))
	if i < 0 {
		return 0, false, false
	}
	body = body[i:]
	if i = bytes.Index(body, []byte(attribute)); i < 0 {
		return 0, false, false
	}
	n, _ := number(body[i+len(attribute):])
	for {
		i = bytes.Index(body, []byte("<state"))
		if i < 0 {
			return uint32(n), false, true
		}
		body = body[i+6:]
		if i = bytes.IndexByte(body, '>'); i >= 0 && i+1 < len(body) && (body[i+1] == 'e' || body[i+1] == 'c') {
			return uint32(n), true, true
		}
	}
}
