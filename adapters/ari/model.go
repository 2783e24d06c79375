package ari

import (
	"maps"
	"slices"
	"strings"
	"time"

	"blfbridge/bridge/device"
)

// model is what the source holds of one Asterisk: raw device states and channels, kept
// apart, because they come by events of different types in no stable order and the
// reconciler compares each with its own truth. It is owned by one goroutine.
type model struct {
	dndPrefix string
	followed  map[string]bool // devices that the configuration names
	techs     map[string]bool // technologies that GET /endpoints named

	devices map[string]*dev
	legs    map[string]*leg // by channel id
	ended   tombstones
	seq     uint64
	dirty   map[string]*dev // may show something else than was reported

	// touched is what events changed since the look under way began; nil without one.
	touched *touched
}

// touched lists device names and channel ids.
type touched struct{ devices, channels map[string]bool }

func newTouched() *touched {
	return &touched{devices: map[string]bool{}, channels: map[string]bool{}}
}

// dev is one device.
type dev struct {
	name     string
	kind     device.Kind
	number   string
	raw      string    // the last device state told; empty: none yet
	settling bool      // its last call ended, the device state has not followed yet
	freed    time.Time // when its last call ended
	legs     []*leg    // oldest first
	shown    device.Status
	reported bool
}

func newModel(dndPrefix string, followed []string) *model {
	m := &model{
		dndPrefix: dndPrefix, followed: map[string]bool{}, techs: map[string]bool{},
		devices: map[string]*dev{}, legs: map[string]*leg{}, dirty: map[string]*dev{},
	}
	for _, name := range followed {
		m.followed[name] = true
	}
	return m
}

// classify says what a device name is; ok is false for what is of no use to a lamp
// (Local channels, conference announcers, custom states nobody configured).
func (m *model) classify(name string) (kind device.Kind, number string, ok bool) {
	if n, found := strings.CutPrefix(name, m.dndPrefix); found && n != "" {
		return device.DNDFlag, n, true
	}
	if tech := techOf(name); tech != "" && (endpointTechs[tech] || m.techs[tech]) {
		return device.Phone, name[len(tech)+1:], true
	}
	if m.followed[name] {
		return device.Special, "", true
	}
	for _, p := range specialPrefixes {
		if hasPrefixFold(name, p) {
			return device.Special, "", true
		}
	}
	return 0, "", false
}

// settleTime is how long after a device's last call a device state that claims one is
// taken for a late one.
const settleTime = 2 * time.Second

// dev returns the device of that name, made if it is of any use, else nil.
func (m *model) dev(name string) *dev {
	if d := m.devices[name]; d != nil {
		return d
	}
	kind, number, ok := m.classify(name)
	if !ok {
		return nil
	}
	d := &dev{name: name, kind: kind, number: number}
	m.devices[name] = d
	return d
}

// apply takes one event.
func (m *model) apply(ev event) {
	switch ev.kind {
	case evDevice:
		if m.touched != nil {
			m.touched.devices[ev.device] = true
		}
		m.setRaw(ev.device, ev.state, ev.at)
	case evChannel:
		m.upsert(ev.channel, ev.at, true)
	case evHold, evUnhold:
		if l := m.upsert(ev.channel, ev.at, true); l != nil {
			l.held = ev.kind == evHold
		}
	case evDial:
		m.dial(ev)
	case evEnded:
		m.touchChannel(ev.channel.id)
		m.end(ev.channel.id, ev.at)
		m.ended.add(ev.channel.id, ev.at)
	}
}

// dial takes from a Dial event what no other tells, how far the caller's call is. The
// channels in it may be older than what we hold.
func (m *model) dial(ev event) {
	if m.legs[ev.channel.id] == nil {
		m.upsert(ev.channel, ev.at, true)
	}
	if ev.caller.id == "" {
		return
	}
	l := m.legs[ev.caller.id]
	if l == nil {
		if l = m.upsert(ev.caller, ev.at, true); l == nil {
			return
		}
	}
	l.progress(ev.dialStatus)
	m.touchChannel(ev.caller.id)
	m.mark(m.devices[l.device])
}

func (m *model) setRaw(name, raw string, now time.Time) {
	d := m.dev(name)
	if d == nil {
		return
	}
	d.raw = raw
	d.settling = inUse(raw) && !d.freed.IsZero() && now.Sub(d.freed) < settleTime
	m.mark(d)
}

