package edge

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
)

// shelf is a store's side of Keep.
type shelf map[string]string

func (s shelf) keep(key string, value []byte) {
	if value == nil {
		delete(s, key)
		return
	}
	s[key] = string(value)
}

// restart is another process with the same key that finds what the first one kept.
func (s shelf) restart(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := newRig(t, func(c *Config) {
		c.Keep = s.keep
		if change != nil {
			change(c)
		}
	})
	for k, v := range maps.Clone(s) {
		if err := r.e.Restore(k, []byte(v)); err != nil {
			t.Error(err)
		}
	}
	return r
}

// TestRegistrationsOutliveTheProcess: a phone over UDP is known, and called by its Contact,
// by the next process, until its registration ends; one over a connection is not.
func TestRegistrationsOutliveTheProcess(t *testing.T) {
	inRig(t, nil, func(t *testing.T, _ *rig) {
		s := shelf{}
		r := s.restart(t, nil)
		r.register(phoneUDP, "1001")
		r.register(phoneTCP, "1003")
		if len(s) != 1 {
			t.Fatalf("kept %q", s)
		}

		r = s.restart(t, nil)
		if !r.e.Registered(phoneUDP, "1001@pbx.test") || r.e.Registered(phoneUDP, "1003@pbx.test") || r.e.Registered(stranger, "1001@pbx.test") {
			t.Error("known is not who was registered")
		}
		if r.e.Registered(phoneTCP, "1003@pbx.test") {
			t.Error("known without its connection")
		}
		r.mustGive(pbxOne, req{method: "MESSAGE", uri: "sip:1001@" + phoneUDP.Remote.String()}.String())
		r.next(phoneUDP)
		if got := s.restart(t, func(c *Config) { c.Key = []byte(strings.Repeat("x", 32)) }).e.bindings.count(); got != 0 {
			t.Errorf("%d are known to a process with another key", got)
		}
		if other := newRig(t, nil); true {
			other.listen = other.listen[2:]
			for k, v := range s {
				if err := other.e.Restore(k, []byte(v)); err != nil || other.e.bindings.count() != 0 {
					t.Error("known by a process with other sockets", err)
				}
			}
		}

		// It moves to another address of its NAT: one entry, the new one.
		moved := phoneUDP
		moved.Remote = addr("203.0.113.7:31005")
		r.mustGive(moved, req{
			method: "REGISTER", uri: "sip:pbx.test", branch: "z9hG4bKmoved", from: "<sip:1001@pbx.test>;tag=r", to: "<sip:1001@pbx.test>",
			lines: []string{"Contact: <sip:1001@" + phoneUDP.Remote.String() + ">"},
		}.String())
		r.mustGive(pbxOne, answerTo(r.next(pbxOne), 200, "Contact: <sip:1001@"+phoneUDP.Remote.String()+">;expires=600"))
		r.drain()
		r = s.restart(t, nil)
		if len(s) != 1 || !r.e.Registered(moved, "1001@pbx.test") || r.e.Registered(phoneUDP, "1001@pbx.test") {
			t.Errorf("after it moved: %q", s)
		}

		time.Sleep(601 * time.Second)
		if r.e.Registered(moved, "1001@pbx.test") {
			t.Error("known after its time")
		}
		if r = s.restart(t, nil); r.e.bindings.count() != 0 || len(s) != 0 {
			t.Errorf("what is over stays: %q", s)
		}

		// A new one, which leaves.
		r.register(phoneUDP, "1001")
		contact := "Contact: <sip:1001@" + phoneUDP.Remote.String() + ">;expires=0"
		r.mustGive(phoneUDP, req{method: "REGISTER", uri: "sip:pbx.test", branch: "z9hG4bKm", from: "<sip:1001@pbx.test>;tag=r", to: "<sip:1001@pbx.test>", lines: []string{contact}}.String())
		r.mustGive(pbxOne, answerTo(r.next(pbxOne), 200))
		if len(s) != 0 {
			t.Errorf("a phone that left is kept: %q", s)
		}
	})
}

// TestRestoreRefuses: an entry that cannot be read is an error, and no phone.
func TestRestoreRefuses(t *testing.T) {
	s := shelf{}
	r := s.restart(t, nil)
	r.register(phoneUDP, "1001")
	for k, v := range s {
		for cut := range len(v) - 40 {
			if err := r.e.Restore(k, []byte(v[:cut])); !errors.Is(err, ErrStored) {
				t.Errorf("the first %d bytes: %v", cut, err)
			}
		}
		if err := r.e.Restore(k, []byte("\x02"+v[1:])); !errors.Is(err, ErrStored) {
			t.Error(err)
		}
		before := r.e.bindings.count()
		if err := r.e.Restore(k+"x", []byte(v)); err != nil || r.e.bindings.count() != before {
			t.Error("under another's name:", err)
		}
	}
}
