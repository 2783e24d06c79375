package sipua

import (
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"blfbridge/bridge/subscription"
)

// ask is a request as the decisions about it see it: text, whichever parser read it.
// sipgo's and our own scanner fill it alike, so that both ways decide by the same code.
type ask struct {
	method string
	uri    string // the request URI
	callID string
	cseq   uint32
	hop    hop
	vias   int // how many hops it came over

	// kinds and values are the headers that are read, in the order of the message.
	kinds  []headerName
	values []string
	// fromTag and toTag are the tags of From and To; empty if there is none.
	fromTag, toTag string
	// contact is what addressOf finds of the only Contact, if contactText is that.
	contact     sipURI
	contactText string

	kindStore  [24]headerName
	valueStore [24]string
}

// begin empties the headers.
func (q *ask) begin() {
	q.kinds, q.values = q.kindStore[:0], q.valueStore[:0]
	q.fromTag, q.toTag, q.contactText = "", "", ""
}

func (q *ask) add(kind headerName, value string) {
	switch kind {
	case kindFrom:
		q.fromTag = tagOf(value)
	case kindTo:
		q.toTag = tagOf(value)
	}
	q.kinds, q.values = append(q.kinds, kind), append(q.values, value)
}

// header returns the value of the first header of a kind, trimmed, as sent.
func (q *ask) header(kind headerName) string {
	for i, k := range q.kinds {
		if k == kind {
			return q.values[i]
		}
	}
	return ""
}

// headers returns the values of all headers of a kind; nil if there is none. Headers that
// stand together, as they nearly always do, are not copied.
func (q *ask) headers(kind headerName) []string {
	first, end := -1, 0
	for i, k := range q.kinds {
		switch {
		case k != kind:
		case first < 0:
			first, end = i, i+1
		case end == i:
			end++
		default:
			return q.scattered(kind)
		}
	}
	if first < 0 {
		return nil
	}
	return q.values[first:end:end]
}

func (q *ask) scattered(kind headerName) (out []string) {
	for i, k := range q.kinds {
		if k == kind {
			out = append(out, q.values[i])
		}
	}
	return out
}

func tagOf(value string) string {
	_, params := splitAddress(value)
	tag, _ := param(params, "tag")
	return tag
}

// cseqText is the CSeq as responses repeat it.
func (q *ask) cseqText() string { return strconv.FormatUint(uint64(q.cseq), 10) + " " + q.method }

// askOf reads a request that sipgo has parsed. Without a Via, To, From, Call-ID or CSeq it
// is refused before anything of it is used.
// over is the connection it came by; nil is UDP.
func askOf(req *sip.Request, over *streamConn) *ask {
	q := &ask{method: string(req.Method), uri: req.Recipient.String()}
	q.begin()
	for _, h := range req.Headers() {
		name := []byte(h.Name())
		switch kind := headerKind(name); kind {
		case kindOther, kindCallID, kindCSeq, kindLength:
		case kindVia:
			q.vias++
		default:
			q.add(kind, strings.TrimSpace(h.Value()))
		}
	}
	if id := req.CallID(); id != nil {
		q.callID = id.Value()
	}
	if c := req.CSeq(); c != nil {
		q.cseq = c.SeqNo
	}
	if via := req.Via(); via != nil {
		v := topVia{host: strings.Trim(via.Host, "[]"), port: uint16(via.Port)} //nolint:gosec // parseSentBy bounds it
		v.received, _ = via.Params.Get("received")
		if p, ok := via.Params.Get("rport"); ok {
			n, _ := parseUint(p, 65535)
			v.rportValue, v.rport = uint16(n), true
		}
		if over != nil {
			q.hop = v.hop(over.flow.Transport)
			q.hop.certificate, q.hop.proxied = over.names, over.proxied
		} else {
			q.hop = v.hop(subscription.UDP)
		}
	}
	return q
}
