package pickup

import (
	"strings"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/notifier"
	"blfbridge/policy"
)

// tokenLife is how long a token outlives the change that made it: more than a call rings.
const tokenLife = 10 * time.Minute

// Offers tells notifiers what to show a watcher that may pick up. Its Offer is a
// notifier.Config's.
type Offers struct {
	// Policy is the one in force.
	Policy func() *policy.Snapshot
	// Tokens makes the identifiers that lamps show; nil = none are shown.
	Tokens *Tokens
	// Raw shows the PBX's own identifiers instead, for phones whose INVITE goes straight
	// to it.
	Raw bool
}

// Offer says by what w may pick up the call.
func (o *Offers) Offer(a notifier.Asked) notifier.Offer {
	code := o.Policy().PickupCode(a.Line.Tenant)
	host, number := hostOf(a.Entity), a.Line.Number
	if _, bare := policy.BareWatcher(a.Line); bare {
		number = ""
	}
	var out notifier.Offer
	if host != "" {
		out.URI = "sip:" + code + number + "@" + host
	}
	switch {
	case a.Call == nil || a.Call.Dialog == device.SIPDialog{}:
	case o.Raw:
		out.Dialog = a.Call.Dialog
	case o.Tokens != nil:
		out.Dialog = o.Tokens.Seal(a.Watcher, a.Call.Dialog, a.At.Add(tokenLife))
	}
	return out
}

// hostOf is host and port of a SIP URI.
func hostOf(uri string) string {
	_, rest, ok := strings.Cut(uri, ":")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(rest, ";?"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		return rest[i+1:]
	}
	return rest
}
