package edge

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipmsg"
	"blfbridge/bridge/subscription"
)

// id is the number of a connection, 0 over UDP; seen gives it one.
func (c *connections) id(f notifier.Flow, seen bool) uint32 {
	if !f.Transport.Stream() {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id := c.ids[f]
	if id == 0 && seen {
		id = rand.Uint32() | 1
		c.ids[f] = id
	}
	return id
}

// phoneFlow is where the sender of a request is answered and called. Over UDP that is
// where it sends from, unless it is behind no NAT, did not ask for that and listens at
// the port of its Via (Cisco 79xx): RFC 3261 §18.2.2, RFC 3581.
func phoneFlow(f notifier.Flow, via *sipmsg.TopVia) notifier.Flow {
	if f.Transport != subscription.UDP || via.Rport {
		return f
	}
	port := via.Port
	if port == 0 {
		port = 5060
	}
	if a, err := netip.ParseAddr(string(via.Host)); port != f.Remote.Port() && err == nil && a.Unmap() == f.Remote.Addr() {
		f.Remote = netip.AddrPortFrom(f.Remote.Addr(), port)
	}
	return f
}

// locate is the flow to the phone of a token; false if it is gone. A registration's own
// flow it must be; a call's may be another that its phone has registered on since.
func (e *Edge) locate(t *token) (f notifier.Flow, ok bool) {
	now := time.Now()
	if t.flow.Transport.Stream() {
		if id := e.conns.id(t.flow, false); id != 0 && id == t.conn {
			return t.flow, true
		}
		return e.bindings.find(t.phone, now)
	}
	if t.kind != pathToken {
		if f, ok = e.bindings.find(t.phone, now); ok {
			return f, true
		}
	}
	return t.flow, true
}

// away are the transactions that wait for a phone to register again.
type away struct {
	mu     sync.Mutex // guards phones
	phones map[uint64][]*transaction
}

func (a *away) add(t *transaction) {
	a.mu.Lock()
	a.phones[t.phone.aor] = append(a.phones[t.phone.aor], t)
	a.mu.Unlock()
}

func (a *away) take(aor uint64) []*transaction {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.phones[aor]
	delete(a.phones, aor)
	return list
}

// remove is for one whose time is over.
func (a *away) remove(t *transaction) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.phones[t.phone.aor]
	for i, x := range list {
		if x == t {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(a.phones, t.phone.aor)
		return
	}
	a.phones[t.phone.aor] = list
}

// back sends what waited for a phone that has just registered.
func (e *Edge) back(id phoneID) {
	for _, t := range e.away.take(id.aor) {
		s := e.shardOf(t.key)
		s.mu.Lock()
		if s.byKey[t.key] == t && t.state == waiting {
			if f, ok := e.bindings.find(t.phone, time.Now()); !ok || !e.resume(s, t, f) {
				e.away.add(t) // another phone of that address of record
			}
		}
		s.mu.Unlock()
	}
}

// resume sends what waited for its phone, which has a flow again; false if it must not go
// by that. The lock of its shard is held.
func (e *Edge) resume(s *shard, t *transaction, f notifier.Flow) bool {
	if t.sips && !secure(f.Transport) {
		return false
	}
	t.out, t.state, t.end = f, calling, time.Now().Add(e.config.Timers.B)
	if t.token.kind != 0 {
		t.token.flow, t.token.conn = f, e.conns.id(f, false)
	}
	e.readdressed(t)
	e.dispatch(s, t)
	return true
}
