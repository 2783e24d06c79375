package scenario

import (
	"context"
	"fmt"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// Make is one make of watching phone: what it sends, and what its lamps can show.
type Make struct {
	Name      string
	UserAgent string
	Event     string
	Accept    string
	TCP       bool
	// Shows says what the lamp shows of a state that this make has no lamp for; a state
	// that is not in the map shows as itself.
	Shows map[device.State]device.State
	// NoHold: the package does not tell hold.
	NoHold bool
}

// Makes are the watchers used by default: both packages, both transports.
var Makes = []Make{
	{Name: "dialog", UserAgent: "Yealink SIP-T46U 108.86.0.20", Event: "dialog",
		Shows: map[device.State]device.State{device.DND: device.Busy}},
	{Name: "presence", UserAgent: "Cisco-CP8861/14.2.1", Event: "presence", Accept: "application/cpim-pidf+xml", NoHold: true},
	// The form for phones without habits: what cannot be reached never looks free.
	{Name: "dialog/tcp", UserAgent: "generic", Event: "dialog", TCP: true,
		Shows: map[device.State]device.State{device.DND: device.Busy, device.Unknown: device.Busy}},
}

// expect is what the make's lamp shows of l.
func (m *Make) expect(l Lamp) Lamp {
	if s, ok := m.Shows[l.State]; ok {
		l.State = s
	}
	l.Held = l.Held && !m.NoHold
	return l
}

// watcher is one watching phone with its subscriptions to all lines.
type watcher struct {
	Make
	phone *siptest.Phone
	subs  map[string]*siptest.Subscription // by "A" to "D"
	marks map[string]int                   // length of each history before the step
}

func (r *runner) watch(ctx context.Context, m Make) error {
	u := r.cfg.Watcher
	p, err := siptest.NewPhone(siptest.Config{
		User: u.Number, Password: u.Password, Proxy: r.cfg.Bridge, Domain: r.cfg.Domain,
		TCP: m.TCP, UserAgent: m.UserAgent, Log: r.cfg.Log,
	})
	if err != nil {
		return err
	}
	w := &watcher{Make: m, phone: p, subs: map[string]*siptest.Subscription{}, marks: map[string]int{}}
	r.watchers = append(r.watchers, w)
	for i, name := range phones {
		number := r.cfg.PBX.Users[i].Number
		s, err := p.Subscribe(ctx, siptest.SubscribeConfig{
			Target: number, Event: m.Event, Accept: m.Accept, Expires: 3600, Schemas: &r.schemas, Foreign: r.cfg.Foreign})
		if err != nil {
			return fmt.Errorf("scenario: %s watches %s at %s: %w", m.Name, number, r.cfg.Bridge, err)
		}
		w.subs[name] = s
	}
	return nil
}

func (w *watcher) mark() {
	for name, s := range w.subs {
		w.marks[name] = len(s.History())
	}
}

// lamp is what the watcher sees now.
func (w *watcher) lamp(name string) Lamp {
	seen, _ := w.subs[name].Last()
	return lampOf(seen)
}

func lampOf(s siptest.Seen) Lamp { return Lamp{State: s.Lamp.State, Held: s.Lamp.Held} }
