package notifier

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// moving are lamps of which one moves while a loop looks at it.
type moving struct {
	*lamps
	next atomic.Pointer[func()]
}

func (p *moving) Lamp(id uint32) compositor.Lamp {
	lamp := p.lamps.Lamp(id)
	if f := p.next.Swap(nil); f != nil {
		(*f)()
	}
	return lamp
}

// TestAnsweredLooksAgain: whatever changes what a watcher sees while a NOTIFY is on its
// way is told when that one is answered, and nothing is told twice.
func TestAnsweredLooksAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*rig)
		want   string // empty = no NOTIFY follows
	}{
		"nothing": {func(*rig) {}, ""},
		"lamp":    {func(r *rig) { r.p.set("101", device.Idle) }, "active v=2 terminated"},
		"and back": {func(r *rig) {
			r.p.set("101", device.Idle)
			r.p.set("101", device.Busy)
		}, ""},
		"view": {func(r *rig) {
			if err := r.n.Reauthorize(r.t.Context(), nil, func(Standing) policy.Decision {
				return policy.Decision{Outcome: policy.Allowed, View: policy.ViewIdle}
			}); err != nil {
				r.t.Error(err)
			}
		}, "active v=2 terminated"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Config{})
				defer r.stop()
				r.subscribe("c1", "101", 1, time.Hour)
				r.reply(r.want("active v=0 terminated"), 200)
				r.p.set("101", device.Busy)
				msg := r.want("active v=1 confirmed")
				c.change(r)
				r.none()
				r.reply(msg, 200)
				if c.want == "" {
					r.none()
					return
				}
				r.reply(r.want(c.want), 200)
				r.none()
			})
		})
	}
}

// TestMovedWhileRendered: a lamp that moves between the body of a NOTIFY and its sending
// is told after the answer.
func TestMovedWhileRendered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &moving{}
		r := newRig(t, Config{}, func(n *Notifier) { m.lamps = n.lamps.(*lamps); n.lamps = m })
		defer r.stop()
		r.subscribe("c1", "101", 1, time.Hour)
		r.reply(r.want("active v=0 terminated"), 200)
		again := func() { r.p.set("101", device.Ringing) }
		m.next.Store(&again)
		r.p.set("101", device.Busy)
		r.reply(r.want("active v=1 confirmed"), 200)
		r.reply(r.want("active v=2 early"), 200)
		r.none()
	})
}

// TestAnsweredWithoutRendering: an answer to what is shown still costs no body.
func TestAnsweredWithoutRendering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Loops: 1})
		r.subscribe("c1", "101", 1, time.Hour)
		msg := r.want("active v=0 terminated")
		l := r.n.loops[0]
		l.bodies, l.lastBody = nil, nil // the loop waits
		r.reply(msg, 200)
		r.stop()
		if len(l.bodies) != 0 || l.lastBody != nil || l.records.at(0).Flags&subscription.Outstanding != 0 {
			t.Errorf("%d bodies were rendered", len(l.bodies))
		}
	})
}
