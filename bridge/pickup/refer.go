package pickup

import (
	"slices"

	"blfbridge/bridge/compositor"
	"blfbridge/policy"
)

// Refer is a REFER from a phone towards a PBX, or a phone's 3xx to a call of the PBX: both
// make the PBX call somebody in the phone's name.
type Refer struct {
	Watcher policy.Watcher
	// Tenant of the Refer-To URI's host (or of the request's, where it is ours), and the
	// user part as sent.
	Tenant, User string
	// Replaces are the values of the URI's Replaces headers, escapes resolved.
	Replaces []string
	// Join: the URI has a Join header.
	Join bool
	// Own reports whether a dialog is the sender's, answered or not; nil = that is not known.
	Own func(Dialog) bool
	// Source is the PBX that is to make the call.
	Source string
}

// Refer decides about it before it is relayed: a transfer to a pickup code or onto a
// ringing call lets the PBX pick up. Send means by the PBX's own code: User is what the
// PBX is to call instead. An attended transfer names a call of the phone's own, or one that
// rings and that it may pick up: then EarlyOnly is set. Nobody else's is it that is answered.
func (p *Picker) Refer(r Refer) Verdict {
	v := p.refer(r)
	p.note(v, r.Watcher, r.User)
	return v
}

func (p *Picker) refer(r Refer) Verdict {
	if r.Join {
		return refuse(403, "Join Not Allowed", "Join is not for phones")
	}
	v := Verdict{}
	for _, text := range r.Replaces {
		x, ok := parseReplaces(text)
		switch {
		case !ok:
			return refuse(400, "Bad Replaces", "Replaces in a transfer needs a call-id, a to-tag and a from-tag")
		case isToken(x.callID):
			return refuse(403, "Pickup Not Allowed", "a lamp's identifiers are for an INVITE, not for a transfer")
		}
		legs := p.legs(func(l *compositor.Ringing) bool { return l.Call.Dialog.CallID == x.callID })
		switch {
		case slices.ContainsFunc(legs, func(l compositor.Ringing) bool {
			d := p.decide(r.Watcher, l.Line)
			return d.Allow() && d.Pickup
		}):
			v.EarlyOnly = true
		case len(legs) > 0:
			return forbidden("the transfer names a ringing call that may not be picked up from here")
		case r.Own == nil || !r.Own(Dialog{x.callID, x.toTag, x.fromTag}):
			return forbidden("the transfer names a call that is not this phone's")
		}
	}
	if number, code := p.code(r.Tenant, r.User); code {
		return p.transfer(r, number)
	}
	return v
}

// transfer is to a pickup code: the PBX that makes the call dials its own, if it has the
// ringing call as well.
func (p *Picker) transfer(r Refer, number string) Verdict {
	if len(r.Replaces) > 0 {
		return refuse(403, "Pickup Not Allowed", "a pickup code with Replaces is no transfer")
	}
	in := Invite{Watcher: r.Watcher, Tenant: r.Tenant, User: r.User, Last: true, dial: true}
	v := Verdict{}
	if number == "" {
		v = p.bare(in)
	} else {
		v = p.byNumber(in, number)
	}
	switch {
	case v.Action != Send:
		return v
	case v.Source != r.Source:
		return refuse(480, "Cannot Pick Up There", "the call rings at another PBX (%s); call the code instead", v.Source)
	case p.PBX[v.Source].Code == "":
		return refuse(480, "Cannot Pick Up There", "a transfer to a pickup code needs the PBX's own one (pbx.pickup_code); call the code instead")
	}
	return v
}
