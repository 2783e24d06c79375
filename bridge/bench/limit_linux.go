package bench

import (
	"bufio"
	"net/netip"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The limit: what it costs a process to send datagrams of a NOTIFY's size and to receive
// others of a 200's size, with nothing done to either.
const (
	limitNotify = 900
	limitOK     = 350
	limitWindow = 512
)

// serveLimit is the child's side: it sends to each of the sockets that said hello, and
// stops after the line "stop". Its answer is the number of pairs.
func serveLimit(c childConfig, lines *bufio.Scanner, say func(any) error) error {
	at, err := netip.ParseAddrPort(c.Listen)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	s := &socket{fd: fd, in: newRing(), out: newRing()}
	defer s.close()
	s.in.link()
	s.out.link()
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		return err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	local := name.(*unix.SockaddrInet4)
	if err := say(childAnswer{Addr: netip.AddrPortFrom(netip.AddrFrom4(local.Addr), uint16(local.Port)).String()}); err != nil {
		return err
	}
	peers, err := hello(s, c.Limit)
	if err != nil {
		return err
	}
	for i := range s.out.hdr {
		s.out.iov[i].SetLen(limitNotify)
		peer := &peers[i%len(peers)]
		s.out.hdr[i].hdr.Name = (*byte)(unsafe.Pointer(peer))
		s.out.hdr[i].hdr.Namelen = uint32(unsafe.Sizeof(*peer))
	}
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for lines.Scan() && strings.TrimSpace(lines.Text()) != "stop" {
		}
	}()
	pairs, outstanding := 0, 0
	for running := true; running; {
		for outstanding < limitWindow {
			s.queued = batch
			s.flush()
			outstanding += batch
		}
		n := s.receive(20*time.Millisecond, func([]byte) {})
		pairs += n
		if outstanding -= n; n == 0 {
			outstanding = 0 // something was lost
		}
		select {
		case <-stop:
			running = false
		default:
		}
	}
	runtime.KeepAlive(peers)
	return say(childAnswer{Pairs: pairs})
}

// hello waits for a first datagram from each of count sockets, and returns their addresses.
func hello(s *socket, count int) ([]unix.RawSockaddrInet4, error) {
	var peers []unix.RawSockaddrInet4
	buf := make([]byte, slotSize)
	for len(peers) < count {
		s.poll(unix.POLLIN, time.Second)
		_, from, err := unix.Recvfrom(s.fd, buf, 0)
		if err == unix.EAGAIN {
			continue
		}
		if err != nil {
			return nil, err
		}
		a := from.(*unix.SockaddrInet4)
		peers = append(peers, unix.RawSockaddrInet4{Family: unix.AF_INET, Port: uint16(a.Port>>8 | a.Port<<8&0xff00), Addr: a.Addr})
	}
	return peers, nil
}

// echo answers every datagram with one of a 200's size until the phase is stopped.
func (w *worker) echo() {
	text := make([]byte, limitOK)
	w.sock.queue(append(w.sock.next(), text...))
	for !w.farm.stop.Load() {
		w.sock.flush()
		w.sock.receive(idle, func([]byte) { w.sock.queue(append(w.sock.next(), text...)) })
	}
}
