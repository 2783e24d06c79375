package ladder

import (
	"time"

	"blfbridge/bridge/device"
)

// Ladder is a parsed flow.
type Ladder struct {
	Name  string
	Steps []Step
}

// Step is one line. Exactly one of the pointers is set.
type Step struct {
	// Line counts from 1; Text is the line without comment.
	Line int
	Text string
	// Phone is who sends or receives, "" for other steps.
	Phone string

	Request *Request
	Reply   *Reply
	Expect  *Expect
	PBX     *PBX
	Advance time.Duration
	// Do holds the words of a "bridge" or "policy" line.
	Do []string
}

// Field is a Header:Value.
type Field struct{ Name, Value string }

// Request is a request that a phone sends.
type Request struct {
	Method, Target string
	// New asks for another subscription instead of a refresh.
	New    bool
	Fields []Field
}

// Reply is a phone's answer to the NOTIFY it got last; Status 0 leaves it unanswered.
type Reply struct {
	Status int
	Fields []Field
}

// Expect is the next message to a phone.
type Expect struct {
	// Nothing: no message may come.
	Nothing bool
	// Status is set for a response, Method for a request.
	Status int
	Method string
	// State, and the parameters of Subscription-State; empty ones are not compared.
	State, Reason, RetryAfter, Expires string
	// Version is compared if HasVersion.
	Version    uint32
	HasVersion bool
	// Lamp is compared if not nil.
	Lamp   *Lamp
	Fields []Field
	// Answer tells the runner to answer a request with 200 at once: no line of the
	// ladder does.
	Answer bool
}

// Lamp is what a body shows. None means that there is no body.
type Lamp struct {
	None  bool
	State device.State
	Held  bool
}

// PBX is what the PBX reports from now on.
type PBX struct {
	// Line is the number; empty for Down and Up.
	Line     string
	Down, Up bool
	// State is Unknown, Idle, Ringing or Busy; Held goes with Busy. It is meaningless
	// when DND is set: then only the flag changes, to *DND.
	State device.State
	Held  bool
	DND   *bool
	// From and Name are the other party's.
	From, Name string
}

// UntilAdvance is the part before the first line that needs a clock of its own.
func (l Ladder) UntilAdvance() Ladder {
	for i, s := range l.Steps {
		if s.Advance > 0 {
			return Ladder{Name: l.Name, Steps: l.Steps[:i]}
		}
	}
	return l
}

// Phones are the names of the phones in order of appearance.
func (l Ladder) Phones() []string {
	var names []string
	seen := map[string]bool{"": true}
	for _, s := range l.Steps {
		if !seen[s.Phone] {
			seen[s.Phone] = true
			names = append(names, s.Phone)
		}
	}
	return names
}
