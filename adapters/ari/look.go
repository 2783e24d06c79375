package ari

import (
	"maps"
	"slices"
	"strings"
	"time"

	"blfbridge/bridge/device"
)

// look is everything REST showed, fetched over some time; events that came meanwhile
// are newer.
type look struct {
	endpoints map[string]bool       // "PJSIP/1001", of GET /endpoints
	raw       map[string]string     // device states asked for
	channels  map[string]astChannel // by id
}

// names lists the devices whose states a look has to ask for: the endpoints, the DND
// flag of each numeric one, and held, what is known or configured already.
func names(endpoints, held []string, dndPrefix string) []string {
	set := make(map[string]bool, 2*len(endpoints)+len(held))
	for _, name := range endpoints {
		set[name] = true
		if _, res, _ := strings.Cut(name, "/"); numeric(res) {
			set[dndPrefix+res] = true
		}
	}
	for _, name := range held {
		set[name] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// held lists the devices that the configuration names or that we hold.
func (m *model) held() []string {
	return slices.AppendSeq(slices.Collect(maps.Keys(m.followed)), maps.Keys(m.devices))
}

// replace takes a look as the truth, except where events touched it. It is how a
// connection begins and how everything is looked at again. What only events tell of a
// leg (who holds, what was dialled) is kept for the channels that are still there.
func (m *model) replace(k *look, now time.Time) {
	m.learnTechs(k)
	for id := range m.legs {
		if _, there := k.channels[id]; !there && !m.isTouchedChannel(id) {
			m.end(id, now)
		}
	}
	for _, c := range k.sorted() {
		if !m.isTouchedChannel(c.id) {
			m.upsert(c, now, false)
		}
	}
	for name, raw := range k.raw {
		if m.isTouchedDevice(name) {
			continue
		}
		m.believe(name, raw, now)
	}
	for name := range m.devices {
		if m.vanished(k, name) {
			m.remove(name)
		}
	}
}

// vanished says whether a phone is no longer configured in Asterisk.
func (m *model) vanished(k *look, name string) bool {
	d := m.devices[name]
	return d.kind == device.Phone && !k.endpoints[name] && !m.followed[name] && len(d.legs) == 0 &&
		k.raw[name] == rawInvalid && !m.isTouchedDevice(name)
}

// difference is what a look showed otherwise than we hold it.
type difference struct {
	raw      map[string]string     // device → the state that REST told
	channels map[string]astChannel // new, or in another state
	gone     map[string]bool       // channels that REST did not show
	appeared []string              // endpoints that no event told of (pjsip reload tells nothing)
	vanished []string              // endpoints that are no more
}

// compare finds the differences; what events touched during the look is left out.
func (m *model) compare(k *look, now time.Time) difference {
	m.learnTechs(k)
	d := difference{raw: map[string]string{}, channels: map[string]astChannel{}, gone: map[string]bool{}}
	for name, raw := range k.raw {
		have := m.devices[name]
		switch {
		case m.isTouchedDevice(name):
		case have == nil || have.raw == "":
			if kind, _, ok := m.classify(name); ok && (kind != device.DNDFlag || rawSet(raw)) {
				d.appeared = append(d.appeared, name)
			}
		case m.vanished(k, name):
			d.vanished = append(d.vanished, name)
		case !sameRaw(have.raw, raw) || have.settling && inUse(raw):
			d.raw[name] = raw
		}
	}
	for id, c := range k.channels {
		if m.isTouchedChannel(id) || m.ended.has(id, now) {
			continue
		}
		if l := m.legs[id]; l != nil {
			if l.ast.state != c.state || l.ast.connected != c.connected {
				d.channels[id] = c
			}
		} else if kind, _, ok := m.classify(deviceOfChannel(c.name)); ok && kind == device.Phone {
			d.channels[id] = c
		}
	}
	for id := range m.legs {
		if _, there := k.channels[id]; !there && !m.isTouchedChannel(id) {
			d.gone[id] = true
		}
	}
	slices.Sort(d.appeared)
	slices.Sort(d.vanished)
	return d
}

// confirm keeps of d what a second look showed the same, and no event touched since.
func (d difference) confirm(second difference) difference {
	maps.DeleteFunc(d.raw, func(name, raw string) bool { got, ok := second.raw[name]; return !ok || got != raw })
	maps.DeleteFunc(d.channels, func(id string, c astChannel) bool {
		got, ok := second.channels[id]
		return !ok || got.state != c.state || got.connected != c.connected
	})
	maps.DeleteFunc(d.gone, func(id string, _ bool) bool { return !second.gone[id] })
	d.appeared = slices.DeleteFunc(d.appeared, func(n string) bool { return !slices.Contains(second.appeared, n) })
	d.vanished = slices.DeleteFunc(d.vanished, func(n string) bool { return !slices.Contains(second.vanished, n) })
	return d
}

func (d difference) empty() bool {
	return len(d.raw)+len(d.channels)+len(d.gone)+len(d.appeared)+len(d.vanished) == 0
}

// devices lists the device states to ask for again.
func (d difference) devices() []string {
	return slices.Concat(slices.Sorted(maps.Keys(d.raw)), d.appeared, d.vanished)
}

// repair puts a confirmed difference right, all but the vanished devices.
func (m *model) repair(d difference, k *look, now time.Time) {
	for id := range d.gone {
		m.end(id, now)
	}
	for _, c := range d.channels {
		m.upsert(c, now, false)
	}
	for name, raw := range d.raw {
		m.believe(name, raw, now)
	}
	for _, name := range d.appeared {
		m.believe(name, k.raw[name], now)
	}
}

// believe takes a device state as it is, however late it may look.
func (m *model) believe(name, raw string, now time.Time) {
	if d := m.dev(name); d != nil {
		m.setRaw(name, raw, now)
		d.settling = false
	}
}

func (m *model) learnTechs(k *look) {
	for name := range k.endpoints {
		if t := techOf(name); t != "" {
			m.techs[t] = true
		}
	}
}

func (m *model) isTouchedDevice(name string) bool {
	return m.touched != nil && m.touched.devices[name]
}

func (m *model) isTouchedChannel(id string) bool {
	return m.touched != nil && m.touched.channels[id]
}

// sorted lists the channels oldest first, so that legs keep their order.
func (k *look) sorted() []astChannel {
	out := slices.Collect(maps.Values(k.channels))
	slices.SortFunc(out, func(a, b astChannel) int {
		if c := a.created.Compare(b.created); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	return out
}
