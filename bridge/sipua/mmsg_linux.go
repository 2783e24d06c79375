//go:build linux && (amd64 || arm64)

package sipua

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

const (
	// readBatch datagrams are read by one system call at most, and sendBatch sent.
	readBatch = 32
	sendBatch = 64
	// sendBytes is the memory for the datagrams of one batch; the largest of all fits.
	sendBytes = maxDatagram + 1
	// readStride is from one to the next of what is read. A power of two would put all of
	// them on the same lines of the processor's cache.
	readStride = maxDatagram + 1 + 17*64
)

// inbox reads datagrams in batches. The system call is made raw: it never waits, and
// telling the scheduler of it would cost as much as it does. It is of one goroutine.
type inbox struct {
	raw   syscall.RawConn
	try   func(fd uintptr) bool // reads; made once, so that it costs no allocation
	n, at int                   // datagrams read, and handed out
	errno syscall.Errno
	buf   []byte
	names [readBatch]unix.RawSockaddrInet6
	iov   [readBatch]unix.Iovec
	hdr   [readBatch]mmsghdr
}

// newInbox is nil if the socket is not the kernel's.
func newInbox(conn PacketConn) *inbox {
	u, ok := conn.(*net.UDPConn)
	if !ok {
		return nil
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil
	}
	// Memory that no datagram has touched is not there.
	in := &inbox{raw: raw, buf: make([]byte, readBatch*readStride)}
	for i := range in.hdr {
		in.iov[i].Base = &in.buf[i*readStride]
		in.iov[i].SetLen(maxDatagram)
		h := &in.hdr[i].hdr
		h.Iov, h.Name = &in.iov[i], (*byte)(unsafe.Pointer(&in.names[i]))
		h.SetIovlen(1)
	}
	in.try = func(fd uintptr) bool {
		for i := range in.hdr {
			in.hdr[i].hdr.Namelen = unix.SizeofSockaddrInet6
		}
		for {
			n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&in.hdr[0])), readBatch, unix.MSG_DONTWAIT, 0, 0)
			switch errno {
			case syscall.EINTR:
				continue
			case syscall.EAGAIN:
				return false
			}
			if in.n, in.errno = int(n), errno; errno != 0 {
				in.n = 0
			}
			return true
		}
	}
	return in
}

// more reports whether read has a datagram at once.
func (in *inbox) more() bool { return in.at < in.n }

// read is ReadFromUDPAddrPort, but that the bytes are valid until a later call waits.
func (in *inbox) read() (msg []byte, from netip.AddrPort, err error) {
	for in.at == in.n {
		in.n, in.at = 0, 0
		if err := in.raw.Read(in.try); err != nil {
			return nil, from, err
		}
		if in.errno != 0 {
			return nil, from, in.errno
		}
	}
	i := in.at
	in.at++
	return in.buf[i*readStride:][:in.hdr[i].len], addrPortOf(&in.names[i]), nil
}

func addrPortOf(name *unix.RawSockaddrInet6) netip.AddrPort {
	port := name.Port<<8 | name.Port>>8
	if name.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), port)
}

// outbox collects what one goroutine sends from one socket.
type outbox struct {
	raw       syscall.RawConn
	now, wait func(fd uintptr) bool // send; made once, so that they cost no allocation
	n, sent   int
	failed    int
	err       error
	is4       bool
	fill      int
	buf       []byte
	names     [sendBatch]unix.RawSockaddrInet6
	iov       [sendBatch]unix.Iovec
	hdr       [sendBatch]mmsghdr
}

// newOutbox is nil if the socket is not the kernel's.
func newOutbox(conn PacketConn, local netip.Addr) *outbox {
	u, ok := conn.(*net.UDPConn)
	if !ok {
		return nil
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil
	}
	o := &outbox{raw: raw, is4: local.Is4(), buf: make([]byte, sendBytes)}
	for i := range o.hdr {
		h := &o.hdr[i].hdr
		h.Iov, h.Name = &o.iov[i], (*byte)(unsafe.Pointer(&o.names[i]))
		h.SetIovlen(1)
		h.Namelen = unix.SizeofSockaddrInet6
		if o.is4 {
			h.Namelen = unix.SizeofSockaddrInet4
		}
	}
	o.now = func(fd uintptr) bool { o.send(fd); return true }
	o.wait = func(fd uintptr) bool { return o.send(fd) }
	return o
}

// send sends what is left; false if the socket's buffer is full.
func (o *outbox) send(fd uintptr) bool {
	for o.sent < o.n {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&o.hdr[o.sent])), uintptr(o.n-o.sent), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			o.sent += int(n)
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default: // of the first one; the rest may do better
			o.sent++
			o.failed++
			o.err = errno
		}
	}
	return true
}

// queue takes a datagram; false if it cannot go by here.
func (o *outbox) queue(msg []byte, to netip.AddrPort) bool {
	addr := to.Addr()
	if addr.Is4() != o.is4 || addr.Zone() != "" || len(msg) == 0 || len(msg) > sendBytes {
		return false
	}
	if o.n == sendBatch || o.fill+len(msg) > sendBytes {
		o.flush()
	}
	i := o.n
	port := to.Port()<<8 | to.Port()>>8
	if o.is4 {
		*(*unix.RawSockaddrInet4)(unsafe.Pointer(&o.names[i])) = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port, Addr: addr.As4()}
	} else {
		o.names[i] = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: port, Addr: addr.As16()}
	}
	o.iov[i].Base = &o.buf[o.fill]
	o.iov[i].SetLen(copy(o.buf[o.fill:], msg))
	o.fill += len(msg)
	o.n++
	return true
}

// flush sends all. It waits only while the socket's buffer is full.
func (o *outbox) flush() {
	if o.n == 0 {
		return
	}
	// Control, not Write: the loops do not wait for each other. A socket that is closed
	// takes nothing any more.
	err := o.raw.Control(func(fd uintptr) { o.now(fd) })
	if err == nil && o.sent < o.n {
		err = o.raw.Write(o.wait)
	}
	if err != nil && o.sent < o.n {
		o.failed += o.n - o.sent
		o.err = err
	}
	o.n, o.sent, o.fill = 0, 0, 0
}

// result is how many could not be sent since the last call, and why the last one.
func (o *outbox) result() (failed int, err error) {
	failed, err = o.failed, o.err
	o.failed, o.err = 0, nil
	if errors.Is(err, net.ErrClosed) {
		return 0, nil // we are stopping
	}
	return failed, err
}
