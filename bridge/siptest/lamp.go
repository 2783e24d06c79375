package siptest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"blfbridge/bridge/device"
)

// ErrBody is wrapped by errors about a NOTIFY's body.
var ErrBody = errors.New("siptest: unreadable body")

// Lamp is what a NOTIFY's body means to a phone.
type Lamp struct {
	State device.State
	// Held: the watched line holds its call (RFC 4235 §5.2, sip.rendering=no).
	Held bool
	// Entity is the body's entity attribute.
	Entity string
	// Version and Full are dialog-info's version and state="full"; HasVersion is
	// false for presence documents, which have none.
	Version    uint32
	HasVersion bool
	Full       bool
	// Calls counts the dialog elements that are not terminated.
	Calls int
	// Remote and RemoteName are the shown call's other party, where the body tells.
	Remote, RemoteName string
}

// ReadLamp reads a body as a phone does: leniently about what it does not know. It is
// a parser of its own on purpose; the server's shares no line with it.
func ReadLamp(contentType string, body []byte) (Lamp, error) {
	kind, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "application/dialog-info+xml":
		return readDialogInfo(body)
	case "application/pidf+xml", "application/cpim-pidf+xml":
		return readPIDF(body)
	}
	return Lamp{}, fmt.Errorf("%w: Content-Type %q", ErrBody, contentType)
}

const nsDialogInfo = "urn:ietf:params:xml:ns:dialog-info"

type dialogInfoXML struct {
	XMLName xml.Name
	Version *uint32 `xml:"version,attr"`
	State   string  `xml:"state,attr"`
	Entity  string  `xml:"entity,attr"`
	Dialogs []struct {
		Direction string `xml:"direction,attr"`
		State     string `xml:"state"`
		Local     struct {
			Params []struct {
				// Both spellings: the RFC's, and the one of Asterisk and FreeSWITCH.
				Name   string `xml:"pname,attr"`
				Val    string `xml:"pval,attr"`
				Valued string `xml:"pvalue,attr"`
			} `xml:"target>param"`
		} `xml:"local"`
		Remote struct {
			Identity struct {
				Display string `xml:"display,attr"`
				URI     string `xml:",chardata"`
			} `xml:"identity"`
		} `xml:"remote"`
	} `xml:"dialog"`
}

// phase order of RFC 4235 §3.7.2, for choosing which dialog the lamp shows.
var dialogRank = map[string]int{"terminated": 0, "trying": 1, "proceeding": 2, "early": 3, "confirmed": 4}

func readDialogInfo(body []byte) (Lamp, error) {
	var d dialogInfoXML
	if err := unmarshal(body, &d); err != nil {
		return Lamp{}, err
	}
	if d.XMLName.Space != nsDialogInfo || d.XMLName.Local != "dialog-info" {
		return Lamp{}, fmt.Errorf("%w: root element %s %s", ErrBody, d.XMLName.Space, d.XMLName.Local)
	}
	if d.Version == nil {
		return Lamp{}, fmt.Errorf("%w: dialog-info without version", ErrBody)
	}
	l := Lamp{Entity: d.Entity, Version: *d.Version, HasVersion: true, Full: d.State == "full"}
	best := -1
	for _, x := range d.Dialogs {
		state := strings.TrimSpace(x.State)
		rank, known := dialogRank[state]
		if !known {
			return Lamp{}, fmt.Errorf("%w: dialog state %q", ErrBody, state)
		}
		if state != "terminated" {
			l.Calls++
		}
		if rank <= best {
			continue
		}
		best = rank
		l.Held = false
		l.Remote, l.RemoteName = strings.TrimSpace(x.Remote.Identity.URI), x.Remote.Identity.Display
		switch {
		case state == "terminated":
			l.State = device.Idle
		case state != "confirmed" && x.Direction == "recipient":
			l.State = device.Ringing
		default:
			l.State = device.Busy
		}
		for _, p := range x.Local.Params {
			if strings.TrimPrefix(p.Name, "+") == "sip.rendering" && p.Val+p.Valued == "no" {
				l.Held = true
			}
		}
	}
	return l, nil
}

// readPIDF walks the document's elements: presence dialects differ in where they put
// the activity, not in what they call it. RPID has no word for ringing and none for do
// not disturb; the note tells then.
func readPIDF(body []byte) (Lamp, error) {
	var l Lamp
	var basic, note, last string
	seen := map[string]bool{}
	dec := xml.NewDecoder(bytes.NewReader(body))
	for depth := 0; ; {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) && depth == 0 && l.Entity != "" {
			break
		}
		if err != nil {
			return l, fmt.Errorf("%w: %w", ErrBody, err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				if t.Name.Space != "urn:ietf:params:xml:ns:pidf" || t.Name.Local != "presence" {
					return l, fmt.Errorf("%w: root element %s %s", ErrBody, t.Name.Space, t.Name.Local)
				}
				for _, a := range t.Attr {
					if a.Name.Local == "entity" {
						l.Entity = a.Value
					}
				}
			}
			last = t.Name.Local
			seen[last] = true
		case xml.EndElement:
			depth--
			last = ""
		case xml.CharData:
			switch last {
			case "basic":
				basic += strings.TrimSpace(string(t))
			case "note":
				note += strings.TrimSpace(string(t)) + "\n"
			}
		}
	}
	switch {
	case seen["alerting"], strings.HasPrefix(note, "Ringing"):
		l.State = device.Ringing
	case seen["on-the-phone"]:
		l.State = device.Busy
		l.Held = strings.HasPrefix(note, "On hold")
	case seen["dnd"], seen["busy"] && strings.HasPrefix(note, "Do not disturb"):
		l.State = device.DND
	case seen["busy"]:
		l.State = device.Busy
	case basic == "open":
		l.State = device.Idle
	}
	return l, nil
}

func unmarshal(body []byte, v any) error {
	dec := xml.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrBody, err)
	}
	for {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if text, ok := t.(xml.CharData); err != nil || !ok || len(bytes.TrimSpace(text)) > 0 {
			return fmt.Errorf("%w: something follows the document", ErrBody)
		}
	}
}
