package ari

import (
	"context"

	"blfbridge/bridge/device"
)

const (
	dialogWorkers = 2
	dialogQueue   = 256 // ringing legs that wait; beyond, a leg is asked for at its next event
)

// dialogQuery asks for the SIP identifiers of one ringing leg.
type dialogQuery struct{ channel, callID string }

// dialogAnswer is what came of it; an empty dialog means that it cannot be resolved.
type dialogAnswer struct {
	channel string
	dialog  device.SIPDialog
}

// resolve answers queries until ctx ends. The tags are PJSIP's own: local_tag is
// Asterisk's, remote_tag the phone's. An INVITE with a Replaces of exactly these, to-tag
// Asterisk's and from-tag the phone's, picks the ringing leg up.
func (s *Source) resolve(ctx context.Context, queries <-chan dialogQuery, answers chan<- dialogAnswer) {
	for {
		var q dialogQuery
		select {
		case <-ctx.Done():
			return
		case q = <-queries:
		}
		a := dialogAnswer{channel: q.channel, dialog: s.dialogOf(ctx, q)}
		select {
		case <-ctx.Done():
			return
		case answers <- a:
		}
	}
}

func (s *Source) dialogOf(ctx context.Context, q dialogQuery) device.SIPDialog {
	d := device.SIPDialog{CallID: q.callID}
	for _, v := range []struct {
		name string
		to   *string
	}{
		{"CHANNEL(pjsip,call-id)", &d.CallID},
		{"CHANNEL(pjsip,local_tag)", &d.LocalTag},
		{"CHANNEL(pjsip,remote_tag)", &d.RemoteTag},
	} {
		if *v.to != "" {
			continue
		}
		var err error
		if *v.to, err = s.variable(ctx, q.channel, v.name); err != nil || *v.to == "" {
			s.log.Debug("SIP dialog not resolved", "call_id", q.channel, "variable", v.name, "error", err)
			return device.SIPDialog{}
		}
	}
	return d
}

// ask queues a query for each leg that rings and was not asked for yet. A full queue is
// no reason to wait.
func (ss *session) ask() {
	if ss.cfg.NoDialogs {
		return
	}
	for _, d := range ss.model.dirty {
		for _, l := range d.legs {
			if l.asked || !l.ringsHere() || techOf(l.device) != "PJSIP" {
				continue
			}
			select {
			case ss.queries <- dialogQuery{channel: l.ast.id, callID: l.ast.callID}:
				l.asked = true
			default:
			}
		}
	}
}

// forgetQueries lets legs be asked for again whose answers a lost connection took along.
func (m *model) forgetQueries() {
	for _, l := range m.legs {
		l.asked = l.dialog != device.SIPDialog{}
	}
}

// resolved takes an answer if the leg still rings.
func (m *model) resolved(a dialogAnswer) {
	l := m.legs[a.channel]
	if l == nil || !l.ringsHere() || a.dialog == (device.SIPDialog{}) {
		return
	}
	l.dialog = a.dialog
	m.mark(m.devices[l.device])
}
