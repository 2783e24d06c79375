package eventpkg

import (
	"strings"

	"blfbridge/bridge/eventpkg/dialoginfo"
)

// UnknownForm is how dialog-info shows a line of which nothing is known. The package
// has no such state: an empty document and terminated both mean idle by RFC 4235
// §3.7.2, so the form is a choice per phone. PIDF says basic=closed instead.
type UnknownForm uint8

const (
	// UnknownConfirmed lights the lamp as busy: the line cannot be reached now, and
	// never looks free.
	UnknownConfirmed UnknownForm = iota
	// UnknownEmpty sends no dialog at all, for phones that put the lamp out then.
	UnknownEmpty
	// UnknownTerminated shows idle, as Asterisk does.
	UnknownTerminated
)

// DNDForm is how dialog-info shows do not disturb, which the package does not know.
type DNDForm uint8

const (
	// DNDConfirmed lights the lamp as busy.
	DNDConfirmed DNDForm = iota
	// DNDIdle does not show it.
	DNDIdle
)

// TargetForm is what the remote target of a ringing dialog holds.
type TargetForm uint8

const (
	// TargetIdentity is the caller's URI.
	TargetIdentity TargetForm = iota
	// TargetPickup is the lamp's pickup URI, for phones that call the remote target to
	// pick up.
	TargetPickup
)

// SecondCall says what a lamp shows while one call is up and another rings.
type SecondCall uint8

const (
	// SecondByLine follows the line's own setting (ring_in_use).
	SecondByLine SecondCall = iota
	// SecondRinging always shows ringing.
	SecondRinging
	// SecondBusy always shows busy.
	SecondBusy
)

// PresenceForm is the dialect of PIDF.
type PresenceForm uint8

const (
	// PresenceRPID is RFC 4480 within RFC 4479.
	PresenceRPID PresenceForm = iota
	// PresenceCisco is the form of Cisco's enterprise firmware.
	PresenceCisco
)

// Dialect is what one family of phones wants of its NOTIFY bodies. The zero value is
// what every phone should understand.
type Dialect struct {
	// Name is stable: it is stored and stands in configuration.
	Name string
	// Agents are the beginnings of the User-Agent header values, lower case.
	Agents []string
	// Evidence says where the habits were seen.
	Evidence string

	// Several: one dialog element per call, instead of the one that counts.
	Several bool
	// DialingPhase: a dialling phone is shown trying, proceeding or early instead of
	// confirmed.
	DialingPhase bool
	// HideIDs leaves call-id and tags out even where the PBX can resolve them.
	HideIDs    bool
	Hold       dialoginfo.Hold
	Unknown    UnknownForm
	DND        DNDForm
	Target     TargetForm
	SecondCall SecondCall
	Presence   PresenceForm
	// NotifyRate is how many NOTIFYs a second one phone takes, 1 to 1000; what is more
	// waits, each subscription with its last state. 0 = any number.
	NotifyRate int
}

// DialectID is an index into the table of dialects, valid within one version of the
// program only: store the name.
type DialectID uint16

// Default is the dialect of phones that are not in the table.
const Default DialectID = 0

// Dialect returns the habits; an id out of range has those of Default. The result is
// shared: do not modify it.
func (d DialectID) Dialect() *Dialect {
	if int(d) >= len(dialects) {
		return &dialects[Default]
	}
	return &dialects[d]
}

// String returns the dialect's name.
func (d DialectID) String() string { return d.Dialect().Name }

// Dialects returns every id, Default first.
func Dialects() []DialectID {
	ids := make([]DialectID, len(dialects))
	for i := range ids {
		ids[i] = DialectID(i)
	}
	return ids
}

// DialectByName finds a dialect by its stable name.
func DialectByName(name string) (DialectID, bool) {
	for i := range dialects {
		if dialects[i].Name == name {
			return DialectID(i), true
		}
	}
	return Default, false
}

// DialectFor finds the dialect of a User-Agent header value: the longest known
// beginning wins, case does not count. Unknown agents have Default.
func DialectFor(userAgent string) DialectID {
	best, bestLen := Default, 0
	for i := range dialects {
		for _, a := range dialects[i].Agents {
			if len(a) > bestLen && len(userAgent) >= len(a) && strings.EqualFold(userAgent[:len(a)], a) {
				best, bestLen = DialectID(i), len(a)
			}
		}
	}
	return best
}
