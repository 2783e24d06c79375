//go:build !(linux && (amd64 || arm64))

package sipua

import "net/netip"

// inbox and outbox are of Linux; elsewhere every datagram is a system call of its own.
type inbox struct{}

func newInbox(PacketConn) *inbox                                  { return nil }
func (*inbox) more() bool                                         { return false }
func (*inbox) read() (msg []byte, from netip.AddrPort, err error) { return nil, from, nil }

type outbox struct{}

func newOutbox(PacketConn, netip.Addr) *outbox    { return nil }
func (*outbox) queue([]byte, netip.AddrPort) bool { return false }
func (*outbox) flush()                            {}
func (*outbox) result() (int, error)              { return 0, nil }
