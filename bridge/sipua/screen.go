package sipua

import (
	"bytes"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// verdict is what becomes of a message.
type verdict uint8

const (
	drop   verdict = iota
	pass           // on to sipgo, rewritten
	answer         // send what was written back to the source
)

// packet is a message, and the ends of its way.
type packet struct {
	msg       []byte // screening may change it
	transport subscription.Transport
	local     netip.AddrPort
	remote    netip.AddrPort
}

// screener is the gate in front of sipgo, the same for datagrams and streams. It keeps
// nothing per source or message but the limiter's fixed table, so that junk from
// anywhere costs no memory. It is safe for concurrent use.
type screener struct {
	notifier atomic.Pointer[Notifier]
	quick    *quick // nil = everything goes the long way
	relay    Relay  // nil = there is none; set before the readers start
	limits   *limiter
	replies  *limiter // of stateless responses, so that nobody is flooded with them
	natForce bool
	seed     maphash.Seed
	metrics  *metrics
	log      *slog.Logger
	quiet    *quietLog
	heads    sync.Pool // of *head, a kilobyte each
}

// screen judges one whole message and appends to dst what verdict says. A panic is
// counted and drops the message.
func (s *screener) screen(dst []byte, in packet) (v verdict, out []byte) {
	defer func() {
		if p := recover(); p != nil {
			s.metrics.panics.Inc()
			s.metrics.dropped.WithLabelValues(faultPanic.reason).Inc()
			s.log.Error("panic while a message was screened", "panic", p, "remote", in.remote.String(), "stack", string(debug.Stack()))
			v, out = drop, dst
		}
	}()
	trace(s.log, "in", in)
	if r, ours := notifier.ParseResponse(in.msg); ours {
		if !in.transport.Stream() {
			r.Port = in.remote.Port()
		}
		if n := s.notifier.Load(); n != nil {
			(*n).Responses(r)
		}
		return drop, dst
	}
	if s.relayed(&in) {
		return drop, dst
	}
	h, _ := s.heads.Get().(*head)
	if h == nil {
		h = new(head)
	}
	defer s.heads.Put(h)
	f := h.scan(in.msg)
	if f == faultNone && h.request {
		f = s.request(h, &in)
	}
	if f != faultNone {
		return s.refuse(dst, h, &in, f)
	}
	if !h.request {
		return pass, append(dst, in.msg...)
	}
	if s.quick != nil && s.quick.take(h, &in) {
		return drop, dst
	}
	top, rest, ok := parseVia(string(h.vias[0]))
	if !ok {
		return s.refuse(dst, h, &in, faultVia)
	}
	dst = append(dst, in.msg[:h.topStart]...)
	dst = top.stamp(dst, in.remote, s.natForce || in.transport.Stream())
	for _, v := range splitUnquoted(rest, ',') {
		// sipgo misreads a list of Vias if one has no parameters.
		dst = append(dst, "\r\nVia: "...)
		dst = append(dst, v...)
	}
	return pass, append(dst, in.msg[h.topEnd:]...)
}

// request judges what is particular to requests, and cuts a datagram's body to its
// Content-Length.
func (s *screener) request(h *head, in *packet) fault {
	if !bytes.Equal(h.method, []byte("ACK")) && !s.limits.allow(in.remote.Addr()) {
		return faultRate
	}
	if body := len(in.msg) - h.end; h.contentLength > body {
		return faultCut // RFC 3261 §18.3
	} else if h.contentLength >= 0 {
		in.msg = in.msg[:h.end+h.contentLength]
	}
	if uri := string(h.uri); !usualURI(uri) && !sipgoReads(uri) {
		if u, ok := parseURI(uri); ok && !u.served() {
			return faultScheme
		}
		return faultURI
	}
	return faultNone
}

// usualURI reports whether a request URI is one of those that sipgo's parser takes for
// certain, so that it need not be asked.
func usualURI(uri string) bool {
	_, host, found := strings.Cut(uri, "@")
	return found && strings.IndexByte(host, '*') < 0 && plainURI(uri)
}

// sipgoReads reports whether sipgo's parser takes a request URI: it would drop the
// message without an answer, and nothing stands between a panic there and the process.
func sipgoReads(uri string) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	var u sip.Uri
	return sip.ParseUri(uri, &u) == nil && !u.Wildcard
}

// refuse answers a request without keeping anything (RFC 3261 §8.2.7), if it can be answered.
func (s *screener) refuse(dst []byte, h *head, in *packet, f fault) (verdict, []byte) {
	s.metrics.dropped.WithLabelValues(f.reason).Inc()
	s.quiet.warn(f.reason, "a message was not taken", "reason", f.reason, "transport", in.transport.String(),
		"remote", in.remote.String(), "bytes", len(in.msg))
	// RFC 3261 §17.1.1.3, §18.3: no response to an ACK or to a response.
	if f.status == 0 || !h.request || bytes.Equal(h.method, []byte("ACK")) || len(h.vias) == 0 {
		return drop, dst
	}
	if !s.replies.allow(in.remote.Addr()) {
		return drop, dst
	}
	r := reply{head: h, source: in.remote, status: f.status, seed: s.seed}
	if f.status == 400 {
		r.warning = strings.ReplaceAll(f.reason, "_", " ")
	}
	if f == faultRate {
		// Phones that lost power together must not come back together.
		r.retryAfter = refusalOf(ErrOverload).retryAfter + time.Duration(rand.Int64N(6))*time.Second
	}
	s.metrics.stateless.WithLabelValues(strconv.Itoa(f.status)).Inc()
	return answer, r.appendTo(dst)
}
