package sipua

import (
	"fmt"
	"net/netip"

	"blfbridge/bridge/notifier"
)

// batch is what one loop of the notifier sends by: its datagrams leave together, some sixty
// by one system call. What goes over a connection does not wait. It is of one goroutine.
type batch struct {
	server *Server
	boxes  map[*udpSocket]*outbox // nil = that socket has none
	used   []*outbox
	last   *udpSocket
	box    *outbox // of last
}

// Batch implements notifier.Batcher.
func (s *Server) Batch() notifier.Batch { return &batch{server: s, boxes: map[*udpSocket]*outbox{}} }

// Send implements notifier.Transport.
func (b *batch) Send(f notifier.Flow, msg []byte) error {
	if f.Transport.Stream() {
		return b.server.streams.send(f, msg)
	}
	u := b.server.socketFor(f.Local, f.Remote)
	if u == nil {
		return fmt.Errorf("%w: %s", ErrNoSocket, f.Remote)
	}
	trace(b.server.log, "out", packet{msg, f.Transport, u.local, f.Remote})
	return b.queue(u, msg, f.Remote)
}

// queue sends by a socket with what else there is.
func (b *batch) queue(u *udpSocket, msg []byte, to netip.AddrPort) error {
	if u != b.last {
		box, known := b.boxes[u]
		if !known {
			if box = newOutbox(u.conn, u.local.Addr()); box != nil {
				b.used = append(b.used, box)
			}
			b.boxes[u] = box
		}
		b.last, b.box = u, box
	}
	if b.box != nil && b.box.queue(msg, netip.AddrPortFrom(to.Addr().Unmap(), to.Port())) {
		return nil
	}
	return u.send(msg, to)
}

// Flush implements notifier.Batch.
func (b *batch) Flush() (failed int, err error) {
	for _, o := range b.used {
		o.flush()
		if n, e := o.result(); n > 0 {
			failed += n
			err = e
		}
	}
	return failed, err
}
