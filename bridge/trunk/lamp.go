package trunk

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/eventpkg/dialoginfo"
	"blfbridge/bridge/eventpkg/pidf"
)

// reading is what became of a body.
type reading uint8

const (
	newer      reading = iota
	incomplete         // newer, but changes are missing before it
	old                // of before the one read last
	unreadable
)

// table is the state of a presentity as its documents tell it (RFC 4235 §4.3). The zero
// value has read nothing.
type table struct {
	begun   bool
	version uint32
	dialogs map[string]dialoginfo.Element
	order   map[string]int // in which they were first seen
}

// read takes the body of a NOTIFY in. Of lamp, State, DND and Calls are set.
func (t *table) read(n *notification) (lamp compositor.Lamp, what reading) {
	switch n.contentType {
	case dialoginfo.MIME:
		doc, err := dialoginfo.ParseLenient(n.body)
		if err != nil {
			return lamp, unreadable
		}
		return t.dialogInfo(doc, n.ours)
	case pidf.MIME:
		doc, err := pidf.ParseLenient(n.body)
		if err != nil {
			return lamp, unreadable
		}
		return presence(doc), newer
	}
	return lamp, unreadable
}

func (t *table) dialogInfo(doc *dialoginfo.Document, ours bool) (lamp compositor.Lamp, what reading) {
	switch {
	case t.begun && doc.Version < t.version:
		return lamp, old
	case !doc.Full && (!t.begun || doc.Version > t.version+1):
		what = incomplete
	}
	t.begun, t.version = true, doc.Version
	if doc.Full || t.dialogs == nil {
		t.dialogs, t.order = map[string]dialoginfo.Element{}, map[string]int{}
	}
	for _, e := range doc.Dialogs {
		if e.Known && e.State == dialoginfo.Terminated {
			delete(t.dialogs, e.ID) // RFC 4235 §4.3: a row that has ended is removed
			continue
		}
		if _, ok := t.order[e.ID]; !ok {
			t.order[e.ID] = len(t.order)
		}
		t.dialogs[e.ID] = e
	}
	if ours && len(doc.Dialogs) == 0 && doc.Full {
		return lamp, what // how a blfbridge tells another that it does not know; others mean idle
	}
	return t.lamp(), what
}

// lamp is what the dialogs show.
func (t *table) lamp() compositor.Lamp {
	l := compositor.Lamp{State: device.Idle}
	ids := slices.SortedFunc(maps.Keys(t.dialogs), func(a, b string) int { return cmp.Compare(t.order[a], t.order[b]) })
	for _, id := range ids {
		e := t.dialogs[id]
		if !e.Known {
			continue
		}
		c, known := callOf(&e)
		if known {
			l.Calls = append(l.Calls, c)
		}
		state, _ := device.StateOfCalls([]device.Call{c})
		l.State = max(l.State, state)
	}
	return l
}

// callOf makes a call of a dialog; known is false for the virtual dialog of RFC 4235
// §3.7.2, which shows a state and no call.
func callOf(e *dialoginfo.Element) (c device.Call, known bool) {
	c = device.Call{ID: e.ID, Phase: phases[e.State]}
	if e.Direction == dialoginfo.Recipient {
		c.Direction = device.Recipient
	}
	c.Remote = device.Party{Number: partyNumber(e.Remote.Identity), Name: e.Remote.Display}
	known = e.Direction != dialoginfo.None || c.Remote != (device.Party{})
	switch {
	case e.Direction == dialoginfo.None && e.State == dialoginfo.Early:
		c.Direction = device.Recipient // a lamp that blinks: somebody is being called
	case e.State == dialoginfo.Early && renders(e) == "no":
		c.Phase = device.Held // FreeSWITCH's presence-hold-state, unless set
	case e.Held():
		c.Phase = device.Held
	}
	return c, known || c.Phase == device.Held
}

var phases = [...]device.Phase{
	dialoginfo.Trying: device.Trying, dialoginfo.Proceeding: device.Proceeding, dialoginfo.Early: device.Early,
	dialoginfo.Confirmed: device.Confirmed, dialoginfo.Terminated: device.Terminated,
}

func renders(e *dialoginfo.Element) string {
	for _, p := range e.Local.Params {
		if p.Name == "sip.rendering" {
			return p.Value
		}
	}
	return ""
}

// partyNumber is the number of an identity: the user of its URI if that can be dialled
// from here, else user@host; empty for an anonymous one.
func partyNumber(uri string) string {
	rest := uri
	for _, scheme := range [...]string{"sip:", "sips:", "tel:"} {
		if len(rest) >= len(scheme) && strings.EqualFold(rest[:len(scheme)], scheme) {
			rest = rest[len(scheme):]
			break
		}
	}
	rest, _, _ = strings.Cut(rest, ";")
	rest, _, _ = strings.Cut(rest, "?")
	user, _, _ := strings.Cut(rest, "@")
	switch {
	case strings.HasSuffix(rest, ".invalid"), strings.EqualFold(user, "anonymous"):
		return ""
	case strings.Trim(user, "0123456789*#+") == "":
		return user
	}
	return rest
}

// presence is the lamp of a PIDF document: no calls, since it tells of none.
func presence(d *pidf.Document) compositor.Lamp {
	l := compositor.Lamp{State: device.Unknown}
	switch {
	case d.Ringing():
		l.State = device.Ringing
	case d.Doing("on-the-phone"):
		l.State = device.Busy
	case d.Open():
		l.State = device.Idle
	}
	l.DND = d.Doing("busy") || d.Doing("dnd")
	return l
}
