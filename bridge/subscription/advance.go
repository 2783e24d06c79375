// Package subscription is the RFC 6665 notifier's state machine of one subscription,
// pure: a flat Record and an Input give the next Record and Effects. It knows no
// sockets, no timers and no store; package notifier carries the effects out.
package subscription

import "blfbridge/policy"

// Kind says what happened to a subscription.
type Kind uint8

const (
	// Opened: the SUBSCRIBE that makes the record was accepted.
	Opened Kind = iota
	// Refreshed: a SUBSCRIBE within the dialog (Expires 0 unsubscribes).
	Refreshed
	// Granted: the 200 to a SUBSCRIBE has left; the NOTIFY is owed (RFC 6665 §4.2.1.2).
	Granted
	// Changed: the presentity moved; Input.Hash is what a body would be now.
	Changed
	// Answered: the outstanding NOTIFY ended with Input.Code.
	Answered
	// Ticked: the time of Record.Deadline has come.
	Ticked
	// Reauthorized: the policy decided anew.
	Reauthorized
	// Restored: the record was loaded from the store.
	Restored
	// FlowDown: the connection that NOTIFYs take is gone, or being dialled.
	FlowDown
	// FlowUp: it is back.
	FlowUp
	// Left: the process gives the subscription up for good, with Input.Reason.
	Left
)

// NoAnswer is the Code of a NOTIFY that timed out or could not be sent.
const NoAnswer = 0

// Input is one event. Only the fields that its Kind names are read.
type Input struct {
	Kind Kind
	// Now is the wall clock, Unix milliseconds.
	Now int64
	// Hash of the body as it would be sent now; read by every Kind that may notify.
	Hash uint64
	// CSeq and Lifetime (milliseconds) of a SUBSCRIBE: Opened, Refreshed.
	CSeq     uint32
	Lifetime int64
	// Code and RetryAfter (milliseconds, 0 = none): Answered.
	Code       int
	RetryAfter int64
	// Decision: Reauthorized. Early: a 200 has not left yet, so that Granted tells all.
	Allowed bool
	View    policy.View
	Pickup  bool
	Early   bool
	// Reason: Left, and Reauthorized if not allowed (NoReason = Rejected).
	Reason Reason
	// Durable: Opened and Refreshed, whether the store can be reached.
	Durable bool
	// Turn is when the watcher's phone takes a NOTIFY, Unix milliseconds; 0 = any time.
	// Read by every Kind that may notify.
	Turn int64
	// Closed: FlowDown, the connection was closed; whether it can be had again by dialling
	// is not known yet.
	Closed bool
}

// Effects are what the owner must do, in this order: Cancel, Persist or Forget, Answer
// (after the commit), Notify, Remove.
type Effects struct {
	// Answer is the status of the response to the SUBSCRIBE; 0 = none is due.
	Answer int
	// Cancel: stop retransmitting the outstanding NOTIFY, and ignore its answer.
	Cancel bool
	// Notify: send a NOTIFY with these numbers and the current state.
	Notify        bool
	CSeq, Version uint32
	// Paced: a NOTIFY would be due, but waits for Input.Turn.
	Paced bool
	// Persist: write the record. Forget: delete it from the store.
	Persist, Forget bool
	// Remove: the subscription is over; drop it from memory.
	Remove bool
}

// Rules are the parameters of Advance, the same for every subscription.
type Rules struct {
	// Block is how many CSeqs and versions are reserved in the store at a time.
	Block uint32
	// MinInterval (milliseconds) between NOTIFYs of one subscription; 0 = none.
	MinInterval int64
	// MaxFailures in a row drop the subscription.
	MaxFailures uint8
	// NonDurableLifetime (milliseconds) bounds grants while the store is away.
	NonDurableLifetime int64
}

// DefaultRules are the values used unless configured.
var DefaultRules = Rules{Block: 256, MinInterval: 0, MaxFailures: 3, NonDurableLifetime: 120_000}

// crashGap is added to the limits when a record comes back from a crash: NOTIFYs sent
// while the store was away may have gone past the reserved block.
const crashGap = 1 << 16

// forgotten (milliseconds) is how long after its end a subscription that ran out while no
// process was there is still told so: no phone waits longer than the longest lifetime.
const forgotten = 3600_000

