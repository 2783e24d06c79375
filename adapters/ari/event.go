package ari

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	ari "github.com/CyCoreSystems/ari/v6"

	"blfbridge/bridge/device"
)

// eventKind is what an event means to the model.
type eventKind uint8

const (
	evOther    eventKind = iota // of no use to a lamp
	evDevice                    // a device state
	evChannel                   // a channel is there, or looks different
	evHold                      // this channel's own phone pressed hold
	evUnhold                    // and took it back
	evDial                      // one channel dials another
	evEnded                     // a channel is gone
	evReplaced                  // another client took the application
)

// usedEvents are the event types that bear on a lamp, and the event filter. The others
// (half of all events are ChannelVarset) stay in Asterisk.
var usedEvents = map[string]eventKind{
	"DeviceStateChanged":   evDevice,
	"ChannelCreated":       evChannel,
	"ChannelStateChange":   evChannel,
	"ChannelConnectedLine": evChannel,
	"ChannelCallerId":      evChannel,
	"ChannelHangupRequest": evChannel, // not the end: a dialplan may still run
	"ChannelHold":          evHold,
	"ChannelUnhold":        evUnhold,
	"Dial":                 evDial,
	"ChannelDestroyed":     evEnded,
	"ApplicationReplaced":  evReplaced,
}

// event is one ARI event, reduced to what the model uses.
type event struct {
	kind       eventKind
	typ        string
	device     string     // evDevice
	state      string     // evDevice: raw
	channel    astChannel // all channel events; of evDial the dialled one
	caller     astChannel // evDial; its id is empty for a call without caller (originate)
	dialStatus string     // evDial
	at         time.Time  // when it reached us
}

// astChannel is an Asterisk channel as an event or GET /channels shows it.
type astChannel struct {
	id, name  string
	state     string // Down, Ring, Ringing, Up, Busy, …
	callID    string // SIP Call-ID; empty in ChannelCreated
	connected device.Party
	exten     string
	app       string
	created   time.Time
}

var errNoType = errors.New("ari: event without type")

// decode reads one event from the socket. An event of a type that is not used comes
// back as evOther with its type, undecoded.
func decode(data []byte, at time.Time) (event, error) {
	var m ari.Message
	if err := json.Unmarshal(data, &m); err != nil {
		return event{}, fmt.Errorf("ari: event: %w", err)
	}
	if m.Type == "" {
		return event{}, errNoType
	}
	ev := event{kind: usedEvents[m.Type], typ: m.Type, at: at}
	if ev.kind == evOther {
		return ev, nil
	}
	e, err := ari.DecodeEvent(data)
	if err != nil {
		return event{}, fmt.Errorf("ari: event %s: %w", m.Type, err)
	}
	switch e := e.(type) {
	case *ari.DeviceStateChanged:
		ev.device, ev.state = e.DeviceState.Name, e.DeviceState.State
	case *ari.ChannelCreated:
		ev.channel = channelOf(&e.Channel)
	case *ari.ChannelStateChange:
		ev.channel = channelOf(&e.Channel)
	case *ari.ChannelConnectedLine:
		ev.channel = channelOf(&e.Channel)
	case *ari.ChannelCallerID:
		ev.channel = channelOf(&e.Channel)
	case *ari.ChannelHangupRequest:
		ev.channel = channelOf(&e.Channel)
	case *ari.ChannelHold:
		ev.channel = channelOf(&e.Channel)
	case *ari.ChannelUnhold:
		ev.channel = channelOf(&e.Channel)
	case *ari.ChannelDestroyed:
		ev.channel = channelOf(&e.Channel)
	case *ari.Dial:
		ev.channel, ev.caller, ev.dialStatus = channelOf(&e.Peer), channelOf(&e.Caller), e.Dialstatus
	}
	if ev.kind == evDevice && ev.device == "" || ev.kind != evDevice && ev.kind != evReplaced && ev.channel.id == "" {
		return event{}, fmt.Errorf("ari: event %s names no device or channel", m.Type)
	}
	return ev, nil
}

func channelOf(d *ari.ChannelData) astChannel {
	c := astChannel{id: d.ID, name: d.Name, state: d.State, callID: d.ProtocolId}
	if p := d.Connected; p != nil {
		c.connected = device.Party{Number: p.Number, Name: p.Name}
	}
	if p := d.Dialplan; p != nil {
		c.exten, c.app = p.Exten, p.AppName
	}
	if t := d.Creationtime; t != nil && t.Seconds > 0 {
		c.created = time.Unix(t.Seconds, int64(t.Nanos)).UTC()
	}
	return c
}
