package esl

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"
)

var errNoEvent = errors.New("esl: no event")

// event is what is kept of one event: the headers named in wanted, in wire order.
type event struct {
	name, subclass string
	fields         []field
	at             time.Time // when it was read
}

type field struct{ name, value string }

// maxFields bounds what one event may hold; a CHANNEL_ANSWER has 31 of the wanted ones.
const maxFields = 128

// get returns the header's value, "" if it has none. The exact spelling wins over
// another case of it, and the first over later ones: a PRESENCE_IN fired by the dialplan
// has the script's answer-state and then the channel's own Answer-State.
func (e *event) get(name string) string {
	folded := ""
	for i := range e.fields {
		if e.fields[i].name == name {
			return e.fields[i].value
		}
		if folded == "" && strings.EqualFold(e.fields[i].name, name) {
			folded = e.fields[i].value
		}
	}
	return folded
}

// wanted are the headers used, in lower case.
var wanted = func() map[string]struct{} {
	m := map[string]struct{}{}
	for _, n := range []string{
		"Event-Name", "Event-Subclass", "Event-Calling-Function", "Core-UUID",
		"Unique-ID", "Channel-Presence-ID", "Call-Direction", "Channel-State", "Channel-Call-State", "Answer-State",
		"Caller-Caller-ID-Name", "Caller-Caller-ID-Number", "Caller-Callee-ID-Name", "Caller-Callee-ID-Number",
		"Caller-Destination-Number", "Caller-Channel-Created-Time",
		"Caller-Channel-Progress-Time", "Caller-Channel-Progress-Media-Time",
		"Caller-Privacy-Hide-Name", "Caller-Privacy-Hide-Number",
		"Other-Type", "Other-Leg-Unique-ID", "Bridge-A-Unique-ID", "Bridge-B-Unique-ID", "Bridged-To",
		"variable_sip_call_id", "variable_sip_from_tag", "variable_sip_to_tag",
		"proto", "from", "status", "rpid", "presence-source",
		"profile-name", "from-user", "from-host", "user", "host", "contact", "call-id",
		"Feature-Action", "Feature-Enabled", "Feature-Event", "doNotDisturbOn",
		"Action", "Valet-Lot-Name", "Valet-Extension",
		"Conference-Name", "Conference-Size", "Conference-Unique-ID",
	} {
		m[strings.ToLower(n)] = struct{}{}
	}
	return m
}()

// decodePlain reads the body of a text/event-plain frame. odd counts the lines that
// could not be read; they are skipped, or kept as they are if only their escapes are bad.
func decodePlain(body []byte) (e event, odd int, err error) {
	var low [64]byte
	for len(body) > 0 {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			break // what follows is the event's own body
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 {
			odd++
			continue
		}
		if !isWanted(name, &low) || len(e.fields) == maxFields {
			continue
		}
		v, bad := unescape(string(bytes.TrimSpace(value)))
		if bad {
			odd++
		}
		e.fields = append(e.fields, field{string(name), v})
	}
	return e, odd, e.identify()
}

// decodeJSON reads a text/event-json body or the answer of uuid_dump; values that are
// no strings (some are arrays) count for nothing unless they are wanted.
func decodeJSON(body []byte) (e event, odd int, err error) {
	var low [64]byte
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return e, 0, errNoEvent
	}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return e, odd, errNoEvent
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return e, odd, errNoEvent
		}
		if !isWanted([]byte(name), &low) || len(e.fields) == maxFields {
			continue
		}
		var v string
		if err := json.Unmarshal(raw, &v); err != nil {
			odd++
			continue
		}
		e.fields = append(e.fields, field{name, strings.ToValidUTF8(v, "\uFFFD")})
	}
	return e, odd, e.identify()
}

func isWanted(name []byte, low *[64]byte) bool {
	if len(name) > len(low) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	_, ok := wanted[string(low[:len(name)])]
	return ok
}

// unescape undoes FreeSWITCH's percent escapes; names are UTF-8 beneath them.
func unescape(s string) (v string, bad bool) {
	if strings.IndexByte(s, '%') >= 0 {
		u, err := url.PathUnescape(s)
		if err != nil {
			bad = true
		} else {
			s = u
		}
	}
	return strings.ToValidUTF8(s, "\uFFFD"), bad
}

// identify finds the name; it is not always the first header.
func (e *event) identify() error {
	if e.name = e.get("Event-Name"); e.name == "" {
		return errNoEvent
	}
	if e.name == "CUSTOM" {
		e.subclass = e.get("Event-Subclass")
	}
	return nil
}

// label is the event's name for metrics: one of those subscribed to, or "other".
func (e *event) label() string {
	n := e.name
	if n == "CUSTOM" {
		n = e.subclass
	}
	if _, ok := subscribed[n]; ok {
		return n
	}
	return "other"
}
