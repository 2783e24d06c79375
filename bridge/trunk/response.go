package trunk

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"blfbridge/bridge/subscription"
)

// response is what matters of the answer to a SUBSCRIBE. Status 0: none came.
type response struct {
	status     int
	phrase     string
	why        string // instead of the two
	toTag      string
	contact    string
	routes     string
	expires    time.Duration // -1 = not said
	minExpires time.Duration
	retryAfter time.Duration
	challenges []challenge
}

func (r *response) text() string {
	switch {
	case r.why != "":
		return r.why
	case r.status == 0:
		return "no answer"
	}
	return strings.TrimSpace(strconv.Itoa(r.status) + " " + r.phrase)
}

// Response implements sipua.Subscriber.
func (s *Subscriber) Response(res *sip.Response) bool {
	via := res.Via()
	if via == nil || res.CSeq() == nil {
		return false
	}
	branch, _ := via.Params.Get("branch")
	if !strings.HasPrefix(branch, BranchPrefix) {
		return false
	}
	r := readResponse(res)
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.branches[branch]
	if l == nil || res.CSeq().SeqNo != l.cseq || res.CSeq().MethodName != sip.SUBSCRIBE {
		return true // late: the request is over
	}
	if r.status < 200 {
		// RFC 3261 §17.1.2.2, Proceeding: sent again at T2 only.
		if q := l.request; !q.sendAt.IsZero() {
			q.wait, q.sendAt = timerT2, time.Now().Add(timerT2)
			s.plan(l)
		}
		return true
	}
	l.finished(r)
	return true
}

func readResponse(res *sip.Response) response {
	get := func(name string) string {
		if h := res.GetHeader(name); h != nil {
			return strings.TrimSpace(h.Value())
		}
		return ""
	}
	r := response{
		status: res.StatusCode, phrase: res.Reason, toTag: tagOf(get("To")), contact: uriOf(get("Contact")),
		expires: -1, minExpires: seconds(get("Min-Expires"), 0), retryAfter: seconds(get("Retry-After"), 0),
	}
	r.expires = seconds(get("Expires"), -1)
	// RFC 3261 §12.1.2: the route set of a UAC is the reverse of what it got.
	rr := recordRoutes(res.GetHeaders("Record-Route"))
	for i := len(rr) - 1; i >= 0; i-- {
		r.routes = joined(r.routes, rr[i])
	}
	for _, name := range []string{"WWW-Authenticate", "Proxy-Authenticate"} {
		for _, h := range res.GetHeaders(name) {
			r.challenges = append(r.challenges, challenge{proxy: name[0] == 'P', value: strings.TrimSpace(h.Value())})
		}
	}
	return r
}

// finished takes the final answer to the outstanding request.
func (l *leg) finished(r response) {
	req := l.request
	if req == nil {
		return
	}
	l.forgetRequest()
	l.s.metrics.answered(r.status)
	defer l.s.plan(l)
	switch {
	case r.status/100 == 2:
		l.subscribed(req, r)
	case (r.status == 401 || r.status == 407) && l.tries < maxTries && l.login.take(r.challenges, req.proving):
		l.tries++
		l.subscribe(req.asked)
	case l.closing:
		l.s.drop(l)
	case r.status == 423 && r.minExpires > req.asked && r.minExpires <= maxExpires && l.tries < maxTries:
		// RFC 6665 §4.1.2.1 (RFC 3261 §21.4.17): asked again for as long as it must be.
		l.tries++
		l.expires = r.minExpires
		l.subscribe(l.expires)
	case !l.answered && !l.notified && l.pkg == subscription.Dialog && refusesPackage(r.status):
		l.again(subscription.Presence)
	case !l.answered && !l.notified:
		l.failed(r)
	case endsDialog(r.status):
		l.lost(r)
	default:
		// RFC 6665 §4.1.2.2: a refresh that fails otherwise leaves the subscription as it
		// was, until its end.
		l.refreshAt = time.Now().Add(max(r.retryAfter, 10*time.Second))
	}
}

const (
	// maxTries bounds how often one request is sent anew with other credentials or intervals.
	maxTries = 4
	// maxExpires is the longest Min-Expires that is followed.
	maxExpires = 24 * time.Hour
)

// refusesPackage: the server does not know the event package, or its only body.
func refusesPackage(status int) bool { return status == 489 || status == 406 || status == 415 }

// again tries the same destination with another event package: another subscription.
func (l *leg) again(p subscription.Package) {
	x, s := l.x, l.s
	s.drop(l)
	n := &leg{s: s, x: x, from: l.from, way: l.way, pkg: p, callID: token(), localTag: token()[:12],
		expires: s.c.Expires, index: -1, login: l.login, uri: l.uri, local: l.local}
	s.legs[n.callID] = n
	x.leg, x.calls = n, table{}
	n.subscribe(n.expires)
}

// subscribed takes a 2xx.
func (l *leg) subscribed(req *request, r response) {
	now := time.Now()
	first := !l.answered
	l.answered, l.tries = true, 0
	if l.closing {
		if req.asked > 0 {
			l.subscribe(0) // it was given up meanwhile
		} else {
			l.goneAt = now.Add(timerT2) // for the last NOTIFY
			if l.s.stopping {
				l.s.drop(l)
			}
		}
		return
	}
	d := req.asked
	if r.expires >= 0 && r.expires < d { // RFC 6665 §4.2.1.1: never longer
		d = r.expires
	}
	l.lasts(d, now)
	if !l.notified {
		// RFC 6665 §4.4.1 lets the NOTIFY make the dialog; until then this is all we have.
		l.remoteTag, l.routes = r.toTag, r.routes
		l.notifyBy = now.Add(timerF)
	}
	if r.contact != "" {
		l.target = r.contact
	}
	if first {
		l.s.accepted(l.x, l)
	}
}
