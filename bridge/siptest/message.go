package siptest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrMessage is wrapped by every error about the form of a SIP message.
var ErrMessage = errors.New("siptest: malformed SIP message")

// Header is one header field line, its name as sent.
type Header struct{ Name, Value string }

// Message is a SIP request or response, as sent or received (RFC 3261 §7).
type Message struct {
	// Method and URI are set in requests, Code and Reason in responses.
	Method, URI string
	Code        int
	Reason      string
	Headers     []Header
	Body        []byte
	// Raw is the message as received; nil in messages to be sent.
	Raw []byte
}

// compactForms maps RFC 3261 §7.3.3 and RFC 6665 §8.2 compact names to long ones.
var compactForms = map[string]string{
	"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
	"c": "content-type", "e": "content-encoding", "k": "supported", "s": "subject",
	"o": "event", "u": "allow-events", "r": "refer-to", "b": "referred-by",
}

// shortForms is what a phone with Config.Compact writes.
var shortForms = map[string]string{
	"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Contact": "m", "Content-Length": "l",
	"Content-Type": "c", "Supported": "k", "Event": "o", "Refer-To": "r", "Referred-By": "b",
}

func canonical(name string) string {
	n := strings.ToLower(name)
	if long, ok := compactForms[n]; ok {
		return long
	}
	return n
}

// IsResponse tells a response from a request.
func (m *Message) IsResponse() bool { return m.Code != 0 }

// Get returns the first value of a header in its long or compact form, "" if absent.
func (m *Message) Get(name string) string {
	name = canonical(name)
	for _, h := range m.Headers {
		if canonical(h.Name) == name {
			return h.Value
		}
	}
	return ""
}

// All returns every value of a header, in order, one per line of the message.
func (m *Message) All(name string) []string {
	var out []string
	name = canonical(name)
	for _, h := range m.Headers {
		if canonical(h.Name) == name {
			out = append(out, h.Value)
		}
	}
	return out
}

// Add appends a header.
func (m *Message) Add(name, value string) { m.Headers = append(m.Headers, Header{name, value}) }

// CSeq returns the sequence number and method; 0 if the header is missing or unreadable.
func (m *Message) CSeq() (n uint32, method string) {
	num, method, _ := strings.Cut(m.Get("CSeq"), " ")
	v, err := strconv.ParseUint(num, 10, 31)
	if err != nil {
		return 0, ""
	}
	return uint32(v), strings.TrimSpace(method)
}

// Branch is the top Via's branch parameter.
func (m *Message) Branch() string { return Param(m.Get("Via"), "branch") }

// Tag is the tag parameter of "From" or "To".
func (m *Message) Tag(header string) string { return Param(m.Get(header), "tag") }

// ContactURI is the URI of the first Contact.
func (m *Message) ContactURI() string { return AddrURI(m.Get("Contact")) }

// Bytes serialises the message with a Content-Length of its own; a header of that
// name is written as given instead, so that a test may lie.
func (m *Message) Bytes() []byte {
	var b bytes.Buffer
	if m.IsResponse() {
		fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", m.Code, m.Reason)
	} else {
		fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", m.Method, m.URI)
	}
	length := false
	for _, h := range m.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
		length = length || canonical(h.Name) == "content-length"
	}
	if !length {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(m.Body))
	}
	b.WriteString("\r\n")
	b.Write(m.Body)
	return b.Bytes()
}

// String is the message as text.
func (m *Message) String() string {
	if m.Raw != nil {
		return string(m.Raw)
	}
	return string(m.Bytes())
}

// Summary is one line for logs: "NOTIFY sip:… (CSeq 3)" or "200 OK (CSeq 1 INVITE)".
func (m *Message) Summary() string {
	if m.IsResponse() {
		return fmt.Sprintf("%d %s (CSeq %s)", m.Code, m.Reason, m.Get("CSeq"))
	}
	return fmt.Sprintf("%s %s (CSeq %s)", m.Method, m.URI, m.Get("CSeq"))
}

// ParseMessage reads one message. The body is everything after the empty line,
// whatever Content-Length says: comparing the two is the reader's business.
func ParseMessage(raw []byte) (*Message, error) {
	head, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		return nil, fmt.Errorf("%w: no empty line", ErrMessage)
	}
	lines := strings.Split(string(head), "\r\n")
	m := &Message{Body: body, Raw: raw}
	if err := m.startLine(lines[0]); err != nil {
		return nil, err
	}
	for _, l := range lines[1:] {
		if l != "" && (l[0] == ' ' || l[0] == '\t') && len(m.Headers) > 0 { // RFC 3261 §7.3.1: folded lines
			m.Headers[len(m.Headers)-1].Value += " " + strings.TrimSpace(l)
			continue
		}
		name, value, ok := strings.Cut(l, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Errorf("%w: header line %q", ErrMessage, l)
		}
		m.Add(name, strings.TrimSpace(value))
	}
	return m, nil
}

func (m *Message) startLine(l string) error {
	a, rest, ok := strings.Cut(l, " ")
	b, c, _ := strings.Cut(rest, " ")
	switch {
	case !ok:
	case a == "SIP/2.0":
		if code, err := strconv.Atoi(b); err == nil && code >= 100 && code <= 699 {
			m.Code, m.Reason = code, c
			return nil
		}
	case c == "SIP/2.0" && a != "" && b != "":
		m.Method, m.URI = a, b
		return nil
	}
	return fmt.Errorf("%w: start line %q", ErrMessage, l)
}
