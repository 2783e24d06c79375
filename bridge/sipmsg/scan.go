package sipmsg

import "bytes"

// Span is a piece of a message.
type Span struct{ Start, End int }

// Empty reports whether there is nothing in it.
func (s Span) Empty() bool { return s.End <= s.Start }

// Header is one header line.
type Header struct {
	Kind Kind
	// Line is all of it but its line end; Value what stands behind the colon, trimmed.
	Line, Value Span
}

// Message is what Scan finds. It refers to the bytes scanned.
type Message struct {
	Raw     []byte
	Request bool
	Method  []byte // of a request
	URI     Span   // of a request
	Status  int    // of a response
	// Start is where the header lines begin, End where they and the empty line are over.
	Start, End int
	// Length is the Content-Length, -1 if there is none.
	Length     int
	CSeqNumber uint32
	CSeqMethod []byte

	lines []Header
	first [kinds]int16 // 1 + the index of the first line of a kind
	count [kinds]int16
	store [40]Header
}

// MaxLines is how many header lines a message may have.
const MaxLines = 512

// Fault is why a message is not one; empty if it is.
type Fault string

// The faults of a message.
const (
	NotSIP    Fault = "not_sip"
	CutShort  Fault = "cut_short"
	BadLine   Fault = "bad_line"
	BadURI    Fault = "bad_uri"
	Control   Fault = "control_character"
	Missing   Fault = "missing_header"
	Double    Fault = "double_header"
	BadCSeq   Fault = "bad_cseq"
	BadLength Fault = "bad_content_length"
	TooMany   Fault = "too_many_lines"
)

// At is the text of a piece.
func (m *Message) At(s Span) []byte { return m.Raw[s.Start:s.End] }

// Lines are all header lines, in order.
func (m *Message) Lines() []Header { return m.lines }

// Has reports whether there is a header of a kind.
func (m *Message) Has(k Kind) bool { return m.first[k] > 0 }

// Count is how many lines of a kind there are.
func (m *Message) Count(k Kind) int { return int(m.count[k]) }

// First is the first line of a kind; its zero value if there is none.
func (m *Message) First(k Kind) Header {
	if i := m.first[k]; i > 0 {
		return m.lines[i-1]
	}
	return Header{}
}

// Value is the text of the first line of a kind, nil if there is none.
func (m *Message) Value(k Kind) []byte {
	if i := m.first[k]; i > 0 {
		return m.At(m.lines[i-1].Value)
	}
	return nil
}

// Scan reads the message in raw, which is one whole message or datagram, and unfolds its
// header lines in place (RFC 3261 §7.3.1). Raw is cut to the Content-Length.
func (m *Message) Scan(raw []byte) Fault {
	m.Raw, m.lines = raw, m.store[:0]
	m.first, m.count = [kinds]int16{}, [kinds]int16{}
	m.Request, m.Method, m.URI, m.Status, m.Length = false, nil, Span{}, 0, -1
	m.CSeqNumber, m.CSeqMethod = 0, nil
	eol := bytes.IndexByte(raw, '\n')
	if eol < 1 || raw[eol-1] != '\r' {
		return NotSIP
	}
	if f := m.startLine(raw[:eol-1]); f != "" {
		return f
	}
	m.Start = eol + 1
	if f := m.headers(); f != "" {
		return f
	}
	if f := m.check(); f != "" {
		return f
	}
	switch body := len(raw) - m.End; {
	case m.Length > body:
		return CutShort // RFC 3261 §18.3
	case m.Length >= 0:
		m.Raw = raw[:m.End+m.Length]
	}
	return ""
}

// headers splits the header lines.
func (m *Message) headers() Fault {
	raw, at := m.Raw, m.Start
	for {
		start, from := at, at
		for {
			n := bytes.IndexByte(raw[from:], '\n')
			if n < 0 {
				return CutShort
			}
			eol := from + n
			if eol == start || raw[eol-1] != '\r' {
				return Control
			}
			at = eol + 1
			if eol-1 == start || at >= len(raw) || raw[at] != ' ' && raw[at] != '\t' {
				break
			}
			raw[eol-1], raw[eol] = ' ', ' '
			from = at
		}
		end := at - 2
		if end == start {
			m.End = at
			return ""
		}
		if f := m.line(start, end); f != "" {
			return f
		}
	}
}

// line notes one header line.
func (m *Message) line(start, end int) Fault {
	l := m.Raw[start:end]
	if hasControl(l) {
		return Control
	}
	colon := bytes.IndexByte(l, ':')
	if colon <= 0 {
		return BadLine
	}
	name := colon
	for name > 0 && isBlank(l[name-1]) {
		name--
	}
	if !IsToken(l[:name]) {
		return BadLine
	}
	from, to := colon+1, len(l)
	for from < to && isBlank(l[from]) {
		from++
	}
	for to > from && isBlank(l[to-1]) {
		to--
	}
	if len(m.lines) >= MaxLines {
		return TooMany
	}
	k := KindOf(l[:name])
	m.lines = append(m.lines, Header{k, Span{start, end}, Span{start + from, start + to}})
	if m.first[k] == 0 {
		m.first[k] = int16(len(m.lines)) //nolint:gosec // MaxLines
	}
	m.count[k]++
	return ""
}

// check is about the headers that every message has (RFC 3261 §8.1.1), once.
func (m *Message) check() Fault {
	if m.count[Via] == 0 {
		return Missing
	}
	for _, k := range [...]Kind{From, To, CallID, CSeq} {
		switch {
		case m.count[k] == 0 || len(m.Value(k)) == 0:
			return Missing
		case m.count[k] > 1:
			return Double
		}
	}
	if m.count[ContentLength] > 1 || m.count[MaxForwards] > 1 || m.count[Event] > 1 {
		return Double
	}
	if v := m.Value(ContentLength); v != nil {
		n, ok := Uint(v, 1<<30)
		if !ok {
			return BadLength
		}
		m.Length = int(n)
	}
	return m.checkCSeq()
}

// checkCSeq: RFC 3261 §8.1.1.5: below 2^31, the method that of the request.
func (m *Message) checkCSeq() Fault {
	v := m.Value(CSeq)
	i := 0
	for i < len(v) && !isBlank(v[i]) {
		i++
	}
	n, ok := Uint(v[:i], 1<<31-1)
	for i < len(v) && isBlank(v[i]) {
		i++
	}
	m.CSeqNumber, m.CSeqMethod = uint32(n), v[i:]
	if !ok || !IsToken(m.CSeqMethod) || m.Request && !bytes.Equal(m.CSeqMethod, m.Method) {
		return BadCSeq
	}
	return ""
}

// startLine reads a request line (RFC 3261 §7.1) or a status line (§7.2).
func (m *Message) startLine(l []byte) Fault {
	if len(l) > 8 && string(l[:8]) == "SIP/2.0 " {
		// RFC 4475 §3.1.1.13: the reason may be empty, its space not.
		if len(l) < 12 || l[11] != ' ' || hasControl(l) {
			return NotSIP
		}
		n, ok := Uint(l[8:11], 699)
		if !ok || n < 100 {
			return NotSIP
		}
		m.Status = int(n)
		return ""
	}
	a, b := bytes.IndexByte(l, ' '), bytes.LastIndexByte(l, ' ')
	if a <= 0 || !Fold(l[b+1:], "sip/2.0") || !IsToken(l[:a]) {
		return NotSIP
	}
	m.Request, m.Method, m.URI = true, l[:a], Span{a + 1, b}
	if b <= a+1 {
		return BadURI
	}
	for _, c := range l[a+1 : b] {
		if c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' {
			return BadURI
		}
	}
	return ""
}
