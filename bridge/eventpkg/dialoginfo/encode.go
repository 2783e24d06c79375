package dialoginfo

import (
	"strconv"

	"blfbridge/bridge/eventpkg/internal/xmltext"
)

// URI is a SIP URI in pieces: Raw as it is, or sip:User@Host. The encoder
// percent-encodes and escapes it.
type URI = xmltext.URI

// Direction of a dialog as the observed user sees it (RFC 4235 §4.1.1).
type Direction uint8

// None leaves the attribute out.
const (
	None Direction = iota
	Initiator
	Recipient
)

// State is a state of the dialog FSM (RFC 4235 §3.7.1).
type State uint8

const (
	Trying State = iota
	Proceeding
	Early
	Confirmed
	Terminated
)

var stateNames = [...]string{"trying", "proceeding", "early", "confirmed", "terminated"}

// String returns the state element's text.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "state(" + strconv.Itoa(int(s)) + ")"
}

// Hold is how a held dialog is marked in its local target.
type Hold uint8

const (
	// HoldRFC is pname="sip.rendering" pval="no" (RFC 4235 §4.1.6.2, §5.2).
	HoldRFC Hold = iota
	// HoldPBX is pname="+sip.rendering" pvalue="no", as Asterisk and FreeSWITCH
	// write it. Not valid by the schema.
	HoldPBX
)

// Party is a local or remote participant (RFC 4235 §4.1.6). Zero fields are left out.
type Party struct {
	Display  string
	Identity URI
	Target   URI
}

func (p *Party) empty() bool { return p.Identity.IsZero() && p.Target.IsZero() }

// Dialog is one dialog element to be written.
type Dialog struct {
	// ID names the dialog within the document; if empty, Key is written as 16 hex digits.
	ID  string
	Key uint64
	// CallID and the tags identify the SIP dialog; empty ones are left out. The tags
	// are the observed user's (RFC 4235 §4.1.1).
	CallID, LocalTag, RemoteTag string
	Direction                   Direction
	State                       State
	// Held adds the hold parameter to the local target, which then must be set.
	Held          bool
	Local, Remote Party
}

// Info is a dialog-info document to be written, always with full state.
type Info struct {
	Entity  URI
	Hold    Hold
	Dialogs []Dialog
}

// Append appends the document without the digits of its version and returns the
// offset from the start of dst at which they belong. It allocates only to grow dst.
func Append(dst []byte, info *Info) (out []byte, versionAt int) {
	dst = append(dst, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="`...)
	versionAt = len(dst)
	dst = append(dst, `" state="full" entity="`...)
	dst = xmltext.AppendURI(dst, info.Entity)
	dst = append(dst, "\">\n"...)
	for i := range info.Dialogs {
		dst = appendDialog(dst, &info.Dialogs[i], info.Hold)
	}
	return append(dst, "</dialog-info>\n"...), versionAt
}

func appendDialog(dst []byte, d *Dialog, hold Hold) []byte {
	dst = append(dst, `<dialog id="`...)
	if d.ID != "" {
		dst = xmltext.Append(dst, d.ID)
	} else {
		dst = appendHex(dst, d.Key)
	}
	dst = append(dst, '"')
	dst = appendAttr(dst, ` call-id="`, d.CallID)
	dst = appendAttr(dst, ` local-tag="`, d.LocalTag)
	dst = appendAttr(dst, ` remote-tag="`, d.RemoteTag)
	switch d.Direction {
	case Initiator:
		dst = append(dst, ` direction="initiator"`...)
	case Recipient:
		dst = append(dst, ` direction="recipient"`...)
	}
	// RFC 4235 §4.4: state comes first, then local, then remote.
	dst = append(dst, ">\n<state>"...)
	dst = append(dst, d.State.String()...)
	dst = append(dst, "</state>\n"...)
	if !d.Local.empty() {
		dst = append(dst, "<local>\n"...)
		dst = appendParty(dst, &d.Local, d.Held, hold)
		dst = append(dst, "</local>\n"...)
	}
	if !d.Remote.empty() {
		dst = append(dst, "<remote>\n"...)
		dst = appendParty(dst, &d.Remote, false, hold)
		dst = append(dst, "</remote>\n"...)
	}
	return append(dst, "</dialog>\n"...)
}

func appendParty(dst []byte, p *Party, held bool, hold Hold) []byte {
	if !p.Identity.IsZero() {
		dst = append(dst, "<identity"...)
		dst = appendAttr(dst, ` display="`, p.Display)
		dst = append(dst, '>')
		dst = xmltext.AppendURI(dst, p.Identity)
		dst = append(dst, "</identity>\n"...)
	}
	if p.Target.IsZero() {
		return dst
	}
	dst = append(dst, `<target uri="`...)
	dst = xmltext.AppendURI(dst, p.Target)
	switch {
	case !held:
		return append(dst, "\"/>\n"...)
	case hold == HoldPBX:
		return append(dst, "\">\n"+`<param pname="+sip.rendering" pvalue="no"/>`+"\n</target>\n"...)
	}
	// RFC 4235 §5.2: "no" says that the phone renders none of the media, which is hold.
	return append(dst, "\">\n"+`<param pname="sip.rendering" pval="no"/>`+"\n</target>\n"...)
}

func appendAttr(dst []byte, open, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, open...)
	dst = xmltext.Append(dst, value)
	return append(dst, '"')
}

func appendHex(dst []byte, v uint64) []byte {
	const hex = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, hex[v>>shift&15])
	}
	return dst
}
