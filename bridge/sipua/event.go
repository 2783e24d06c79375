package sipua

import (
	"strings"

	"blfbridge/bridge/subscription"
)

// event is an Event header (RFC 6665 §8.2.1).
type event struct {
	pkg subscription.Package
	id  string
	// params are the others, as sent, each with its semicolon.
	params string
	// oneDialog: a call-id parameter asks for a single dialog (RFC 4235 §3.2).
	oneDialog bool
}

// parseEvent reads the values of all Event headers of a request.
func parseEvent(values []string) (e event, err error) {
	if len(values) == 0 {
		return e, ErrEvent
	}
	if len(values) > 1 {
		return e, malformed("Event is doubled") // RFC 6665 §8.2.1: exactly one
	}
	name, params, _ := cutUnquoted(values[0], ';')
	// A template such as dialog.winfo is a package of its own (RFC 6665 §8.2.1).
	row := serviceOf("SUBSCRIBE", strings.TrimSpace(name))
	if row == nil {
		return e, ErrEvent
	}
	e.pkg = row.pkg
	var others strings.Builder
	for _, p := range splitUnquoted(params, ';') {
		n, v, _ := strings.Cut(p, "=")
		n, v = strings.TrimSpace(n), strings.TrimSpace(v)
		if strings.EqualFold(n, "id") {
			if !isToken(v) || e.id != "" || len(v) > maxIdentifier {
				return e, malformed("the id of Event is doubled, too long or no token")
			}
			e.id = v
			continue
		}
		e.oneDialog = e.oneDialog || strings.EqualFold(n, "call-id")
		others.WriteByte(';')
		others.WriteString(p)
	}
	e.params = others.String()
	return e, nil
}
