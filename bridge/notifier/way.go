package notifier

import (
	"net/netip"

	"blfbridge/bridge/subscription"
)

// way is a Flow in a third of its size and without pointers.
type way struct {
	remote    [16]byte
	local     uint32 // index into loop.locals
	port      uint16
	transport subscription.Transport
	is4       bool
}

// wayOf packs a flow. A zone of the remote address is not kept: SIP cannot say it.
func (l *loop) wayOf(f Flow) way {
	n, ok := l.localOf[f.Local]
	if !ok {
		n = uint32(len(l.locals)) //nolint:gosec // a few sockets
		l.locals = append(l.locals, f.Local)
		l.localOf[f.Local] = n
	}
	return way{remote: f.Remote.Addr().As16(), local: n, port: f.Remote.Port(), transport: f.Transport, is4: f.Remote.Addr().Is4()}
}

// flowOf is the inverse of wayOf.
func (l *loop) flowOf(e *entry) Flow {
	w := &e.way
	addr := netip.AddrFrom16(w.remote)
	if w.is4 {
		addr = addr.Unmap()
	}
	return Flow{w.transport, l.locals[w.local], netip.AddrPortFrom(addr, w.port)}
}
