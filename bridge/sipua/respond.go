package sipua

import (
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"

	"blfbridge/bridge/notifier"
)

const (
	allowed     = "NOTIFY, OPTIONS, SUBSCRIBE"
	allowedCall = "ACK, BYE, CANCEL, INVITE, " + allowed
	allowEvents = "dialog, presence"
	accepts     = "application/dialog-info+xml, application/pidf+xml, application/xpidf+xml"
)

// field is a header of a response.
type field struct{ name, value string }

// outcome is how a request is answered, before it is written.
type outcome struct {
	status int
	phrase string // empty = the standard one
	toTag  string // for a To without tag
	fields []field
}

// allow lists the methods that are served: those of calls where phones dial codes.
func (s *Server) allow() string {
	if s.config.Features != nil && s.config.Policy().Features() {
		return allowedCall
	}
	return allowed
}

// newResponse builds the response to a request of sipgo's (RFC 3261 §8.2.6.2): Via, From,
// To, Call-ID and CSeq are the request's, byte for byte where they are text.
func newResponse(req *sip.Request, q *ask, o outcome) *sip.Response {
	if o.phrase == "" {
		o.phrase = phraseOf(o.status)
	}
	res := sip.NewResponse(o.status, o.phrase)
	if o.status/100 == 2 {
		// RFC 3261 §12.1.1: what makes a dialog copies the route set.
		for _, v := range q.headers(kindRecordRoute) {
			res.AppendHeader(sip.NewHeader("Record-Route", v))
		}
	}
	for _, h := range req.GetHeaders("Via") {
		res.AppendHeader(sip.HeaderClone(h))
	}
	res.AppendHeader(sip.NewHeader("From", q.header(kindFrom)))
	to := q.header(kindTo)
	if q.toTag == "" && o.toTag != "" {
		to += ";tag=" + o.toTag
	}
	res.AppendHeader(sip.NewHeader("To", to))
	if h := req.CallID(); h != nil {
		res.AppendHeader(sip.HeaderClone(h))
	}
	if h := req.CSeq(); h != nil {
		res.AppendHeader(sip.HeaderClone(h))
	}
	for _, f := range o.fields {
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
func (s *Server) refusalTag(q *ask) string {
	var h maphash.Hash
	h.SetSeed(s.screener.seed)
	_, _ = h.WriteString(q.callID)
	_, _ = h.WriteString(q.cseqText())
	return strconv.FormatUint(h.Sum64(), 36)
}

// refused says how a request is answered that an error came of.
func (s *Server) refused(q *ask, err error) outcome {
	r := refusalOf(err)
	o := outcome{status: r.status, phrase: r.phrase, toTag: s.refusalTag(q)}
	var with refusing
	if errors.As(err, &with) {
		o.fields = with.fields
	}
	var m malformed
	if errors.As(err, &m) {
		o.fields = append(o.fields, warning(string(m)))
	}
	switch r.status {
	case 405, 501:
		o.fields = append(o.fields, field{"Allow", s.allow()})
	case 489:
		// RFC 6665 §8.2.2, §8.3.2: 489 names what is served.
		o.fields = append(o.fields, field{"Allow-Events", allowEvents})
	case 406:
		o.fields = append(o.fields, field{"Accept", accepts})
	}
	o.fields = append(o.fields, retryAfter(r.retryAfter))
	return o
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

// granted says how a SUBSCRIBE is answered by what the notifier made of it.
func (s *Server) granted(q *ask, sub *notifier.Subscribe, a notifier.Answer) outcome {
	if a.Status/100 != 2 {
		return outcome{a.Status, a.Phrase, s.refusalTag(q), []field{retryAfter(a.RetryAfter)}}
	}
	contact := notifier.AppendContact(nil, &sub.Cold, sub.Flow.Transport)
	return outcome{a.Status, a.Phrase, a.LocalTag, []field{
		{"Contact", string(contact)},
		{"Expires", strconv.FormatInt(int64(a.Expires/time.Second), 10)},
		{"Allow-Events", allowEvents},
	}}
}
