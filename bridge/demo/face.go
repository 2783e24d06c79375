package demo

import (
	"bytes"
	"regexp"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// face is all that a watcher of some kind can see of a line; identifiers of dialogs are
// none of it, as phones that call the PBX itself get none. Two changes with one face need
// one NOTIFY.
type face struct {
	lamp
	dnd       bool
	direction device.Direction
	phase     device.Phase
	remote    device.Party
}

// face is what the watcher sees after a change.
func (w *watcherKind) face(c *change) face {
	s := c.state
	if c.dnd && s == device.Idle {
		s = device.DND
	}
	f := face{lamp: lamp{state: w.shows(s)}}
	if w.masked {
		return f
	}
	call, ok := c.shown()
	f.held = ok && call.Phase == device.Held && !w.noHold
	if w.event == "presence" {
		f.dnd = c.dnd
		return f
	}
	if ok {
		f.direction, f.remote = call.Direction, call.Remote
		if w.dialling {
			f.phase = min(call.Phase, device.Confirmed)
		}
	}
	return f
}

var bodyState = regexp.MustCompile(`<state>(\w+)</state>`)

// faceOf is what a NOTIFY shows the watcher.
func (w *watcherKind) faceOf(s siptest.Seen) face {
	f := face{lamp: lamp{s.Lamp.State, s.Lamp.Held}}
	switch {
	case w.masked:
	case w.event == "presence":
		// RFC 4480 has no word for do not disturb: busy beside on-the-phone.
		f.dnd = bytes.Contains(s.Body, []byte(":dnd/>")) || bytes.Contains(s.Body, []byte(":busy/>"))
	case s.Lamp.Calls > 0:
		if bytes.Contains(s.Body, []byte(recipient)) {
			f.direction = device.Recipient
		}
		f.remote = device.Party{Number: siptest.URIUser(s.Lamp.Remote), Name: s.Lamp.RemoteName}
		if m := bodyState.FindSubmatch(s.Body); m != nil && w.dialling && f.remote != (device.Party{}) {
			for p := device.Trying; p <= device.Confirmed; p++ {
				if p.String() == string(m[1]) {
					f.phase = p
				}
			}
		}
	}
	return f
}

const recipient = `direction="recipient"`

// follow is what one watcher has seen of a line: every change before number next is told.
type follow struct {
	next    int
	told    face
	started bool
}

// cause finds the change that a NOTIFY tells of; those before it, which were merged into
// it, count as told. ok is false for the first NOTIFY and for those that no event caused.
func (f *follow) cause(w *watcherKind, l *lineLog, seen face) (n int, ok bool) {
	before := f.told
	f.told = seen
	if !f.started {
		f.started, f.next = true, len(l.changes)
		return 0, false
	}
	// Only what looks different from the change before it needs a NOTIFY. A line that
	// changed and changed back at once needs none either: look behind that first.
	var visible []int
	back := 0
	for i := max(1, f.next); i < len(l.changes); i++ {
		now := w.face(&l.changes[i])
		if now == w.face(&l.changes[i-1]) {
			continue
		}
		visible = append(visible, i)
		if now == before {
			back = len(visible)
		}
	}
	for _, part := range [][]int{visible[back:], visible[:back]} {
		for _, i := range part {
			if w.face(&l.changes[i]) == seen {
				f.next = i + 1
				return i, true
			}
		}
	}
	if len(visible) == 0 {
		return 0, false
	}
	f.next = visible[0] + 1
	return visible[0], true
}
