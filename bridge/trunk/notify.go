package trunk

import (
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
)

var unknownLamp = compositor.Lamp{State: device.Unknown}

// notification is what matters of a NOTIFY.
type notification struct {
	callID, fromTag, toTag string
	cseq                   uint32
	event, eventID         string
	state, reason          string // of Subscription-State
	expires, retryAfter    time.Duration
	contact, routes        string
	contentType            string
	ours                   bool // the server is a blfbridge
	body                   []byte
}

func readNotify(req *sip.Request) (n notification, ok bool) {
	if req.CallID() == nil || req.CSeq() == nil {
		return n, false
	}
	get := func(name string) string {
		if h := req.GetHeader(name); h != nil {
			return strings.TrimSpace(h.Value())
		}
		return ""
	}
	event, state := get("Event"), get("Subscription-State")
	n = notification{
		callID: req.CallID().Value(), fromTag: tagOf(get("From")), toTag: tagOf(get("To")), cseq: req.CSeq().SeqNo,
		eventID: paramOf(event, "id"), reason: strings.ToLower(paramOf(state, "reason")),
		expires: seconds(paramOf(state, "expires"), -1), retryAfter: seconds(paramOf(state, "retry-after"), 0),
		contact: uriOf(get("Contact")), ours: strings.HasPrefix(strings.ToLower(get("User-Agent")), "blfbridge"), body: req.Body(),
	}
	n.event = strings.ToLower(splitOutside(event, ';')[0])
	n.state = strings.ToLower(splitOutside(state, ';')[0])
	n.contentType = strings.ToLower(splitOutside(get("Content-Type"), ';')[0])
	for _, v := range recordRoutes(req.GetHeaders("Record-Route")) {
		n.routes = joined(n.routes, v)
	}
	return n, true
}

// Notify implements sipua.Subscriber (RFC 6665 §4.1.3).
func (s *Subscriber) Notify(req *sip.Request) (status int) {
	n, ok := readNotify(req)
	if !ok {
		return 400
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status = s.notify(&n)
	s.metrics.notified(status)
	return status
}

func (s *Subscriber) notify(n *notification) (status int) {
	l := s.legs[n.callID]
	switch {
	case l == nil || n.toTag != l.localTag:
		return 481
	case l.notified && n.fromTag != l.remoteTag:
		// RFC 6665 §4.4.1: a fork's NOTIFY is another subscription. One is enough.
		return 481
	case n.event != l.pkg.String():
		return 489
	case n.eventID != "":
		return 481 // RFC 6665 §4.5.2: we gave none
	case n.state == "":
		return 400
	case l.notified && n.cseq < l.remoteSeq:
		return 500 // RFC 3261 §12.2.2
	case l.notified && n.cseq == l.remoteSeq:
		return 200 // by another way, or after a restart of ours: it has been heard
	}
	now := time.Now()
	l.remoteSeq = n.cseq
	if !l.notified {
		// RFC 6665 §4.4.1: the NOTIFY makes the dialog, also before the 2xx.
		l.notified, l.notifyBy = true, time.Time{}
		l.remoteTag, l.routes = n.fromTag, n.routes
	}
	if n.contact != "" {
		l.target = n.contact
	}
	switch {
	case l.closing && n.state == "terminated":
		s.drop(l)
	case l.closing:
	case n.state == "terminated":
		l.terminated(n, now)
	default:
		l.active(n, now)
	}
	return 200
}

// active takes a NOTIFY of a subscription that stands.
func (l *leg) active(n *notification, now time.Time) {
	x := l.x
	if n.expires >= 0 {
		// RFC 6665 §4.1.3: what it says is how long it stands; how it is refreshed follows.
		// Seconds that rounding takes away must not put the refresh off at every NOTIFY.
		if end := now.Add(n.expires); l.end.IsZero() || end.Before(l.end.Add(-rounding)) {
			l.lasts(n.expires, now)
		}
	} else if l.end.IsZero() {
		l.lasts(l.expires, now)
	}
	l.s.accepted(x, l)
	x.retries = 0
	defer l.s.plan(l)
	if len(n.body) == 0 {
		if n.state == "pending" {
			x.show(unknownLamp, now)
		}
		return
	}
	lamp, what := x.calls.read(n)
	switch what {
	case newer:
		x.show(lamp, now)
	case incomplete:
		x.show(lamp, now)
		l.refreshAt = now // RFC 4235 §4.3: for the full state
	case unreadable:
		l.s.log.Warn("what a server tells of an external line cannot be read; it is unknown", "presentity", x.key.Number,
			"trunk", l.from.String(), "content_type", n.contentType)
		x.show(unknownLamp, now)
	}
}

const rounding = 5 * time.Second

// quickly is how soon after it was accepted a subscription may end and still be made anew
// at once: a server that ends it all the time would be flooded.
const quickly = 10 * time.Second

// terminated: the server ended the subscription. CUCM passes that on to the watchers; what
// RFC 6665 §4.1.3 wants subscribed to anew is, since to them nothing has ended then.
func (l *leg) terminated(n *notification, now time.Time) {
	x, s := l.x, l.s
	why := "terminated by the server"
	if n.reason != "" {
		why += ": " + n.reason
	}
	s.accepted(x, l) // it was: watchers are decided by its trunk
	l.forgetRequest()
	s.drop(l)
	defer s.plan(x)
	x.why = "trunk " + l.from.String() + ": " + why
	s.log.Info("a server ended a subscription to an external line", "presentity", x.key.Number, "trunk", l.from.String(), "reason", n.reason)
	switch n.reason {
	case "rejected", "noresource":
		v := forbidden
		if n.reason == "noresource" {
			v = notThere
		}
		x.show(unknownLamp, now)
		x.at = now.Add(max(s.c.Policy().Settings().RetryInterval, n.retryAfter))
		s.refuse(x, v)
	case "invariant":
		// RFC 6665 §4.1.3: it will not change, and must not be asked for again.
		if lamp, what := x.calls.read(n); what == newer {
			x.show(lamp, now)
		}
		x.phase, x.trunk = standing, l.from.trunk.Name
	case "probation", "giveup":
		s.wait(x, max(n.retryAfter, s.c.Policy().Settings().RetryInterval))
	default: // deactivated, timeout, none
		if n.retryAfter > 0 || now.Sub(x.began) < quickly {
			s.wait(x, max(n.retryAfter, s.c.Policy().Settings().RetryInterval))
			return
		}
		s.seek(x)
	}
}

// wait lets a presentity be unknown for a while before it is asked for again.
func (s *Subscriber) wait(x *external, d time.Duration) {
	now := time.Now()
	x.show(unknownLamp, now)
	x.trunk = ""
	if x.retries++; x.retries > s.c.Policy().Settings().RetryLimit {
		x.at = now.Add(d)
		s.refuse(x, unreachable)
		return
	}
	x.phase, x.at = waiting, now.Add(d)
}