// upsert takes a view of a channel; nil if it is no leg of a device, or ended before.
func (m *model) upsert(c astChannel, now time.Time, fromEvent bool) *leg {
	if m.ended.has(c.id, now) {
		return nil
	}
	if fromEvent {
		m.touchChannel(c.id)
	}
	l := m.legs[c.id]
	if l == nil {
		d := m.dev(deviceOfChannel(c.name))
		if d == nil || d.kind != device.Phone {
			return nil
		}
		m.seq++
		l = newLeg(c, m.seq)
		m.legs[c.id] = l
		m.attach(d, l)
		return l
	}
	was := l.device
	l.update(c, fromEvent)
	if l.device != was { // a masquerade gave the channel another name
		if d := m.devices[was]; d != nil {
			m.detach(d, l, now)
		}
		d := m.dev(l.device)
		if d == nil || d.kind != device.Phone {
			delete(m.legs, c.id)
			return nil
		}
		m.attach(d, l)
	}
	m.mark(m.devices[l.device])
	return l
}

// end forgets a channel.
func (m *model) end(id string, now time.Time) {
	l := m.legs[id]
	if l == nil {
		return
	}
	delete(m.legs, id)
	if d := m.devices[l.device]; d != nil {
		m.detach(d, l, now)
	}
}

func (m *model) attach(d *dev, l *leg) {
	d.legs = append(d.legs, l)
	slices.SortStableFunc(d.legs, func(a, b *leg) int {
		if c := a.ast.created.Compare(b.ast.created); c != 0 {
			return c
		}
		return int(a.seq) - int(b.seq)
	})
	m.mark(d)
}

// detach: when the last call goes while the device state still claims one, the device
// state is late, and showing it would flash the lamp.
func (m *model) detach(d *dev, l *leg, now time.Time) {
	_, had := device.StateOfCalls(d.calls())
	d.legs = slices.DeleteFunc(d.legs, func(x *leg) bool { return x == l })
	if _, has := device.StateOfCalls(d.calls()); had && !has {
		d.freed, d.settling = now, inUse(d.raw)
	}
	m.mark(d)
}

// remove forgets a device.
func (m *model) remove(name string) {
	delete(m.devices, name)
	delete(m.dirty, name)
}

func (m *model) touchChannel(id string) {
	if m.touched != nil {
		m.touched.channels[id] = true
	}
}

func (m *model) mark(d *dev) {
	if d != nil {
		m.dirty[d.name] = d
	}
}

// changed returns what shows something else than was last reported, by name, and
// counts it as reported.
func (m *model) changed(at time.Time) []device.Status {
	var out []device.Status
	for _, name := range slices.Sorted(maps.Keys(m.dirty)) {
		d := m.dirty[name]
		if s, ok := d.report(at); ok {
			out = append(out, s)
		}
	}
	clear(m.dirty)
	return out
}

// all returns every device that has something to show, by name, and counts it as reported.
func (m *model) all(at time.Time) []device.Status {
	var out []device.Status
	for _, name := range slices.Sorted(maps.Keys(m.devices)) {
		d := m.devices[name]
		d.reported = false
		if s, ok := d.report(at); ok {
			out = append(out, s)
		}
	}
	clear(m.dirty)
	return out
}

// report returns the device's status if it differs from what was reported before.
func (d *dev) report(at time.Time) (device.Status, bool) {
	if d.kind != device.Phone && !d.reported && d.raw == "" {
		return device.Status{}, false
	}
	if d.kind == device.DNDFlag && !d.reported && !rawSet(d.raw) {
		return device.Status{}, false // a flag that was never set
	}
	s := d.status(at)
	if d.reported && s.Equal(d.shown) {
		return device.Status{}, false
	}
	d.shown, d.reported = s, true
	d.shown.Calls = slices.Clone(s.Calls) // the sink owns the other
	return s, true
}

// status composes what the device shows. Its calls decide; the device state speaks only
// for a device without one.
func (d *dev) status(at time.Time) device.Status {
	s := device.Status{Name: d.name, Kind: d.kind, Number: d.number, At: at}
	switch d.kind {
	case device.DNDFlag:
		s.DND = dndOn(d.raw)
	case device.Special:
		s.State = stateOfSpecial(d.name, d.raw)
	default:
		s.Calls = d.calls()
		if st, ok := device.StateOfCalls(s.Calls); ok {
			d.settling, d.freed = false, time.Time{}
			s.State = st
		} else if d.settling {
			s.State = device.Idle
		} else {
			s.State = stateOfRaw(d.raw)
		}
	}
	return s
}

func (d *dev) calls() []device.Call {
	if len(d.legs) == 0 {
		return nil
	}
	out := make([]device.Call, len(d.legs))
	for i, l := range d.legs {
		out[i] = l.call()
	}
	return out
}
