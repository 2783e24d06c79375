package sipua

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"strconv"
	"time"
)

// reply is a response that is made from the bytes of a request, without a transaction
// (RFC 3261 §8.2.7): for what must not cost memory.
type reply struct {
	head   *head
	source netip.AddrPort
	status int
	// warning says what is wrong, if it is not empty.
	warning string
	// retryAfter is written if not 0.
	retryAfter time.Duration
	seed       maphash.Seed
}

// appendTo writes the response with whatever headers the request had.
func (r reply) appendTo(b []byte) []byte {
	h := r.head
	b = append(b, "SIP/2.0 "...)
	b = strconv.AppendInt(b, int64(r.status), 10)
	b = append(b, ' ')
	b = append(b, phraseOf(r.status)...)
	b = append(b, "\r\n"...)
	for i, v := range h.vias {
		if i == 0 {
			if top, rest, ok := parseVia(string(v)); ok {
				b = append(b, "Via: "...)
				b = top.stamp(b, r.source, false)
				b = append(b, "\r\n"...)
				if v = []byte(rest); rest == "" {
					continue
				}
			}
		}
		b = appendHeader(b, "Via", bytes.TrimSpace(v))
	}
	b = appendHeader(b, "From", h.from)
	if len(h.to) > 0 {
		b = append(b, "To: "...)
		b = append(b, h.to...)
		if !hasTag(h.to) {
			// RFC 3261 §8.2.7: the same tag for each retransmission.
			var sum maphash.Hash
			sum.SetSeed(r.seed)
			_, _ = sum.Write(h.callID)
			_, _ = sum.Write(h.cseq)
			_, _ = sum.Write(h.vias[0])
			b = append(b, ";tag="...)
			b = strconv.AppendUint(b, sum.Sum64(), 36)
		}
		b = append(b, "\r\n"...)
	}
	b = appendHeader(b, "Call-ID", h.callID)
	b = appendHeader(b, "CSeq", h.cseq)
	if r.warning != "" {
		w := warning(r.warning)
		b = appendHeader(b, w.name, []byte(w.value))
	}
	if r.retryAfter > 0 {
		b = append(b, "Retry-After: "...)
		b = strconv.AppendInt(b, int64(r.retryAfter/time.Second), 10)
		b = append(b, "\r\n"...)
	}
	return append(b, "Content-Length: 0\r\n\r\n"...)
}

func appendHeader(b []byte, name string, value []byte) []byte {
	if len(value) == 0 {
		return b
	}
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// hasTag reports whether a To or From value carries a tag parameter.
func hasTag(value []byte) bool {
	_, params := splitAddress(string(value))
	_, ok := param(params, "tag")
	return ok
}
