package pidf

import "blfbridge/bridge/eventpkg/internal/xmltext"

// URI is a SIP URI in pieces: Raw as it is, or sip:User@Host.
type URI = xmltext.URI

// Activity is a set of what the person does.
type Activity uint8

const (
	// OnThePhone: in a call (RFC 4480 §3.2).
	OnThePhone Activity = 1 << iota
	// Alerting: being called. Only Cisco's form has an element for it; elsewhere
	// it shows as on-the-phone.
	Alerting
	// DND: do not disturb: busy in RPID, dnd in Cisco's form.
	DND
	// Unknown: nothing is known of the person (RFC 4480 §3.2).
	Unknown
)

// Status is a presence document to be written.
type Status struct {
	Entity URI
	// Contact is where the tuple can be reached; left out if zero.
	Contact URI
	// Open: the line can be reached (RFC 3863 §4.1.4).
	Open       bool
	Activities Activity
	// Note is shown by phones as text; left out if empty.
	Note string
}

// Append appends the application/pidf+xml document. It allocates only to grow dst.
func Append(dst []byte, s *Status) []byte {
	dst = append(dst, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<presence xmlns="urn:ietf:params:xml:ns:pidf"`+
		` xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"`+
		` xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="`...)
	dst = xmltext.AppendURI(dst, s.Entity)
	dst = append(dst, "\">\n"...)
	// RFC 3863 §4.4: tuples, then notes, then other namespaces.
	dst = appendTuple(dst, s)
	if s.Note != "" {
		dst = append(dst, "<note>"...)
		dst = xmltext.Append(dst, s.Note)
		dst = append(dst, "</note>\n"...)
	}
	dst = append(dst, "<dm:person id=\"person\">\n"...)
	if s.Activities != 0 {
		dst = append(dst, "<rpid:activities>\n"...)
		if s.Activities&(OnThePhone|Alerting) != 0 {
			dst = append(dst, "<rpid:on-the-phone/>\n"...)
		}
		if s.Activities&DND != 0 {
			dst = append(dst, "<rpid:busy/>\n"...)
		}
		if s.Activities == Unknown {
			dst = append(dst, "<rpid:unknown/>\n"...)
		}
		dst = append(dst, "</rpid:activities>\n"...)
	}
	if s.Note != "" {
		dst = append(dst, "<dm:note>"...)
		dst = xmltext.Append(dst, s.Note)
		dst = append(dst, "</dm:note>\n"...)
	}
	return append(dst, "</dm:person>\n</presence>\n"...)
}

// AppendCisco appends the document as Cisco's enterprise phones read it: activities of
// the status:rpid namespace, with alerting and dnd of Cisco's own.
func AppendCisco(dst []byte, s *Status) []byte {
	dst = append(dst, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<presence xmlns="urn:ietf:params:xml:ns:pidf"`+
		` xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"`+
		` xmlns:e="urn:ietf:params:xml:ns:pidf:status:rpid"`+
		` xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid" entity="`...)
	dst = xmltext.AppendURI(dst, s.Entity)
	dst = append(dst, "\">\n"...)
	dst = appendTuple(dst, s)
	dst = append(dst, "<dm:person id=\"person\">\n<e:activities>\n"...)
	if s.Activities&Alerting != 0 {
		dst = append(dst, "<ce:alerting/>\n"...)
	}
	if s.Activities&OnThePhone != 0 {
		dst = append(dst, "<e:on-the-phone/>\n"...)
	}
	if s.Activities&DND != 0 {
		dst = append(dst, "<ce:dnd/>\n"...)
	}
	if s.Activities == 0 && s.Open {
		dst = append(dst, "<ce:available/>\n"...)
	}
	return append(dst, "</e:activities>\n</dm:person>\n</presence>\n"...)
}

func appendTuple(dst []byte, s *Status) []byte {
	dst = append(dst, "<tuple id=\"line\">\n<status>\n<basic>"...)
	if s.Open {
		dst = append(dst, "open"...)
	} else {
		dst = append(dst, "closed"...)
	}
	dst = append(dst, "</basic>\n</status>\n"...)
	if !s.Contact.IsZero() {
		dst = append(dst, `<contact priority="1">`...)
		dst = xmltext.AppendURI(dst, s.Contact)
		dst = append(dst, "</contact>\n"...)
	}
	return append(dst, "</tuple>\n"...)
}

// AppendXPIDF appends the application/xpidf+xml document of the IMPP drafts that
// preceded PIDF, as old Polycom phones and Asterisk know it. Ringing shows as inuse.
func AppendXPIDF(dst []byte, s *Status) []byte {
	status, sub := "open", "online"
	switch {
	case s.Activities&(OnThePhone|Alerting) != 0:
		status, sub = "inuse", "onthephone"
	case s.Activities&DND != 0:
		status, sub = "inuse", "busy"
	case !s.Open:
		status, sub = "closed", "offline"
	}
	dst = append(dst, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<presence>\n"+`<presentity uri="`...)
	dst = xmltext.AppendURI(dst, s.Entity)
	dst = append(dst, `;method=SUBSCRIBE"/>`+"\n"+`<atom atomid="line" id="line">`+"\n"+`<address uri="`...)
	contact := s.Contact
	if contact.IsZero() {
		contact = s.Entity
	}
	dst = xmltext.AppendURI(dst, contact)
	dst = append(dst, `;user=ip" priority="0.800000">`+"\n"+`<status status="`...)
	dst = append(dst, status...)
	dst = append(dst, "\"/>\n"+`<msnsubstatus substatus="`...)
	dst = append(dst, sub...)
	return append(dst, "\"/>\n</address>\n</atom>\n</presence>\n"...)
}
