package edge

import (
	"bytes"
	"strconv"
	"strings"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/pickup"
	"blfbridge/bridge/sipmsg"
	"blfbridge/policy"
)

// guardRefer decides about a REFER to a PBX. Where the PBX is to pick up by its own code,
// Refer-To is changed to that.
func (e *Edge) guardRefer(w *work, source notifier.Flow, to *peer) pickup.Verdict {
	m := &w.msg
	var found []sipmsg.Header
	for _, h := range m.Lines() {
		if name := nameOf(m, h); h.Kind == sipmsg.Other && (sipmsg.Fold(name, "refer-to") || sipmsg.Fold(name, "r")) {
			found = append(found, h)
		}
	}
	if len(found) == 0 {
		return pickup.Verdict{}
	}
	if _, _, list, _ := sipmsg.Cut(m.At(found[0].Value), ','); list || len(found) > 1 {
		// RFC 3515 §2.4.1: exactly one. Who reads several might take the other one.
		return pickup.Verdict{Action: pickup.Refuse, Status: 400, Phrase: "Bad Refer-To", Reason: "one Refer-To, no more"}
	}
	return e.guardCalled(w, found[0].Value, &called{e.sender(m, source), source, to})
}

// guardRedirect decides about a phone's 3xx to a call of the PBX, which would call a
// Contact in the phone's name; one that may not be is a 403.
func (e *Edge) guardRedirect(w *work, source, back notifier.Flow) {
	if e.config.Pickup == nil || e.peerOf(source) != nil {
		return
	}
	m := &w.msg
	to := e.peerOf(back)
	if to == nil { // it called over a connection of its own
		to = e.peers[0]
		if len(e.peers) > 1 {
			to = &peer{}
		}
	}
	by := &called{e.senderBy(m.Value(sipmsg.To), source), source, to}
	for _, h := range m.Lines() {
		if h.Kind != sipmsg.Contact {
			continue
		}
		for rest := m.At(h.Value); len(rest) > 0; {
			value, after, _, _ := sipmsg.Cut(rest, ',')
			start := h.Value.End - len(rest)
			if v := e.guardCalled(w, sipmsg.Span{Start: start, End: start + len(value)}, by); v.Action == pickup.Refuse {
				w.forbid(&v)
				return
			}
			rest = after
		}
	}
}

// called is who has a PBX call somebody.
type called struct {
	sender pickup.Sender
	source notifier.Flow
	to     *peer
}

// guardCalled decides about one address that a PBX is to call for a phone, and changes it
// where the PBX is to pick up.
func (e *Edge) guardCalled(w *work, at sipmsg.Span, by *called) pickup.Verdict {
	value := w.msg.At(at)
	uri, _, ok := sipmsg.Address(value)
	if !ok {
		uri = value // let it be looked at all the same
	}
	text, headers, _ := strings.Cut(string(uri), "?")
	user, host := policy.SplitURI(text)
	r := pickup.Refer{
		User: user, Replaces: uriHeaders(headers, "replaces"), Join: len(uriHeaders(headers, "join")) > 0, Source: by.to.Name,
		Own: func(d pickup.Dialog) bool { _, ok := e.owns(by.source, by.sender, d, true); return ok },
	}
	r.Watcher, r.Tenant = e.config.Pickup.Who(by.sender, host)
	v := e.config.Pickup.Refer(r)
	begin, from := bytes.Index(value, uri), len(w.texts)
	if v.EarlyOnly {
		w.earlyOnly(uri, sipmsg.Span{Start: at.Start + begin, End: at.Start + begin + len(uri)})
	}
	if v.Action != pickup.Send {
		return v
	}
	bare := bytes.IndexByte(value, '<') < 0
	if bare {
		w.texts = append(w.texts, '<')
	}
	w.texts = append(append(append(append(w.texts, scheme(uri)...), escapeUser(v.User)...), '@'), hostOf(&v, uri, by.to.Host)...)
	if bare {
		w.texts = append(w.texts, '>')
	}
	w.replace(sipmsg.Span{Start: at.Start + begin, End: at.Start + begin + len(uri)}, from)
	return v
}

// earlyOnly adds the parameter to the Replaces header of a URI, which stands at the place
// given, unless it is there.
func (w *work) earlyOnly(uri []byte, at sipmsg.Span) {
	start := bytes.IndexByte(uri, '?') + 1
	for start > 0 && start < len(uri) {
		end := len(uri)
		if i := bytes.IndexByte(uri[start:], '&'); i >= 0 {
			end = start + i
		}
		name, value, _ := bytes.Cut(uri[start:end], []byte{'='})
		if strings.EqualFold(unescape(strings.TrimSpace(string(name))), "replaces") &&
			!strings.Contains(strings.ToLower(unescape(string(value))), ";early-only") {
			from := len(w.texts)
			w.texts = append(w.texts, "%3Bearly-only"...)
			w.replace(sipmsg.Span{Start: at.Start + end, End: at.Start + end}, from)
		}
		start = end + 1
	}
}

// forbid makes a refusal of a response that is to be relayed.
func (w *work) forbid(v *pickup.Verdict) {
	m := &w.msg
	w.status(strconv.Itoa(v.Status)+" "+v.Phrase, reasons(v.Status, v.Reason))
	for _, h := range m.Lines() {
		if h.Kind == sipmsg.Contact {
			w.cut(sipmsg.Span{Start: h.Line.Start, End: h.Line.End + 2})
		}
	}
}

// cut takes a piece out, with what was to be changed in it.
func (w *work) cut(at sipmsg.Span) {
	kept := w.edits[:0]
	for _, x := range w.edits {
		if put := x.at == (sipmsg.Span{Start: at.Start, End: at.Start}); put || x.at.Start < at.Start || x.at.End > at.End {
			kept = append(kept, x)
		}
	}
	w.edits = kept
	w.remove(at)
}
