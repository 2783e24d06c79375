package eventpkg

import (
	"github.com/cespare/xxhash/v2"

	"blfbridge/bridge/device"
	"blfbridge/bridge/eventpkg/dialoginfo"
	"blfbridge/bridge/eventpkg/internal/xmltext"
)

// maxDialogs bounds the dialogs of one body; a line with more calls is busy in any case.
const maxDialogs = 8

// anonymous is shown where the name may be seen and the number not (RFC 4235 §4.1.6.1).
const anonymous = "sip:anonymous@anonymous.invalid"

func (r *render) dialogInfo(dst []byte) ([]byte, int) {
	var room [maxDialogs]dialoginfo.Dialog
	info := dialoginfo.Info{
		Entity:  dialoginfo.URI{Raw: r.lamp.Entity},
		Hold:    r.dialect.Hold,
		Dialogs: r.dialogs(room[:0]),
	}
	return dialoginfo.Append(dst, &info)
}

// dialogs appends what the lamp shows to room.
func (r *render) dialogs(room []dialoginfo.Dialog) []dialoginfo.Dialog {
	state := r.state()
	switch state {
	case device.Ringing, device.Busy:
		return r.calls(room, state)
	case device.Idle:
		if r.lamp.DND && r.dialect.DND == DNDConfirmed {
			return append(room, r.bare(dialoginfo.Confirmed))
		}
	default:
		switch r.dialect.Unknown {
		case UnknownEmpty:
			return room
		case UnknownConfirmed:
			return append(room, r.bare(dialoginfo.Confirmed))
		}
	}
	// RFC 4235 asks for no dialog at all here, but Yealink's and Bria's lamps need one.
	return append(room, r.bare(dialoginfo.Terminated))
}

// bare is the virtual dialog of RFC 4235 §3.7.2: a state and nothing else.
func (r *render) bare(s dialoginfo.State) dialoginfo.Dialog {
	return dialoginfo.Dialog{ID: r.lineID(), State: s}
}

// lineID names the one dialog of a line, the same in every version: phones that track
// dialogs by id and overlook state="full" never keep a dead one.
func (r *render) lineID() string {
	if id := r.lamp.Number; id != "" {
		return xmltext.Truncate(id, maxName)
	}
	return "line"
}

func (r *render) calls(room []dialoginfo.Dialog, state device.State) []dialoginfo.Dialog {
	best := pick(r.lamp.Calls, state)
	if best < 0 {
		// The PBX says so without a call to show, or the view hides it.
		d := r.bare(dialoginfo.Confirmed)
		if state == device.Ringing {
			d.State, d.Direction = dialoginfo.Early, dialoginfo.Recipient
		}
		if r.trim < TrimMinimal && state == device.Ringing {
			r.parties(&d, nil)
		}
		return append(room, d)
	}
	// A line that shows ringing as busy (ring_in_as) has no call that makes it busy.
	ringing := state == device.Ringing || justifiesBusy(&r.lamp.Calls[best])
	if !r.dialect.Several || r.trim >= TrimDialogs {
		d := r.dialog(&r.lamp.Calls[best], ringing)
		d.ID = r.lineID()
		return append(room, d)
	}
	// The chosen one first: a phone that reads only one dialog reads that.
	room = append(room, r.dialog(&r.lamp.Calls[best], ringing))
	for i := range r.lamp.Calls {
		c := &r.lamp.Calls[i]
		if i == best || !(rings(c) || justifiesBusy(c)) || len(room) == cap(room) {
			continue
		}
		room = append(room, r.dialog(c, ringing))
	}
	return room
}

// dialog draws one call; ringing says whether one that rings may be seen to.
func (r *render) dialog(c *device.Call, ringing bool) dialoginfo.Dialog {
	// RFC 4235 §4.1.1: the id is stable for the life of the dialog.
	d := dialoginfo.Dialog{Key: xxhash.Sum64String(c.ID), Direction: direction(c.Direction)}
	switch {
	case rings(c) && ringing:
		d.State = dialoginfo.Early
	case c.Phase == device.Held:
		d.State, d.Held = dialoginfo.Confirmed, true
		d.Local.Target = dialoginfo.URI{Raw: r.lamp.Entity}
	case c.Direction == device.Initiator && c.Phase < device.Confirmed && r.dialect.DialingPhase:
		d.State = dialoginfo.State(c.Phase)
	default:
		// RFC 4235 §3.7.2 lets a dialling phone be confirmed: early makes some lamps
		// blink as if the phone were called.
		d.State = dialoginfo.Confirmed
	}
	if r.trim < TrimMinimal {
		if !r.dialect.HideIDs {
			// RFC 4235 §4.1.1: tags are the observed user's, and the PBX is its peer.
			d.CallID, d.LocalTag, d.RemoteTag = c.Dialog.CallID, c.Dialog.RemoteTag, c.Dialog.LocalTag
		}
		r.parties(&d, c)
	}
	return d
}

// parties fills local and remote; c is nil where the call is not known or hidden.
func (r *render) parties(d *dialoginfo.Dialog, c *device.Call) {
	host := xmltext.Host(r.lamp.Entity)
	d.Local.Target = dialoginfo.URI{Raw: r.lamp.Entity}
	d.Local.Identity = dialoginfo.URI{Raw: r.lamp.Entity}
	if r.lamp.Number != "" && host != "" {
		d.Local.Identity = dialoginfo.URI{User: r.lamp.Number, Host: host}
	}
	d.Local.Display = r.name(r.lamp.Name)
	if c != nil {
		switch {
		case c.Remote.Number != "":
			d.Remote.Identity = remoteURI(c.Remote.Number, host)
		case c.Remote.Name != "" && r.trim < TrimNames:
			d.Remote.Identity = dialoginfo.URI{Raw: anonymous}
		}
		d.Remote.Display = r.name(c.Remote.Name)
		if c.Remote.Number != "" {
			d.Remote.Target = d.Remote.Identity
		}
	}
	if d.State == dialoginfo.Early && d.Direction == dialoginfo.Recipient &&
		r.dialect.Target == TargetPickup && r.lamp.Pickup != "" {
		d.Remote.Target = dialoginfo.URI{Raw: r.lamp.Pickup}
	}
}

// remoteURI makes a URI of what the PBX calls a number: "100", "100@host" or a URI.
func remoteURI(number, host string) dialoginfo.URI {
	if at := indexAt(number); at >= 0 {
		if hasScheme(number) {
			return dialoginfo.URI{Raw: number}
		}
		return dialoginfo.URI{User: number[:at], Host: number[at+1:]}
	}
	if host == "" {
		host = "anonymous.invalid"
	}
	return dialoginfo.URI{User: number, Host: host}
}

func direction(d device.Direction) dialoginfo.Direction {
	if d == device.Recipient {
		return dialoginfo.Recipient
	}
	return dialoginfo.Initiator
}
