package pidf

import (
	"errors"
	"strings"
)

var (
	// ErrSyntax: not well-formed XML, or not a presence document.
	ErrSyntax = errors.New("pidf: not a presence document")
	// ErrSchema: a presence document that breaks the schemas of RFC 3863 §4.4, RFC
	// 4479 §5.1 or RFC 4480 §5.1.
	ErrSchema = errors.New("pidf: not valid by the schema of RFC 3863")
)

// Document is a presence document as read; strings are unescaped and trimmed.
type Document struct {
	Entity  string
	Tuples  []Tuple
	Notes   []string
	Persons []Person
}

// Tuple is one way to reach the presentity (RFC 3863 §4.1.2).
type Tuple struct {
	ID string
	// Basic is "open", "closed" or empty.
	Basic   string
	Contact string
	Notes   []string
}

// Person is the data model's person (RFC 4479 §3.1).
type Person struct {
	ID string
	// Activities are the local names of what the person does, whatever namespace
	// they come from: "on-the-phone", "busy", Cisco's "alerting" and "dnd".
	Activities []string
	Notes      []string
}

// Open reports whether any tuple can be reached.
func (d *Document) Open() bool {
	for _, t := range d.Tuples {
		if t.Basic == "open" {
			return true
		}
	}
	return false
}

// Doing reports whether a person is engaged in the activity of that local name.
func (d *Document) Doing(activity string) bool {
	for _, p := range d.Persons {
		for _, a := range p.Activities {
			if a == activity {
				return true
			}
		}
	}
	return false
}

// Ringing reports Cisco's alerting activity, or a note that Asterisk or FreeSWITCH
// write for a phone that rings: RPID has no activity for it.
func (d *Document) Ringing() bool {
	if d.Doing("alerting") {
		return true
	}
	ringing := func(notes []string) bool {
		for _, n := range notes {
			if n == "Ringing" || strings.HasPrefix(n, "Ring ") {
				return true
			}
		}
		return false
	}
	if ringing(d.Notes) {
		return true
	}
	for _, p := range d.Persons {
		if ringing(p.Notes) {
			return true
		}
	}
	return false
}
