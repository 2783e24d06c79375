package pickup

import (
	"fmt"

	"blfbridge/bridge/device"
)

// Action is what is to be done with a request.
type Action uint8

const (
	// Pass: no pickup; the request is relayed as if this package did not exist.
	Pass Action = iota
	// Refuse: it is answered with Status.
	Refuse
	// Send: it is relayed to the PBX named, changed as the verdict says.
	Send
	// Wait: ask again soon, and with Last set when the sender must get an answer. Status
	// and the rest are what it would get now.
	Wait
)

// Verdict is the answer to a request.
type Verdict struct {
	Action Action
	// Status, Phrase and Reason answer a refused request: status code, reason phrase, and
	// the sentence for Warning (RFC 3261 §20.43, code 399) that names what decided.
	Status         int
	Phrase, Reason string
	// Source is the PBX that has the ringing call.
	Source string
	// User becomes the user part of the request URI, Host its host unless empty.
	User, Host string
	// Replaces becomes the only Replaces header; empty = none.
	Replaces string
	// EarlyOnly: it passes, and its Replaces must not take a call that is answered meanwhile
	// (RFC 3891 §7.1).
	EarlyOnly bool
	// Caller is who calls, as far as the watcher may see it: for the phone that picks up.
	Caller device.Party
}

func refuse(status int, phrase, format string, args ...any) Verdict {
	return Verdict{Action: Refuse, Status: status, Phrase: phrase, Reason: fmt.Sprintf(format, args...)}
}

// The answers to a pickup that cannot be.
func forbidden(rule string) Verdict {
	return refuse(403, "Pickup Not Allowed", "%s", rule)
}

func nothing(what string) Verdict {
	return refuse(480, "Nothing To Pick Up", "%s", what)
}

func answered(number string) Verdict {
	return refuse(486, "Already Answered", "the call of %s is answered", number)
}

func unknownCall() Verdict {
	return refuse(481, "No Such Ringing Call", "Replaces names no call that rings now and may be picked up")
}
