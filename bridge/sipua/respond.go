package sipua

import (
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"blfbridge/bridge/notifier"
)

const (
	allow       = "OPTIONS, SUBSCRIBE"
	allowEvents = "dialog, presence"
	accepts     = "application/dialog-info+xml, application/pidf+xml, application/xpidf+xml"
)

// header returns the value of a request's first header of that name, trimmed, as sent.
func header(req *sip.Request, name string) string {
	if h := req.GetHeader(name); h != nil {
		return strings.TrimSpace(h.Value())
	}
	return ""
}

// headerList returns the values of all headers of that name; nil if there is none.
func headerList(req *sip.Request, name string) []string {
	var out []string
	for _, h := range req.GetHeaders(name) {
		out = append(out, strings.TrimSpace(h.Value()))
	}
	return out
}

// tagOf returns the tag of the From or To header.
func tagOf(req *sip.Request, name string) string {
	_, params := splitAddress(header(req, name))
	tag, _ := param(params, "tag")
	return tag
}

// field is a header of a response.
type field struct{ name, value string }

// newResponse builds the response to a request (RFC 3261 §8.2.6.2): Via, From, To,
// Call-ID and CSeq are the request's, byte for byte where they are text.
func newResponse(req *sip.Request, status int, phrase, toTag string, fields ...field) *sip.Response {
	if phrase == "" {
		phrase = phraseOf(status)
	}
	res := sip.NewResponse(status, phrase)
	if status/100 == 2 {
		// RFC 3261 §12.1.1: what makes a dialog copies the route set.
		for _, v := range headerList(req, "Record-Route") {
			res.AppendHeader(sip.NewHeader("Record-Route", v))
		}
	}
	for _, h := range req.GetHeaders("Via") {
		res.AppendHeader(sip.HeaderClone(h))
	}
	res.AppendHeader(sip.NewHeader("From", header(req, "From")))
	to := header(req, "To")
	if tagOf(req, "To") == "" && toTag != "" {
		to += ";tag=" + toTag
	}
	res.AppendHeader(sip.NewHeader("To", to))
	if h := req.CallID(); h != nil {
		res.AppendHeader(sip.HeaderClone(h))
	}
	if h := req.CSeq(); h != nil {
		res.AppendHeader(sip.HeaderClone(h))
	}
	for _, f := range fields {
		if f.value != "" {
			res.AppendHeader(sip.NewHeader(f.name, f.value))
		}
	}
	res.SetBody(nil)
	res.SetTransport(req.Transport())
	res.SetDestination(req.Source())
	return res
}

// refusalTag is the To tag of a response that makes no dialog: the same each time.
func (s *Server) refusalTag(req *sip.Request) string {
	var h maphash.Hash
	h.SetSeed(s.screener.seed)
	if id, cseq := req.CallID(), req.CSeq(); id != nil && cseq != nil {
		_, _ = h.WriteString(id.Value())
		_, _ = h.WriteString(cseq.Value())
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// refused builds the response for an error.
func (s *Server) refused(req *sip.Request, err error, fields ...field) *sip.Response {
	r := refusalOf(err)
	var m malformed
	if errors.As(err, &m) {
		fields = append(fields, warning(string(m)))
	}
	switch r.status {
	case 405, 501:
		fields = append(fields, field{"Allow", allow})
	case 489:
		// RFC 6665 §8.2.2, §8.3.2: 489 names what is served.
		fields = append(fields, field{"Allow-Events", allowEvents})
	case 406:
		fields = append(fields, field{"Accept", accepts})
	}
	fields = append(fields, retryAfter(r.retryAfter))
	return newResponse(req, r.status, r.phrase, s.refusalTag(req), fields...)
}

// retryAfter words a Retry-After, up to half as long again: those refused together
// must not come back together.
func retryAfter(d time.Duration) field {
	if d <= 0 {
		return field{}
	}
	sec := int64((d + time.Second - 1) / time.Second)
	return field{"Retry-After", strconv.FormatInt(sec+rand.Int64N(sec/2+1), 10)}
}

// granted builds the response that the notifier asked for.
func (s *Server) granted(req *sip.Request, sub *notifier.Subscribe, a notifier.Answer) *sip.Response {
	if a.Status/100 != 2 {
		fields := []field{retryAfter(a.RetryAfter)}
		return newResponse(req, a.Status, a.Phrase, s.refusalTag(req), fields...)
	}
	contact := notifier.AppendContact(nil, sub.Decision.Line.Number, sub.Cold.Advertised, sub.Flow.Transport)
	return newResponse(req, a.Status, a.Phrase, a.LocalTag,
		field{"Contact", string(contact)},
		field{"Expires", strconv.FormatInt(int64(a.Expires/time.Second), 10)},
		field{"Allow-Events", allowEvents},
	)
}
