package trunk

import (
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// way is how a leg's requests travel.
type way struct {
	flow       notifier.Flow
	advertised string
}

// leg is one outbound subscription: an RFC 6665 dialog with a server.
type leg struct {
	s    *Subscriber
	x    *external // nil once it is given up
	from candidate
	way  way
	pkg  subscription.Package

	callID, localTag, remoteTag string
	uri, local                  string // request URI and From of the first SUBSCRIBE
	target                      string // remote target; empty = uri
	routes                      string // Route header value
	cseq                        uint32
	login                       *login
	tries                       int // credentials and intervals that one request was sent again with

	request   *request // outstanding
	expires   time.Duration
	answered  bool // a 2xx came
	notified  bool // a NOTIFY came
	remoteSeq uint32
	closing   bool

	end       time.Time // of the subscription
	refreshAt time.Time
	notifyBy  time.Time // Timer N: when the first NOTIFY must have come
	goneAt    time.Time // closing: when nothing is waited for any longer
	gone      bool
	index     int
}

func (l *leg) due() time.Time {
	if l.gone {
		return time.Time{}
	}
	at := earliest(l.end, l.refreshAt, l.notifyBy, l.goneAt)
	if l.request != nil {
		at = earliest(l.goneAt, l.request.sendAt, l.request.failAt)
	}
	return at
}

func (l *leg) place() *int { return &l.index }

// token is random text for tags, branches and Call-IDs (RFC 3261 §19.3).
func token() string { return strings.ToLower(rand.Text()) }

// open begins a subscription at a destination.
func (s *Subscriber) open(x *external, c *candidate, w way) {
	l := &leg{
		s: s, x: x, from: *c, way: w, callID: token(), localTag: token()[:12], expires: s.c.Expires, index: -1,
		login: s.loginFor(x.key.Tenant, c),
	}
	l.uri = requestURI(c, w)
	user := "blfbridge"
	if d := c.trunk.OutboundDigest; d != nil {
		user = d.Username // Asterisk and others find the peer by From where addresses do not tell
	}
	l.local = "<sip:" + userPart(user) + "@" + hostOf(w.advertised) + ">"
	s.legs[l.callID] = l
	x.leg, x.calls = l, table{}
	l.subscribe(l.expires)
}

// tick serves the timers of a leg.
func (l *leg) tick(now time.Time) {
	if passed(l.goneAt, now) {
		l.s.drop(l)
		return
	}
	if r := l.request; r != nil {
		switch {
		case passed(r.failAt, now):
			l.finished(response{status: 0})
		case passed(r.sendAt, now):
			l.transmit(now)
		}
		return
	}
	switch {
	case l.closing:
	case passed(l.end, now):
		l.lost(response{status: 0, why: "the subscription ran out"})
	case passed(l.notifyBy, now):
		// RFC 6665 §4.1.2.4, Timer N: accepted, but no NOTIFY came.
		l.lost(response{status: 0, why: "no NOTIFY followed the 2xx"})
	case passed(l.refreshAt, now):
		l.refreshAt = time.Time{}
		l.tries = 0
		l.subscribe(l.expires)
	}
}

// lasts sets how long the subscription stands, and when it is refreshed: early enough for
// a request that takes all of Timer F, if it is long enough for that.
func (l *leg) lasts(d time.Duration, now time.Time) {
	lead := min(d/3, 100*time.Second)
	l.end, l.refreshAt = now.Add(d), now.Add(d-lead)
}

// close gives a leg up and ends it at its server (RFC 6665 §4.1.2.3); what that still
// sends is answered until it has ended.
func (s *Subscriber) close(l *leg) {
	if l.x != nil && l.x.leg == l {
		l.x.leg = nil
	}
	l.x = nil
	if l.closing {
		return
	}
	l.closing = true
	l.end, l.refreshAt, l.notifyBy = time.Time{}, time.Time{}, time.Time{}
	if !l.answered && !l.notified {
		// Nothing stands there yet, as far as we know: should it, its NOTIFY gets 481.
		s.drop(l)
		return
	}
	l.goneAt = time.Now().Add(timerF)
	if l.request == nil {
		l.tries = 0
		l.subscribe(0)
	} // else when that is answered
	s.plan(l)
}

// drop forgets a leg.
func (s *Subscriber) drop(l *leg) {
	l.gone = true
	l.forgetRequest()
	s.agenda.drop(l)
	delete(s.legs, l.callID)
	if l.x != nil && l.x.leg == l {
		l.x.leg = nil
	}
	s.left()
}

// lost: the subscription does not stand any more. Its presentity looks for a trunk anew.
func (l *leg) lost(r response) {
	x := l.x
	l.s.drop(l)
	if x == nil {
		return
	}
	if r.status == 0 {
		x.show(unknownLamp, time.Now()) // nobody knows since when
	}
	l.s.log.Info("a subscription to an external line is lost; it is made anew", "presentity", x.key.Number,
		"trunk", l.from.String(), "why", r.text())
	l.s.seek(x)
}

// failed: the first SUBSCRIBE was not accepted. The next destination is tried.
func (l *leg) failed(r response) {
	x := l.x
	l.s.drop(l)
	if x == nil {
		return
	}
	x.back = max(x.back, r.retryAfter)
	l.s.judge(x, &l.from, verdictOf(r.status), r.text())
	l.s.next(x)
}

// requestURI is what is asked for: the number at the destination, or a SIP URI as it is.
func requestURI(c *candidate, w way) string {
	if user, host, ok := strings.Cut(c.number, "@"); ok {
		return "sip:" + userPart(user) + "@" + host
	}
	d := c.to
	host := d.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if d.Port != 0 {
		host += ":" + strconv.Itoa(int(d.Port))
	}
	return "sip:" + userPart(c.number) + "@" + host + transportParam(w.flow.Transport)
}

func userPart(s string) string { return string(notifier.AppendUser(nil, s)) }

// hostOf is a host:port without the port.
func hostOf(advertised string) string {
	if i := strings.LastIndexByte(advertised, ':'); i > strings.LastIndexByte(advertised, ']') {
		return advertised[:i]
	}
	return advertised
}
