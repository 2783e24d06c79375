package edge

import (
	"bytes"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipmsg"
)

// registration is a REGISTER on its way: what its 200 will mean.
type registration struct {
	id      phoneID
	aor     string
	contact string // the first Contact's URI, "*" for all; empty = it only asks
	asked   time.Duration
	flow    notifier.Flow
}

// standardExpires is what registrars grant that say nothing (RFC 3261 §10.2.1.1).
const standardExpires = time.Hour

// registering is the phone that a REGISTER is from.
func (e *Edge) registering(m *sipmsg.Message) phoneID {
	aor, _ := aorOf(m.Value(sipmsg.To))
	id, _ := e.phones.identify(aor, firstContact(m))
	return id
}

// firstContact is the first Contact value.
func firstContact(m *sipmsg.Message) []byte {
	v, _, _, _ := sipmsg.Cut(m.Value(sipmsg.Contact), ',')
	return bytes.TrimSpace(v)
}

// newRegistration reads a REGISTER; nil if nothing can be learnt of it.
func (e *Edge) newRegistration(m *sipmsg.Message, f notifier.Flow) *registration {
	r := &registration{flow: f, asked: -1}
	var ok bool
	if r.aor, ok = aorOf(m.Value(sipmsg.To)); !ok {
		return nil
	}
	if v, ok := sipmsg.Uint(m.Value(sipmsg.Expires), 1<<32-1); ok {
		r.asked = time.Duration(v) * time.Second
	}
	contact := firstContact(m)
	r.id, r.contact = e.phones.identify(r.aor, contact)
	_, params, _ := sipmsg.Address(contact)
	if v, ok := seconds(params); ok {
		r.asked = v
	}
	return r
}

func seconds(params []byte) (time.Duration, bool) {
	v, found := sipmsg.Param(params, "expires")
	n, ok := sipmsg.Uint(v, 1<<32-1)
	return time.Duration(n) * time.Second, found && ok
}

// registered notes what the 200 to a REGISTER says; true if the phone is registered now.
func (e *Edge) registered(r *registration, m *sipmsg.Message) bool {
	if r.contact == "" {
		return false
	}
	granted := e.granted(r, m)
	if r.asked == 0 || r.contact == "*" || granted <= 0 {
		e.bindings.remove(r.id.aor, r.contact, r.flow)
		return false
	}
	e.bindings.put(&binding{id: r.id, aor: r.aor, contact: r.contact, flow: r.flow, until: time.Now().Add(granted)})
	return true
}

// granted is for how long: what the response says of that Contact, else of all, else what
// was asked (RFC 3261 §10.2.4). A response that lists others only has not taken it.
func (e *Edge) granted(r *registration, m *sipmsg.Message) time.Duration {
	all := r.asked
	if v, ok := sipmsg.Uint(m.Value(sipmsg.Expires), 1<<32-1); ok {
		all = time.Duration(v) * time.Second
	}
	if all < 0 {
		all = standardExpires
	}
	listed := 0
	only := all
	for _, h := range m.Lines() {
		if h.Kind != sipmsg.Contact {
			continue
		}
		for rest := m.At(h.Value); len(rest) > 0; {
			var v []byte
			v, rest, _, _ = sipmsg.Cut(rest, ',')
			uri, params, ok := sipmsg.Address(bytes.TrimSpace(v))
			if !ok {
				continue
			}
			lifetime, has := seconds(params)
			if !has {
				lifetime = all
			}
			if string(uri) == r.contact {
				return lifetime
			}
			listed++
			only = lifetime
		}
	}
	if listed > 1 {
		return 0
	}
	return only // a registrar may write a Contact in a form of its own
}
