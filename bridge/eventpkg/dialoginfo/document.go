package dialoginfo

import "errors"

var (
	// ErrSyntax: not well-formed XML, or not a dialog-info document.
	ErrSyntax = errors.New("dialoginfo: not a dialog-info document")
	// ErrSchema: a dialog-info document that breaks the schema of RFC 4235 §4.4.
	ErrSchema = errors.New("dialoginfo: not valid by the schema of RFC 4235")
)

// Document is a dialog-info document as read.
type Document struct {
	// Version orders the documents of one subscription (RFC 4235 §4.1).
	Version uint32
	// Full: the document lists all dialogs, not only those that changed.
	Full   bool
	Entity string
	// Dialogs in the order of the document.
	Dialogs []Element
}

// Element is a dialog element as read. Strings are unescaped and trimmed.
type Element struct {
	ID, CallID, LocalTag, RemoteTag string
	Direction                       Direction
	// State is the state element's text; one of the five of RFC 4235 §3.7.1 when
	// Known says so (the schema allows any text).
	State State
	Known bool
	// Text is the state element as written; Event and Code are its attributes.
	Text, Event string
	Code        int
	// Duration in seconds, -1 if absent.
	Duration      int64
	Local, Remote Participant
}

// Participant is a local or remote element as read.
type Participant struct {
	Display, Identity, Target string
	// Params are the target's parameters; names without the leading + that some PBXs write.
	Params []Param
}

// Param is a Contact parameter of a target.
type Param struct{ Name, Value string }

// Held reports whether the observed user holds the dialog (RFC 4235 §5.2).
func (e *Element) Held() bool {
	if e.State != Confirmed || !e.Known {
		return false
	}
	for _, p := range e.Local.Params {
		if p.Name == "sip.rendering" && p.Value == "no" {
			return true
		}
	}
	return false
}

// rank orders states by what one lamp should show (RFC 4235 §3.7.2).
var rank = [...]int{Trying: 1, Proceeding: 2, Early: 3, Confirmed: 4, Terminated: 0}

// Lamp returns the dialog that a one-lamp phone shows: confirmed, else early,
// proceeding, trying, terminated (RFC 4235 §3.7.2); nil without a dialog of a known state.
func (d *Document) Lamp() *Element {
	var best *Element
	for i := range d.Dialogs {
		e := &d.Dialogs[i]
		if e.Known && (best == nil || rank[e.State] > rank[best.State]) {
			best = e
		}
	}
	return best
}
