package sipua

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// other answers what is no SUBSCRIBE.
func (x *exchange) other() {
	req, q := x.req, x.ask
	inDialog := q.toTag != ""
	if u, ok := parseURI(q.uri); ok && !u.served() && knownMethods[string(req.Method)] {
		x.refuse(ErrScheme) // RFC 3261 §8.2.2.1
		return
	}
	switch req.Method {
	case sip.OPTIONS:
		// RFC 3261 §11.2: as if it were a call to us, which many use as a ping.
		if tags := optionTags(q.headers(kindRequire)); len(tags) > 0 {
			x.refuse(refusing{ErrExtension, []field{{"Unsupported", strings.Join(tags, ", ")}}})
			return
		}
		x.respond(outcome{200, "", x.server.refusalTag(q), []field{{"Allow", x.server.allow()}, {"Accept", accepts}, {"Allow-Events", allowEvents}}})
	case sip.INVITE:
		if !x.feature() {
			x.refuse(ErrMethod)
		}
	case sip.BYE:
		if !x.server.hangups.bye(q) {
			x.refuse(ErrNoDialog)
			return
		}
		x.respond(outcome{status: 200})
	case sip.CANCEL, sip.PRACK, sip.UPDATE:
		// RFC 3261 §9.2, §15.1.2: there is nothing they could belong to.
		x.refuse(ErrNoDialog)
	case sip.NOTIFY:
		x.notify()
	case sip.INFO:
		if inDialog {
			x.refuse(ErrNoDialog)
			return
		}
		x.refuse(ErrMethod)
	default:
		if knownMethods[string(req.Method)] {
			x.refuse(ErrMethod)
			return
		}
		x.refuse(ErrUnknownMethod)
	}
}
