package sipua

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// PacketConn is what is used of a UDP socket; *net.UDPConn is one. Its local address is a
// *net.UDPAddr.
type PacketConn interface {
	net.PacketConn
	ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// udpSocket is a net.PacketConn for sipgo's ServeUDP. It hands on only what was
// screened, and reports the socket's own address as the sender of everything: sipgo
// keeps one entry in a pool per sender, for ever. The real one stands in the stamp of the
// topmost Via, by which responses find their way.
type udpSocket struct {
	conn     PacketConn
	local    netip.AddrPort
	screener *screener
	in       *inbox              // of the one reader; nil = one datagram at a time
	answers  []notifier.Response // to NOTIFYs, out of in
	buf      []byte              // of the one reader, without in
	out      []byte              // of the one reader
}

// receiveBuffer holds some 10,000 SUBSCRIBEs: the kernel counts 1280 bytes and more for each.
const receiveBuffer = 8 << 20

// maxDatagram is what IP can carry at most.
const maxDatagram = 65535

func newUDPSocket(conn PacketConn, s *screener) *udpSocket {
	if u, ok := conn.(*net.UDPConn); ok {
		widen(u, receiveBuffer)
		_ = u.SetWriteBuffer(4 << 20)
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	u := &udpSocket{
		conn: conn, screener: s, in: newInbox(conn),
		local: netip.AddrPortFrom(local.Addr().Unmap(), local.Port()),
	}
	if u.in == nil {
		u.buf = make([]byte, maxDatagram)
	}
	return u
}

// read returns one datagram, which is valid until the next call. Answers to NOTIFYs that
// came together are handed on together, and are not returned.
func (u *udpSocket) read() (msg []byte, source netip.AddrPort, err error) {
	for u.in != nil {
		if !u.in.more() {
			u.handOn()
		}
		msg, source, err := u.in.read()
		if err != nil {
			return nil, source, err
		}
		r, ours := notifier.ParseResponse(msg)
		if !ours {
			return msg, source, nil
		}
		trace(u.screener.log, "in", packet{msg, subscription.UDP, u.local, source})
		r.Port = source.Port()
		u.answers = append(u.answers, r)
	}
	n, source, err := u.conn.ReadFromUDPAddrPort(u.buf)
	return u.buf[:n], netip.AddrPortFrom(source.Addr().Unmap(), source.Port()), err
}

// ReadFrom returns the next message that is for sipgo. sipgo has one reader per socket.
func (u *udpSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		got, source, err := u.read()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return 0, nil, err
			}
			// The reader must outlive whatever the network reports on the socket.
			u.screener.metrics.dropped.WithLabelValues("read_error").Inc()
			u.screener.quiet.warn("read_error", "reading a UDP socket failed", "local", u.local.String(), "error", err)
			time.Sleep(time.Millisecond)
			continue
		}
		if msg, ok := u.datagram(got, source); ok {
			u.handOn() // sipgo may take its time
			if len(msg) <= len(b) {
				return copy(b, msg), u.LocalAddr(), nil
			}
			u.tooLarge(got, source)
		}
	}
}

// datagram screens one datagram; ok says that msg is for sipgo.
func (u *udpSocket) datagram(msg []byte, source netip.AddrPort) ([]byte, bool) {
	// RFC 5626 §3.5.1 and what phones make of it: CRLF, NUL bytes or nothing keep a NAT
	// binding open; a double CRLF asks for a single one.
	if isKeepAlive(msg) {
		if string(msg) == "\r\n\r\n" {
			_ = u.send([]byte("\r\n"), source)
		}
		return nil, false
	}
	if isSTUN(msg) {
		if u.screener.limits.allow(source.Addr()) {
			_ = u.send(appendSTUN(u.out[:0], msg, source), source)
		}
		return nil, false
	}
	for len(msg) > 2 && msg[0] == '\r' && msg[1] == '\n' {
		msg = msg[2:]
	}
	v, out := u.screener.screen(u.out[:0], packet{msg, subscription.UDP, u.local, source})
	u.out = out[:0]
	if v == answer {
		trace(u.screener.log, "out", packet{out, subscription.UDP, u.local, source})
		_ = u.send(out, source)
	}
	return out, v == pass
}

// handOn gives the notifier the answers read so far.
func (u *udpSocket) handOn() {
	if len(u.answers) == 0 {
		return
	}
	if n := u.screener.notifier.Load(); n != nil {
		(*n).Responses(u.answers...)
	}
	u.answers = u.answers[:0]
}

func isKeepAlive(msg []byte) bool {
	if len(msg) > 8 {
		return false
	}
	for _, c := range msg {
		if c != '\r' && c != '\n' && c != 0 {
			return false
		}
	}
	return true
}

// tooLarge answers what fits no buffer of sipgo's (see maxPassed): 513 makes a watcher
// that can use TCP.
func (u *udpSocket) tooLarge(msg []byte, source netip.AddrPort) {
	var h head
	in := packet{msg, subscription.UDP, u.local, source}
	_ = h.scan(in.msg)
	if v, out := u.screener.refuse(nil, &h, &in, faultTooLarge); v == answer {
		_ = u.send(out, source)
	}
}

// WriteTo sends what sipgo has written: a response where its topmost Via says, a
// request to addr.
func (u *udpSocket) WriteTo(b []byte, addr net.Addr) (int, error) {
	var to netip.AddrPort
	if len(b) > 8 && string(b[:8]) == "SIP/2.0 " {
		to, _ = responseTarget(b)
	}
	if !to.IsValid() {
		ua, ok := addr.(*net.UDPAddr)
		if !ok {
			return 0, net.InvalidAddrError("sipua: not a UDP address")
		}
		to = ua.AddrPort()
	}
	trace(u.screener.log, "out", packet{b, subscription.UDP, u.local, to})
	if err := u.send(b, to); err != nil {
		return 0, err
	}
	return len(b), nil
}

// send writes one datagram. The socket's family is the peer's: both are unmapped.
func (u *udpSocket) send(b []byte, to netip.AddrPort) error {
	_, err := u.conn.WriteToUDPAddrPort(b, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()))
	return err
}

// LocalAddr is the bound address.
func (u *udpSocket) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(u.local) }

// Close ends the reader.
func (u *udpSocket) Close() error { return u.conn.Close() }

// SetDeadline is part of net.PacketConn.
func (u *udpSocket) SetDeadline(t time.Time) error { return u.conn.SetDeadline(t) }

// SetReadDeadline is part of net.PacketConn.
func (u *udpSocket) SetReadDeadline(t time.Time) error { return u.conn.SetReadDeadline(t) }

// SetWriteDeadline is part of net.PacketConn.
func (u *udpSocket) SetWriteDeadline(t time.Time) error { return u.conn.SetWriteDeadline(t) }
