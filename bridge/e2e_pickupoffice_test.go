package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/eventpkg/dialoginfo"
	"blfbridge/bridge/siptest"
)

// pickupOffice is a bridge in front of a real PBX, and phones behind it. A caller calls
// the boss; the secretary and her deputy may pick that up; the desk watches both and may
// pick nothing of the boss up.
type pickupOffice struct {
	t      *testing.T
	s      *server
	at     front
	phones map[string]*siptest.Phone
	heard  map[string]*heard
	lamps  []*watch

	caller, boss, secretary, deputy, desk string // numbers
}

// policy is the office's.
func (o *pickupOffice) policy() string {
	domains := ""
	if o.at.aliases != "" {
		domains = "\n  domains: [" + o.at.aliases + "]"
	}
	return fmt.Sprintf(`
tenants:
- name: default%s
  presence_groups: [{name: Boss}, {name: Secretary}]
  permissions:
  - {from: Secretary, to: Boss, subscribe: allow}
  - {from: Secretary, to: Standard, subscribe: allow, pickup: false}
  - {from: Standard, to: Boss, subscribe: allow, pickup: false}
  lines: [{number: %q, presence_group: Boss}]
  phones:
  - {name: SEC, lines: [%q], presence_group: Secretary}
  - {name: SEC2, lines: [%q], presence_group: Secretary}
  - {name: DESK, lines: [%q]}
`, domains, o.boss, o.secretary, o.deputy, o.desk)
}

// pickupPhones is the office without a bridge and before its phones have registered.
func pickupPhones(t *testing.T, at front) *pickupOffice {
	return &pickupOffice{
		t: t, at: at, phones: map[string]*siptest.Phone{}, heard: map[string]*heard{},
		caller: at.number(0), boss: at.number(1), secretary: at.number(2), deputy: at.number(3), desk: at.number(4),
	}
}

func newPickupOffice(t *testing.T, at front) *pickupOffice {
	t.Helper()
	o := pickupPhones(t, at)
	o.s = newServer(t, setup{store: newStorage(t, "bolt"), pbx: at.yaml, policy: o.policy(), more: edgeYAML})
	o.s.start()
	for _, u := range at.users {
		h := &heard{}
		o.heard[u.number] = h
		o.phones[u.number] = at.phone(t, o.s.udp, u.number, func(c *siptest.Config) { c.Trace = h.trace(t, u.number) })
	}
	return o
}

// step is one part of the scenario, with a name of its own in what a run prints; the
// next ones need it.
func (o *pickupOffice) step(name string, do func()) {
	o.t.Helper()
	outer := o.t
	use := func(t *testing.T) {
		o.t, o.s.t = t, t
		for _, w := range o.lamps {
			w.t = t
		}
	}
	ok := outer.Run(name, func(t *testing.T) {
		use(t)
		defer use(outer)
		do()
	})
	if !ok {
		outer.FailNow()
	}
}

func (o *pickupOffice) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// lamp watches a line from a phone, as a phone of that make.
func (o *pickupOffice) lamp(from, target, agent string) *watch {
	o.t.Helper()
	w := watching(o.t, o.s.udp, siptest.Config{User: from, Domain: o.at.domain, UserAgent: agent}, siptest.SubscribeConfig{Target: target})
	o.lamps = append(o.lamps, w)
	return w
}

// ringing lets the caller call the boss and waits until the lamp shows by what the call
// can be picked up.
func (o *pickupOffice) ringing(w *watch) (caller, callee *siptest.Call, seen dialoginfo.Element) {
	o.t.Helper()
	caller = ring(o.t, o.phones[o.caller], o.phones[o.boss])
	callee, err := o.phones[o.boss].Incoming(o.t.Context())
	o.must(err)
	// The lamp rings first; what the PBX is asked for follows within milliseconds.
	o.s.eventually(lampTime, "the identifiers of the call", func() error {
		s := w.shows(device.Ringing)
		doc, err := dialoginfo.Parse(s.Body)
		if err != nil {
			return err
		}
		seen = *doc.Lamp()
		if seen.CallID == "" {
			return fmt.Errorf("the lamp shows %+v", seen)
		}
		return nil
	})
	return caller, callee, seen
}

// refused dials and expects a status.
func (o *pickupOffice) refused(status int, from, target string, extra ...siptest.Header) {
	o.t.Helper()
	c, err := o.phones[from].Dial(o.t.Context(), target, extra...)
	o.must(err)
	got, err := c.WaitFinal(o.t.Context())
	if got != status || err != nil {
		o.t.Errorf("%s dials %s: %d, %v, want %d", from, target, got, err, status)
	}
}

// picks dials and expects to be answered; the phones hang up at once.
func (o *pickupOffice) picks(caller, callee *siptest.Call, from, target string, extra ...siptest.Header) {
	o.t.Helper()
	ctx := o.t.Context()
	c, err := o.phones[from].Dial(ctx, target, extra...)
	o.must(err)
	if status, err := c.WaitFinal(ctx); status != 200 || err != nil {
		o.t.Fatalf("%s dials %s: %d, %v", from, target, status, err)
	}
	o.must(callee.WaitEnded(ctx))
	o.must(caller.WaitAnswered(ctx))
	time.Sleep(o.at.settle)
	o.must(c.Bye(ctx))
	o.must(caller.WaitEnded(ctx))
}

func replacesOf(d dialoginfo.Element) siptest.Header {
	return siptest.Header{Name: "Replaces", Value: siptest.Replaces{CallID: d.CallID, ToTag: d.RemoteTag, FromTag: d.LocalTag}.String()}
}
