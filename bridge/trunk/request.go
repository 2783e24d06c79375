package trunk

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"blfbridge/bridge/eventpkg/dialoginfo"
	"blfbridge/bridge/eventpkg/pidf"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// RFC 3261 §17.1.2.2, table 4.
const (
	timerT1 = 500 * time.Millisecond
	timerT2 = 4 * time.Second
	timerF  = 64 * timerT1
)

// BranchPrefix begins the branch of every request of this package.
const BranchPrefix = "z9hG4bKblt."

// maxHops is the Max-Forwards of our requests, at most: lamps that come over more servers
// than that go in circles.
const maxHops = 20

// request is a SUBSCRIBE that waits for its answer, sent by us as a client transaction.
type request struct {
	branch  string
	msg     []byte
	asked   time.Duration
	wait    time.Duration // Timer E
	sendAt  time.Time
	failAt  time.Time // Timer F, or patience
	proving bool      // it carried credentials for a nonce that was never used before
}

// subscribe sends a SUBSCRIBE within the leg's dialog, or the one that makes it; 0 ends it.
func (l *leg) subscribe(expires time.Duration) {
	now := time.Now()
	at := now
	l.forgetRequest()
	if l.cseq++; l.cseq == 1 {
		at = l.s.pace(l.way.flow.Remote, now)
	}
	r := &request{branch: BranchPrefix + token(), asked: expires, wait: timerT1, sendAt: at, failAt: at.Add(timerF)}
	if !l.answered && !l.notified && l.x != nil && len(l.x.candidates) > 0 {
		r.failAt = at.Add(patience)
	}
	r.msg = l.append(nil, r)
	l.request = r
	l.s.branches[r.branch] = l
	if at.After(now) {
		if x := l.x; x != nil && !x.darkAt.IsZero() {
			x.darkAt = at.Add(darkTime) // its lamp is not to go dark for waiting in our own queue
		}
	} else {
		l.transmit(now)
	}
	l.s.plan(l)
}

func (l *leg) forgetRequest() {
	if l.request != nil {
		delete(l.s.branches, l.request.branch)
		l.request = nil
	}
}

// transmit sends the outstanding request, again.
func (l *leg) transmit(now time.Time) {
	r := l.request
	err := l.s.c.Transport.Send(l.way.flow, r.msg)
	switch {
	case errors.Is(err, notifier.ErrConnecting):
		r.sendAt = now.Add(100 * time.Millisecond) // FlowUp may come before
	case err != nil:
		r.sendAt, r.failAt = time.Time{}, now // by the next tick: who calls has not finished
	case l.way.flow.Transport.Stream():
		r.sendAt = time.Time{} // RFC 3261 §17.1.2.2: Timer E is for what may be lost
	default:
		r.sendAt = now.Add(r.wait)
		r.wait = min(2*r.wait, timerT2)
	}
}

// append writes the SUBSCRIBE (RFC 6665 §4.1.2, RFC 3261 §12.2.1.1).
func (l *leg) append(b []byte, r *request) []byte {
	add := func(parts ...string) {
		for _, p := range parts {
			b = append(b, p...)
		}
	}
	uri, routes := l.uri, l.routes
	if l.target != "" {
		uri = l.target
	}
	if first, rest, strict := notifier.StrictRoute(routes); strict {
		routes = "<" + uri + ">"
		if rest != "" {
			routes = rest + ", " + routes
		}
		uri = first
	}
	transport := l.way.flow.Transport
	add("SUBSCRIBE ", uri, " SIP/2.0\r\nVia: SIP/2.0/", transport.String(), " ", l.way.advertised, ";branch=", r.branch, ";rport\r\n",
		"Max-Forwards: ", strconv.Itoa(l.hops()), "\r\n")
	if routes != "" {
		add("Route: ", routes, "\r\n")
	}
	add("From: ", l.local, ";tag=", l.localTag, "\r\nTo: <", l.uri, ">")
	if l.remoteTag != "" {
		add(";tag=", l.remoteTag)
	}
	add("\r\nCall-ID: ", l.callID, "\r\nCSeq: ", strconv.FormatUint(uint64(l.cseq), 10), " SUBSCRIBE\r\nContact: <sip:blfbridge@", l.way.advertised, transportParam(transport), ">",
		"\r\nEvent: ", l.pkg.String(), "\r\nAccept: ", accepts[l.pkg], "\r\nExpires: ", strconv.Itoa(int(r.asked/time.Second)), "\r\n",
		"Allow: NOTIFY, OPTIONS, SUBSCRIBE\r\nUser-Agent: blfbridge\r\n")
	if name, value, fresh := l.login.credentials(uri); value != "" {
		r.proving = fresh
		add(name, ": ", value, "\r\n")
	}
	add("Content-Length: 0\r\n\r\n")
	return b
}

var accepts = [...]string{subscription.Dialog: dialoginfo.MIME, subscription.Presence: pidf.MIME}

// hops is the request's Max-Forwards: one less than its watcher's had.
func (l *leg) hops() int {
	if l.x != nil && l.x.hops > 0 {
		return min(int(l.x.hops)-1, maxHops)
	}
	return maxHops
}

// transportParam is the URI parameter of a transport.
func transportParam(t subscription.Transport) string {
	if t == subscription.UDP {
		return ""
	}
	return ";transport=" + strings.ToLower(t.String())
}
