package edge

import (
	"bytes"
	"cmp"
	"strconv"
	"strings"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/pickup"
	"blfbridge/bridge/sipmsg"
	"blfbridge/policy"
)

// fate is what becomes of a request that could pick a call up.
type fate uint8

const (
	passes fate = iota
	refused
	waits // until the PBX has told more
)

// guard asks about what a phone sends a PBX that could pick a call up: an INVITE to a pickup
// code or with Replaces or Join, and every REFER. It changes the request, or returns the
// reply that refuses it.
func (e *Edge) guard(w *work, source notifier.Flow, t *target) (r reply, f fate) {
	if e.config.Pickup == nil || !t.toPBX() {
		return r, passes
	}
	var v pickup.Verdict
	refer := false
	switch string(w.msg.Method) {
	case "INVITE":
		v = e.guardInvite(w, source, t)
	case "REFER":
		v, refer = e.guardRefer(w, source, t.peers[0]), true
	}
	switch v.Action {
	case pickup.Wait:
		return refusal(&v), waits
	case pickup.Refuse:
		return refusal(&v), refused
	case pickup.Send:
		if refer {
			break // its header is changed
		}
		p := e.peerNamed(v.Source)
		if p == nil {
			return reply{status: 480, phrase: "Cannot Pick Up There", extra: reasons(480, "the PBX that has the call has no SIP address here (pbx.sip)")}, refused
		}
		t.peers, t.pickup, t.replaces = []*peer{p}, true, v.Replaces != ""
		t.caller = callerLine(&v, cmp.Or(v.Host, p.Host))
		w.take(&v, p.Host)
	}
	return r, passes
}

func (e *Edge) guardInvite(w *work, source notifier.Flow, t *target) pickup.Verdict {
	m := &w.msg
	uri := w.uri()
	user, host := policy.SplitURI(string(uri))
	in := pickup.Invite{
		User: user, InDialog: sipmsg.Tag(m.Value(sipmsg.To)) != nil,
		Replaces: values(m, "replaces"), Join: values(m, "join"),
		Last: w.waited && !time.Now().Before(w.patience),
	}
	if !in.InDialog && bytes.IndexByte(uri, '?') >= 0 {
		// RFC 3261 §19.1.5: header fields do not belong into a request URI.
		return pickup.Verdict{Action: pickup.Refuse, Status: 400, Phrase: "Bad Request URI", Reason: "a request URI has no header fields"}
	}
	sender := e.sender(m, source)
	in.Own = func(d pickup.Dialog) bool {
		p, ok := e.owns(source, sender, d, false)
		if ok = ok && sender.Registered; ok {
			t.peers = []*peer{p} // which has that call
		}
		return ok
	}
	in.Watcher, in.Tenant = e.config.Pickup.Who(sender, host)
	return e.config.Pickup.Invite(in)
}

// sender is who sends a request: by From if that is registered on the flow, else whoever
// is registered there, else what From claims. So a registered phone cannot claim to be
// another.
func (e *Edge) sender(m *sipmsg.Message, f notifier.Flow) pickup.Sender {
	return e.senderBy(m.Value(sipmsg.From), f)
}

// senderBy is sender by the value of From, or of To in a response.
func (e *Edge) senderBy(address []byte, f notifier.Flow) pickup.Sender {
	now := time.Now()
	s := pickup.Sender{Source: f.Remote.Addr()}
	s.AOR, _ = aorOf(address)
	if e.bindings.registered(f, s.AOR, now) {
		s.Registered = true
	} else if b, ok := e.bindings.of(f, now); ok {
		s.AOR, s.Registered = b.aor, true
	}
	return s
}

