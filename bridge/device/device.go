// Package device is the vocabulary that adapters and the compositor share:
// what a PBX says about one device, normalised. It is a leaf: standard library
// only, plain values, no behaviour beyond reading them.
package device

import (
	"fmt"
	"slices"
	"time"
)

// State is what one lamp shows. The order matters: when several devices make a
// line the highest wins, except that Unknown needs all of them (see package line).
type State uint8

const (
	// Unknown: the PBX is away, or the device is not registered. The zero value,
	// so that nothing is ever shown free by omission.
	Unknown State = iota
	// Idle: reachable and without a call.
	Idle
	// Ringing: at least one call alerts the device, none is answered.
	Ringing
	// Busy: in a call, on hold, or dialling.
	Busy
	// DND is only the single-lamp value of "DND flag on and no call"; a device's
	// State field never holds it (the flag stands beside the state).
	DND
)

// States lists every State, for tables and tests that must cover them all.
var States = [...]State{Unknown, Idle, Ringing, Busy, DND}

var stateNames = [...]string{"unknown", "idle", "ringing", "busy", "dnd"}

// String returns the lower-case name used in logs, REST and ladders.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// ParseState is the inverse of State.String.
func ParseState(s string) (State, error) {
	if i := slices.Index(stateNames[:], s); i >= 0 {
		return State(i), nil
	}
	return Unknown, fmt.Errorf("device: unknown state %q, want one of %v", s, stateNames)
}

// Direction of a call as the watched device sees it (RFC 4235 §4.1.2).
type Direction uint8

const (
	// Initiator: the device dialled.
	Initiator Direction = iota
	// Recipient: the device is being called.
	Recipient
)

// String returns the RFC 4235 attribute value.
func (d Direction) String() string {
	if d == Recipient {
		return "recipient"
	}
	return "initiator"
}

// Phase is how far a call is (RFC 4235 §3.7.1), with Held beside Confirmed.
type Phase uint8

const (
	// Trying: dialled, nothing heard yet.
	Trying Phase = iota
	// Proceeding: a provisional answer without a tag.
	Proceeding
	// Early: ringing at the far end (Initiator) or here (Recipient).
	Early
	// Confirmed: answered.
	Confirmed
	// Held: answered, and held by this device.
	Held
	// Terminated: over. Adapters drop ended calls instead of reporting this.
	Terminated
)

var phaseNames = [...]string{"trying", "proceeding", "early", "confirmed", "held", "terminated"}

// String returns the lower-case name; Held is "held".
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return fmt.Sprintf("phase(%d)", uint8(p))
}

// Party is the other end of a call, as far as the PBX tells. Either field may be empty.
type Party struct {
	Number string // as dialled or presented, not normalised
	Name   string // display name, UTF-8
}

// SIPDialog identifies the SIP dialog between PBX and phone. It is set only where
// the PBX can resolve it in a Replaces header: a Replaces that no PBX knows fails
// silently. Tags are seen from the PBX (LocalTag is the PBX's).
type SIPDialog struct {
	CallID, LocalTag, RemoteTag string
}

// Call is one call leg of a device.
type Call struct {
	ID        string // the PBX's own id of the leg: Asterisk channel id, FreeSWITCH uuid
	Direction Direction
	Phase     Phase
	Remote    Party
	Dialog    SIPDialog
	// CallID is the SIP Call-ID of the leg, also where Dialog is not set; empty where the
	// PBX does not tell. It names the call to nobody but us.
	CallID string
	Since  time.Time // when the leg began, by the PBX's clock; zero if it did not say
}

// Kind says what a reported thing is.
type Kind uint8

const (
	// Phone: a device with a number that makes and takes calls.
	Phone Kind = iota
	// DNDFlag: not a device but the do-not-disturb flag of Number@Domain
	// (Custom:DND<ext>, FusionPBX proto dnd); DND holds it, State and Calls are unused.
	DNDFlag
	// Special: a park slot, conference, queue or custom state; watched by its Name.
	Special
)

// Status is everything known of one device at one moment. A Change replaces the
// previous Status of the same ID whole, so a repeated or coalesced one is harmless.
type Status struct {
	// Name is the PBX's own name: "PJSIP/1001", "1001@pbx.test", "park:701@parkedcalls".
	Name string
	Kind Kind
	// Number and Domain are what zero configuration makes a line of. Domain is empty
	// where the PBX has no domains; the source's configured tenant applies then.
	Number, Domain string
	// State is Unknown, Idle, Ringing or Busy as the PBX reports it, or as Calls show.
	State State
	DND   bool
	// Calls are the legs not yet ended, oldest first. Receivers must not modify them.
	Calls []Call
	// At is when the event that caused this reached the adapter: lamp latency starts here.
	At time.Time
}

// Equal reports whether two statuses show the same thing; At does not count.
func (s Status) Equal(o Status) bool {
	return s.Name == o.Name && s.Kind == o.Kind && s.Number == o.Number && s.Domain == o.Domain &&
		s.State == o.State && s.DND == o.DND && slices.Equal(s.Calls, o.Calls)
}

// StateOfCalls derives a device's state from its calls; ok is false without a call.
// A call that is answered, held or dialled makes it busy; one that alerts, ringing
// (unless another makes it busy).
func StateOfCalls(calls []Call) (s State, ok bool) {
	s = Unknown
	for i := range calls {
		c := &calls[i]
		switch {
		case c.Phase == Terminated:
			continue
		case c.Direction == Recipient && c.Phase < Early:
			continue // the phone has not rung yet: an engaged phone must not flash
		case c.Direction == Recipient && c.Phase == Early:
			s = max(s, Ringing)
		default:
			s = max(s, Busy)
		}
		ok = true
	}
	return s, ok
}