// Advance takes one step. It does not change its argument's cold part.
func (u Rules) Advance(r Record, in Input) (Record, Effects) {
	var e Effects
	switch in.Kind {
	case Opened:
		r.Created, r.CSeq = in.Now, max(r.CSeq, 1)
		u.subscribe(&r, in, &e)
	case Refreshed:
		// RFC 3261 §12.2.2: a lower CSeq is out of order. An equal one is a
		// retransmission that outlived its transaction (a restart): answered again.
		if in.CSeq < r.RemoteCSeq {
			e.Answer = 500
			return r, e
		}
		if r.Status == Terminated {
			e.Answer = 481
			return r, e
		}
		u.subscribe(&r, in, &e)
	case Granted:
		if r.Status != Terminated && in.Now >= r.Expires {
			u.terminate(&r, in, &e, Timeout) // it ran out while no process held it
			break
		}
		u.notify(&r, in, &e, true)
	case Changed:
		u.notify(&r, in, &e, false)
	case Answered:
		u.answered(&r, in, &e)
	case Ticked:
		u.ticked(&r, in, &e)
	case Reauthorized:
		u.reauthorized(&r, in, &e)
	case Restored:
		u.restored(&r, in, &e)
	case FlowDown:
		u.flowDown(&r, in, &e)
	case FlowUp:
		if r.Flags&FlowLost != 0 {
			r.Flags &^= FlowLost
			u.notify(&r, in, &e, r.Flags&Due != 0)
		}
	case Left:
		if r.Status != Terminated {
			u.terminate(&r, in, &e, in.Reason)
		}
	}
	return r, e
}

// Deadline is when Ticked is due, Unix milliseconds.
func (h *Hot) Deadline() int64 {
	if h.Status == Terminated {
		return h.NotBefore // of a last NOTIFY that is paced
	}
	if h.Flags&(Due|Waiting) != 0 && h.Flags&(Outstanding|FlowLost) == 0 {
		return min(h.Expires, h.NotBefore)
	}
	return h.Expires
}

// Seal makes the record say that no CSeq or version beyond the next ones was used: the
// form that a clean stop stores, so that the next process goes on without a gap.
func (h *Hot) Seal() { h.CSeqLimit, h.VersionLimit = h.CSeq, h.Version }

// Follows reports whether a record came back from another process that went on from what was
// stored then; else it is the one that was stored, whatever was sent of it since.
func (h *Hot) Follows(stored *Hot) bool { return h.CSeq >= stored.CSeqLimit+crashGap }

func (u Rules) subscribe(r *Record, in Input, e *Effects) {
	e.Answer = 200
	r.RemoteCSeq = in.CSeq
	r.Failures = 0
	r.Flags &^= FlowLost | NonDurable | Due | Waiting // Granted notifies anyway, after the 200
	if !in.Durable {
		r.Flags |= NonDurable
		in.Lifetime = min(in.Lifetime, u.NonDurableLifetime)
	}
	r.Expires = in.Now + in.Lifetime
	if in.Lifetime == 0 {
		// RFC 6665 §4.2.1.4 and §4.4.3: unsubscribing and fetching both end with a
		// NOTIFY that says terminated and carries the state.
		r.Status, r.Reason = Terminated, Timeout
		r.Flags |= Due
		e.Forget = in.Kind != Opened
		return
	}
	e.Persist = true
	u.reserve(r, e)
}

// reserve keeps at least half a block ahead of what is used.
func (u Rules) reserve(r *Record, e *Effects) {
	if r.CSeq+u.Block/2 > r.CSeqLimit || r.Version+u.Block/2 > r.VersionLimit {
		r.CSeqLimit, r.VersionLimit = r.CSeq+u.Block, r.Version+u.Block
		if !reserves {
			r.Seal()
			return
		}
		e.Persist = true
	}
}

// notify sends the state if it is owed (force) or differs from what was sent last.
func (u Rules) notify(r *Record, in Input, e *Effects, force bool) {
	if force {
		r.Flags |= Due
	}
	switch {
	case in.Early && in.Kind != Granted:
		return // no NOTIFY overtakes the 200 that is on its way; Granted follows it
	case r.Status == Terminated && !force:
		return // the last NOTIFY is on its way
	case r.Flags&FlowLost != 0:
		if in.Hash != r.BodyHash {
			r.Flags |= Due
		}
		return
	case r.Flags&Outstanding != 0 && !force:
		return // Answered looks again: one outstanding, the last state wins
	case r.Flags&Due == 0 && in.Hash == r.BodyHash:
		r.Flags &^= Waiting
		return
	case in.Now < r.NotBefore && in.Kind != Granted && r.Status != Terminated:
		r.Flags |= Waiting
		return
	case in.Now < in.Turn:
		// The last state is told when the phone takes it. One that is superseded is not
		// sent again meanwhile.
		e.Paced, e.Cancel = true, r.Flags&Outstanding != 0
		r.Flags = r.Flags&^Outstanding | Waiting
		r.NotBefore = in.Turn
		return
	}
	// FIELD: an accepted SUBSCRIBE supersedes the outstanding NOTIFY.
	e.Cancel = r.Flags&Outstanding != 0
	e.Notify, e.CSeq, e.Version = true, r.CSeq, r.Version
	r.CSeq++
	r.Version++
	r.BodyHash = in.Hash
	r.NotBefore = in.Now + u.MinInterval
	r.Flags = r.Flags&^(Due|Waiting) | Outstanding
	if r.Status != Terminated {
		u.reserve(r, e)
	}
}