func (e *Edge) peerNamed(name string) *peer {
	for _, p := range e.peers {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// uri is the request URI as it will be sent.
func (w *work) uri() []byte {
	for _, x := range w.edits {
		if x.at == w.msg.URI {
			return w.texts[x.text.Start:x.text.End]
		}
	}
	return w.msg.At(w.msg.URI)
}

// take makes the INVITE that takes a call over: another user in the request URI, and the
// one Replaces that counts.
func (w *work) take(v *pickup.Verdict, pbx string) {
	m := &w.msg
	host, begin := hostOf(v, w.uri(), pbx), scheme(w.uri())
	for i, x := range w.edits {
		if x.at == m.URI {
			w.edits = append(w.edits[:i], w.edits[i+1:]...)
			break
		}
	}
	from := len(w.texts)
	w.texts = append(append(append(append(w.texts, begin...), escapeUser(v.User)...), '@'), host...)
	w.replace(m.URI, from)
	required := false
	for _, h := range m.Lines() {
		switch name := nameOf(m, h); {
		case sipmsg.Fold(name, "replaces"):
			w.remove(sipmsg.Span{Start: h.Line.Start, End: h.Line.End + 2})
		case sipmsg.Fold(name, "require"):
			required = required || strings.Contains(strings.ToLower(string(m.At(h.Value))), "replaces")
		}
	}
	if v.Replaces == "" {
		return
	}
	from = len(w.texts)
	w.texts = append(append(append(w.texts, "Replaces: "...), v.Replaces...), "\r\n"...)
	if !required {
		// RFC 3891 §6.2: a PBX that does not know Replaces must not place a second call.
		w.texts = append(w.texts, "Require: replaces\r\n"...)
	}
	w.replace(sipmsg.Span{Start: m.Start, End: m.Start}, from)
}

// hostOf is where a pickup is sent: the call's domain, else the host and port that the
// phone named, else the PBX.
func hostOf(v *pickup.Verdict, uri []byte, pbx string) string {
	u, _ := sipmsg.ParseURI(uri)
	host := bracketed(cmp.Or(v.Host, string(u.Host), pbx))
	if u.Port != 0 && v.Host == "" {
		host += ":" + strconv.Itoa(int(u.Port))
	}
	return host
}

// bracketed is a host as URIs have it (RFC 3261 §25.1).
func bracketed(host string) string {
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		return "[" + host + "]"
	}
	return host
}

// escapeUser writes a user part (RFC 3261 §25.1).
func escapeUser(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("-_.!~*'()&=+$,;?/", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + strings.ToUpper(strconv.FormatInt(int64(c)|0x100, 16)[1:]))
		}
	}
	return b.String()
}

// values are those of all lines of a header, by its name in lower case.
func values(m *sipmsg.Message, name string) (out []string) {
	for _, h := range m.Lines() {
		if h.Kind == sipmsg.Other && sipmsg.Fold(nameOf(m, h), name) {
			out = append(out, string(m.At(h.Value)))
		}
	}
	return out
}

func nameOf(m *sipmsg.Message, h sipmsg.Header) []byte {
	n, _, _ := bytes.Cut(m.At(h.Line), []byte{':'})
	return bytes.TrimSpace(n)
}

// uriHeaders are the values of one header of a URI (RFC 3261 §19.1.1), escapes resolved.
func uriHeaders(headers, name string) (out []string) {
	for h := range strings.SplitSeq(headers, "&") {
		n, v, _ := strings.Cut(h, "=")
		if strings.EqualFold(unescape(strings.TrimSpace(n)), name) {
			out = append(out, unescape(v))
		}
	}
	return out
}

// unescape resolves %XX; what is no escape stays.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func refusal(v *pickup.Verdict) reply {
	return reply{status: v.Status, phrase: v.Phrase, extra: reasons(v.Status, v.Reason)}
}

// reasons tells people why: phones show Warning or Reason (RFC 3261 §20.43, RFC 3326).
func reasons(status int, text string) string {
	q := quoted(text)
	return `Warning: 399 blfbridge "` + q + "\"\r\nReason: SIP;cause=" + strconv.Itoa(status) + `;text="` + q + "\"\r\n"
}

// callerLine is the header that tells the phone that picks up who calls (RFC 3325); phones
// show it in the place of what they dialled. Empty if it may not be told.
func callerLine(v *pickup.Verdict, host string) string {
	c := v.Caller
	if c.Number == "" || strings.ContainsAny(c.Number, "@:<>\" ") {
		if c.Name == "" {
			return ""
		}
		c.Number, host = "anonymous", "anonymous.invalid"
	}
	host = bracketed(host)
	name := ""
	if c.Name != "" {
		name = `"` + quoted(c.Name) + `" `
	}
	return "P-Asserted-Identity: " + name + "<sip:" + escapeUser(c.Number) + "@" + host + ">\r\n"
}

// quoted escapes what stands in a quoted string.
func quoted(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", " ", "\n", " ").Replace(s)
}

// tellCaller adds who calls to the answer to an INVITE that took a call over: Asterisk
// tells it to nobody who comes with a Replaces.
func (w *work) tellCaller(line string) {
	if line == "" || len(values(&w.msg, "p-asserted-identity")) > 0 {
		return
	}
	from := len(w.texts)
	w.texts = append(w.texts, line...)
	w.replace(sipmsg.Span{Start: w.msg.Start, End: w.msg.Start}, from)
}

// tooLate rewrites the refusal of an INVITE that was to take a call over, where the PBX
// says only that it knows no such call (RFC 3891 §3), or declines because another is just
// taking it (Asterisk): somebody else was faster.
func (w *work) tooLate() {
	w.status("480 Nothing To Pick Up", reasons(480, "the call was picked up or given up meanwhile"))
}

// status gives a response another status, and further header lines.
func (w *work) status(status, extra string) {
	from := len(w.texts)
	w.texts = append(append(append(w.texts, "SIP/2.0 "...), status...), "\r\n"...)
	w.replace(sipmsg.Span{Start: 0, End: w.msg.Start}, from)
	from = len(w.texts)
	w.texts = append(w.texts, extra...)
	w.replace(sipmsg.Span{Start: w.msg.Start, End: w.msg.Start}, from)
}
