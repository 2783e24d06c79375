package pickup

import (
	"strings"

	"blfbridge/bridge/device"
)

// replaces is a Replaces header value as read (RFC 3891 §6.1).
type replaces struct{ callID, toTag, fromTag string }

// ciscoPrefix is what Cisco's enterprise firmware puts before the call-id.
const ciscoPrefix = "pickup-"

// parseReplaces reads a value; ok is false for what names no dialog, or could be read to
// name another one.
func parseReplaces(v string) (r replaces, ok bool) {
	parts := strings.Split(v, ";")
	r.callID = strings.TrimPrefix(strings.TrimSpace(parts[0]), ciscoPrefix)
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		value = strings.TrimSpace(value)
		tag := &r.toTag
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "to-tag":
		case "from-tag":
			tag = &r.fromTag
		default:
			continue
		}
		if *tag != "" {
			return r, false // who reads it might take the other one
		}
		*tag = value
	}
	return r, r.callID != "" && r.toTag != "" && r.fromTag != "" && !strings.ContainsAny(v, "\",<>") &&
		!strings.ContainsAny(r.callID+r.toTag+r.fromTag, " \t")
}

// replacesOf names a ringing callee leg to the PBX that has it. RFC 3891 §3: to-tag is the
// tag of who receives the INVITE, which is the PBX's; FreeSWITCH matches it with the To
// tag of its own INVITE instead, which is the phone's. Always early-only (RFC 3891 §7.1): an
// answered call stays untouched, and the INVITE gets 486. FreeSWITCH 1.11 looks for that
// in the first parameter alone, and wants it to have a value; else it takes the answered call
// away. Its refusal is 603.
func replacesOf(d device.SIPDialog, t Type) string {
	if t == FreeSWITCH {
		return d.CallID + ";early-only=true;to-tag=" + d.RemoteTag + ";from-tag=" + d.LocalTag
	}
	return d.CallID + ";to-tag=" + d.LocalTag + ";from-tag=" + d.RemoteTag + ";early-only"
}