func (u Rules) terminate(r *Record, in Input, e *Effects, why Reason) {
	r.Status, r.Reason = Terminated, why
	e.Forget = true
	if r.Flags&FlowLost != 0 {
		e.Remove = true
		return
	}
	u.notify(r, in, e, true)
}

func (u Rules) answered(r *Record, in Input, e *Effects) {
	r.Flags &^= Outstanding
	ok := in.Code >= 200 && in.Code < 300
	switch {
	case r.Status == Terminated && r.Flags&Due != 0:
		// The answer to an earlier one: the last NOTIFY follows the 200.
	case r.Status == Terminated:
		e.Forget, e.Remove = true, true
	case ok:
		r.Failures = 0
		r.AckedVersion = r.Version
		u.notify(r, in, e, false)
	case endsDialog(in.Code):
		e.Forget, e.Remove = true, true
	case in.RetryAfter > 0:
		// RFC 6665 §4.2.2: with Retry-After the subscription stays and is tried then.
		r.Flags |= Due
		r.NotBefore = in.Now + in.RetryAfter
	default:
		// A deliberate deviation from RFC 6665 §4.2.2: one lost NOTIFY is not the end.
		r.Failures++
		if r.Failures >= u.MaxFailures {
			e.Forget, e.Remove = true, true
			return
		}
		r.Flags |= Due
		if in.Code == NoAnswer {
			r.NotBefore = in.Now
			u.notify(r, in, e, true)
			return
		}
		r.NotBefore = in.Now + int64(r.Failures)*5000
	}
}

// endsDialog: RFC 5057 §5.1, the answers that end the dialog or the usage; RFC 6665 §4.2.2.
func endsDialog(code int) bool {
	switch code {
	case 404, 410, 416, 481, 482, 483, 484, 485, 489, 501, 604:
		return true
	}
	return false
}

func (u Rules) ticked(r *Record, in Input, e *Effects) {
	switch {
	case r.Status == Terminated:
		if r.Flags&Due != 0 {
			u.notify(r, in, e, true)
		}
	case in.Now >= r.Expires:
		u.terminate(r, in, e, Timeout)
	case r.Flags&(Due|Waiting) != 0:
		u.notify(r, in, e, false)
	}
}

func (u Rules) reauthorized(r *Record, in Input, e *Effects) {
	if r.Status == Terminated {
		return
	}
	why := in.Reason
	if why == NoReason {
		why = Rejected
	}
	switch {
	case !in.Allowed && in.Early:
		r.Status, r.Reason = Terminated, why
		r.Flags |= Due
		e.Forget = true
		return
	case !in.Allowed:
		u.terminate(r, in, e, why)
		return
	}
	pickup := r.Flags &^ PickupAllowed
	if in.Pickup {
		pickup |= PickupAllowed
	}
	e.Persist = in.View != r.View || pickup != r.Flags
	r.View, r.Flags = in.View, pickup
	u.notify(r, in, e, false)
}

func (u Rules) restored(r *Record, in Input, e *Effects) {
	if r.Status == Terminated || in.Now >= r.Expires+forgotten {
		e.Forget, e.Remove = true, true
		return
	}
	if r.CSeqLimit != r.CSeq || r.VersionLimit != r.Version { // not sealed: a crash
		r.CSeq, r.Version = r.CSeqLimit+crashGap, r.VersionLimit+crashGap
	}
	r.CSeqLimit, r.VersionLimit = 0, 0
	r.Failures, r.NotBefore = 0, 0
	r.Flags = r.Flags&^(Outstanding|Waiting|FlowLost) | Due
	if in.Now >= r.Expires {
		r.Status, r.Reason = Terminated, Timeout
		e.Forget = true
		return
	}
	u.reserve(r, e)
}

func (u Rules) flowDown(r *Record, in Input, e *Effects) {
	lost := r.Flags&Outstanding != 0
	e.Cancel = lost
	if r.Status == Terminated {
		e.Forget, e.Remove = true, true
		return
	}
	if lost {
		r.Flags = r.Flags&^Outstanding | Due
	}
	if !in.Closed {
		r.Flags |= FlowLost
		return
	}
	// RFC 3261 §18.1.1: a new connection is opened when there is something to send. A
	// peer that takes connections only to close them counts as one that does not answer.
	if !lost {
		return
	}
	if r.Failures++; r.Failures >= u.MaxFailures {
		r.Flags |= FlowLost
		return
	}
	u.notify(r, in, e, false)
	e.Cancel = true
}
