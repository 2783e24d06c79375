package edge

import (
	"time"

	"blfbridge/bridge/notifier"
)

// maxOverUDP is the largest request that goes over UDP to a PBX that takes TCP as well: RFC
// 3261 §18.1.1, where the path's MTU is not known.
const maxOverUDP = 1300

// refusedFor is how long a PBX that took no connection is not tried again.
const refusedFor = 5 * time.Minute

// large is the flow by which a request of that size goes to a PBX; nil = the usual one.
//
// It is for that one message: Record-Route and Path name our UDP socket all the same, since
// the PBX is one of UDP, and its connection is not what a dialog may depend on. To a phone
// nothing goes that way: its binding over UDP is the only way to it (RFC 5626 §5.3). An ACK
// does not either: it is not repeated, so that nothing could fall back.
func (e *Edge) large(p *peer, size int) *notifier.Flow {
	f := p.byTCP.Load()
	if f == nil || size <= maxOverUDP {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.refused) {
		return nil
	}
	return f
}

// overTCP sends a large request, or has it wait for its connection, T1 at most. The lock of
// its shard is held.
func (e *Edge) overTCP(s *shard, t *transaction) {
	p, now := t.peer, time.Now()
	p.mu.Lock()
	err := e.net.Send(t.out, t.msg)
	if t.connecting = err == notifier.ErrConnecting && s.byKey[t.key] == t && len(p.connecting) < maxWaiting; t.connecting { //nolint:errorlint // it is returned bare
		p.connecting = append(p.connecting, t)
	}
	p.mu.Unlock()
	switch {
	case t.connecting:
		e.schedule(t, now.Add(e.config.Timers.T1))
	case err != nil:
		e.overUDP(s, t)
	case s.byKey[t.key] == t:
		e.schedule(t, t.end)
	}
}

// overUDP sends a request by UDP that cannot go by TCP (RFC 3261 §18.1.1). The lock of its
// shard is held.
func (e *Edge) overUDP(s *shard, t *transaction) {
	t.large, t.connecting = false, false
	if f := t.peer.flow.Load(); f != nil {
		t.out = *f
	}
	e.readdressed(t)
	e.dispatch(s, t)
}

// refuses notes that a PBX takes no connection. Its lock is not held.
func (e *Edge) refuses(p *peer) {
	now := time.Now()
	p.mu.Lock()
	news := now.After(p.refused)
	p.refused = now.Add(refusedFor)
	p.mu.Unlock()
	if news {
		e.log.Warn("a PBX takes no TCP connection; what is too large for UDP goes by UDP for a while (pbx.sip_large)",
			"pbx", p.Name, "again_in", refusedFor)
	}
}

// connects ends the waiting for a connection to a PBX, which is there or failed. No lock is held.
func (e *Edge) connects(f notifier.Flow, up bool) {
	for _, p := range e.peers {
		if own := p.byTCP.Load(); own == nil || *own != f {
			continue
		}
		if !up {
			e.refuses(p)
		}
		p.mu.Lock()
		list := p.connecting
		p.connecting = nil
		p.mu.Unlock()
		for _, t := range list {
			s := e.shardOf(t.key)
			s.mu.Lock()
			switch {
			case s.byKey[t.key] != t || !t.connecting || t.peer != p:
			case up:
				e.overTCP(s, t)
			default:
				e.overUDP(s, t)
			}
			s.mu.Unlock()
		}
	}
}
