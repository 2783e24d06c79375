package bench

import (
	"fmt"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

// socket is a connected UDP socket of one goroutine, read and written in batches.
type socket struct {
	fd      int
	local   netip.AddrPort
	in, out ring
	queued  int // messages in out
}

// ring is memory for one batch of messages, with the headers that point to it.
type ring struct {
	slots [batch][]byte
	iov   [batch]unix.Iovec
	hdr   [batch]mmsghdr
}

func newRing() ring {
	var r ring
	all := make([]byte, batch*slotSize)
	for i := range r.slots {
		r.slots[i] = all[i*slotSize : (i+1)*slotSize : (i+1)*slotSize]
	}
	return r
}

// link points the headers to the slots; the ring must not move afterwards.
func (r *ring) link() {
	for i := range r.slots {
		r.iov[i].Base = &r.slots[i][0]
		r.iov[i].SetLen(slotSize)
		r.hdr[i].hdr.Iov = &r.iov[i]
		r.hdr[i].hdr.SetIovlen(1)
	}
}

// openSocket opens a socket to the server from a free port.
func openSocket(server netip.AddrPort) (*socket, error) {
	family, to := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(server.Port()), Addr: server.Addr().As4()})
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("bench: socket: %w", err)
	}
	for _, o := range [...]int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, o, 32<<20) != nil { // needs root; else what is allowed
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, map[int]int{unix.SO_RCVBUFFORCE: unix.SO_RCVBUF, unix.SO_SNDBUFFORCE: unix.SO_SNDBUF}[o], 32<<20)
		}
	}
	if err := unix.Connect(fd, to); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("bench: connect to %s: %w", server, err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("bench: getsockname: %w", err)
	}
	a := name.(*unix.SockaddrInet4)
	s := &socket{fd: fd, local: netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), in: newRing(), out: newRing()}
	s.in.link()
	s.out.link()
	return s, nil
}

func (s *socket) close() { _ = unix.Close(s.fd) }

// next is where the next message to send is written; queue sends it with the batch.
func (s *socket) next() []byte {
	if s.queued == batch {
		s.flush()
	}
	return s.out.slots[s.queued][:0]
}

// queue takes the message that was appended to next's bytes.
func (s *socket) queue(msg []byte) {
	if len(msg) == 0 || &msg[0] != &s.out.slots[s.queued][0] {
		panic("bench: a message is larger than a slot")
	}
	s.out.iov[s.queued].SetLen(len(msg))
	s.queued++
}

// flush sends what is queued. What the kernel refuses is lost, as on a network.
func (s *socket) flush() {
	for first := 0; first < s.queued; {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.out.hdr[first])),
			uintptr(s.queued-first), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EAGAIN || errno == unix.EINTR:
			s.poll(unix.POLLOUT, time.Millisecond)
		case errno != 0:
			first++ // an ICMP error of an earlier one is reported once
		default:
			first += int(n)
		}
	}
	s.queued = 0
	runtime.KeepAlive(s)
}

// receive reads what has come, waiting up to most for the first; each message is valid
// until the next call.
func (s *socket) receive(most time.Duration, take func(msg []byte)) int {
	n := s.read()
	if n == 0 && most > 0 && s.poll(unix.POLLIN, most) {
		n = s.read()
	}
	for i := range n {
		take(s.in.slots[i][:s.in.hdr[i].len])
	}
	return n
}

func (s *socket) read() int {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.in.hdr[0])), batch, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

func (s *socket) poll(events int16, most time.Duration) bool {
	fds := [1]unix.PollFd{{Fd: int32(s.fd), Events: events}}
	ts := unix.NsecToTimespec(most.Nanoseconds())
	n, _ := unix.Ppoll(fds[:], &ts, nil)
	return n > 0
}
