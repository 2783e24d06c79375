package pickup

import (
	"slices"

	"blfbridge/bridge/compositor"
	"blfbridge/policy"
)

// Refer is a REFER from a phone towards a PBX.
type Refer struct {
	Watcher policy.Watcher
	// Tenant of the Refer-To URI's host (or of the request's, where it is ours), and the
	// user part as sent.
	Tenant, User string
	// Replaces are the values of the Refer-To URI's Replaces headers, escapes resolved.
	Replaces []string
}

// Refer decides about a REFER before it is relayed: a transfer to a pickup code or onto a
// ringing call would let the PBX pick up in the phone's name. An attended transfer names
// the phone's own call, which is no ringing callee leg of another line.
func (p *Picker) Refer(r Refer) Verdict {
	v := p.refer(r)
	p.note(v, r.Watcher, r.User)
	return v
}

func (p *Picker) refer(r Refer) Verdict {
	if _, code := p.code(r.Tenant, r.User); code {
		return refuse(403, "Pickup Not Allowed", "a call is picked up by calling the code, not by transfer")
	}
	for _, text := range r.Replaces {
		x, ok := parseReplaces(text)
		switch {
		case !ok:
			return refuse(400, "Bad Replaces", "Replaces in Refer-To needs a call-id, a to-tag and a from-tag")
		case isToken(x.callID):
			return refuse(403, "Pickup Not Allowed", "a lamp's identifiers are for an INVITE, not for a transfer")
		}
		legs := p.legs(func(l *compositor.Ringing) bool { return l.Call.Dialog.CallID == x.callID })
		if len(legs) > 0 && !slices.ContainsFunc(legs, func(l compositor.Ringing) bool {
			d := p.decide(r.Watcher, l.Line)
			return d.Allow() && d.Pickup
		}) {
			return forbidden("the transfer names a ringing call that may not be picked up from here")
		}
	}
	return Verdict{}
}
