package trunk

import "blfbridge/policy"

// verdict is what one answer, or the lack of one, means for a presentity; the higher
// one of several counts.
type verdict uint8

const (
	// noVerdict: nothing was asked.
	noVerdict verdict = iota
	// notThere: the server does not know it.
	notThere
	// forbidden: we may not watch it.
	forbidden
	// unreachable: another time it may work.
	unreachable
)

// outcome is how watchers are answered then.
func (v verdict) outcome() policy.Outcome {
	switch v {
	case notThere:
		return policy.NotFound
	case unreachable:
		return policy.Unavailable
	}
	return policy.Refused
}

// verdictOf reads a final status, 0 = no answer came. RFC 3261 §21.
func verdictOf(status int) verdict {
	switch status {
	case 404, 410, 416, 484, 485, 604:
		return notThere
	case 0, 408, 480, 482, 483, 486, 491, 600:
		return unreachable
	}
	switch {
	case status >= 300 && status < 400, status >= 500 && status < 600:
		return unreachable // a redirection is not followed: a trunk is where the policy says
	}
	return forbidden
}

// endsDialog: RFC 5057 §5.1, the answers to a refresh that end the subscription's dialog;
// 403 and its like are no answer to one that was accepted, unless that is over too.
func endsDialog(status int) bool {
	switch {
	case status == 0, status == 408, status == 481:
		return true
	case status == 500, status == 503, status == 491, status == 504, status == 480, status == 486, status == 600:
		return false
	}
	return true
}
