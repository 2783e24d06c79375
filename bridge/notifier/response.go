package notifier

import (
	"bytes"
	"time"
)

// ParseResponse reads the answer to one of our NOTIFYs from a datagram without a full
// parse: ok is false if it is anything else. sipua's sockets call it for every datagram,
// so the first bytes decide. It allocates nothing and keeps nothing of b.
func ParseResponse(b []byte) (r Response, ok bool) {
	if len(b) < 12 || string(b[:8]) != "SIP/2.0 " {
		return r, false
	}
	for _, c := range b[8:11] {
		if c < '0' || c > '9' {
			return r, false
		}
		r.Status = r.Status*10 + int(c-'0')
	}
	_, rest, _ := bytes.Cut(b[11:], newline)
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, newline)
		if line = stripped(line); len(line) == 0 {
			break
		}
		switch line[0] | 0x20 { // what matters begins with one of these
		case 'v', 'c', 'r':
			if !r.header(line) {
				return r, false
			}
		}
		if r.Status < 300 && r.CSeq != 0 && r.Branch.ours {
			break // Retry-After is with refusals only
		}
	}
	return r, r.Branch.ours && r.CSeq != 0
}

var newline = []byte{'\n'}

// stripped is bytes.Trim without the set that it makes for every line.
func stripped(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for n := len(b); n > 0 && (b[n-1] == '\r' || b[n-1] == ' ' || b[n-1] == '\t'); n-- {
		b = b[:n-1]
	}
	return b
}

// header takes one line in; false says that this is no answer of ours.
func (r *Response) header(line []byte) bool {
	name, value, found := bytes.Cut(line, colon)
	if !found {
		return true
	}
	name, value = stripped(name), stripped(value)
	switch {
	case !r.Branch.ours && (len(name) == 1 && name[0]|0x20 == 'v' || bytes.EqualFold(name, []byte("via"))):
		r.Branch = branchOf(value)
		return r.Branch.ours
	case bytes.EqualFold(name, []byte("cseq")):
		num, method, _ := bytes.Cut(value, space)
		if string(stripped(method)) != "NOTIFY" {
			return false
		}
		r.CSeq = uint32(decimal(num)) //nolint:gosec // nine digits
	case bytes.EqualFold(name, []byte("retry-after")):
		r.RetryAfter = time.Duration(decimal(value)) * time.Second
	}
	return true
}

var colon, space = []byte{':'}, []byte{' '}

// branchOf is our branch of the topmost Via value, or none.
func branchOf(via []byte) Branch {
	i := bytes.Index(via, []byte(BranchPrefix))
	if i < 0 {
		return Branch{}
	}
	name := bytes.TrimRight(via[:i], " =")
	if n := len(name) - len("branch"); n < 0 || !bytes.EqualFold(name[n:], []byte("branch")) || bytes.IndexByte(name, ',') >= 0 {
		return Branch{} // not the topmost
	}
	text := via[i:]
	for end, c := range text {
		if c == ';' || c == ',' || c == ' ' || c == '\t' {
			text = text[:end]
			break
		}
	}
	return ParseBranch(text)
}

// decimal reads the leading digits, at most nine of them.
func decimal(b []byte) (n int) {
	for i, c := range b {
		if c < '0' || c > '9' || i == 9 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}
