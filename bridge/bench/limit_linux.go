package bench

import (
	"bufio"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The limit: what it costs a process to send datagrams of a NOTIFY's size to phones and to
// receive their 200s, with nothing done to either. The phones are those of the other
// scenarios: they read each NOTIFY, and write and send its 200 as they do for any server.
const (
	limitNotify = 850 // bytes, as those of fanout
	limitWindow = 512 // on their way, as two loops of the notifier have in a burst
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
		// Watchers of one line come one after the other, and so do those of one socket.
		at := i * len(peers) / batch
		index := i*len(peers) + at
		s.out.slots[i] = appendLimitNotify(s.out.slots[i][:0], index)
		s.out.iov[i].SetLen(len(s.out.slots[i]))
		s.out.hdr[i].hdr.Name = (*byte)(unsafe.Pointer(&peers[at]))
		s.out.hdr[i].hdr.Namelen = uint32(unsafe.Sizeof(peers[at]))
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

// hello waits for a first datagram from each of count sockets, and returns their addresses
// by the numbers that they tell.
func hello(s *socket, count int) ([]unix.RawSockaddrInet4, error) {
	peers := make([]unix.RawSockaddrInet4, count)
	buf := make([]byte, slotSize)
	for known := 0; known < count; {
		s.poll(unix.POLLIN, time.Second)
		n, from, err := unix.Recvfrom(s.fd, buf, 0)
		if err == unix.EAGAIN {
			continue
		}
		if err != nil {
			return nil, err
		}
		id, digits := number(buf[:n])
		if digits == 0 || id >= count || peers[id].Port != 0 {
			continue
		}
		a := from.(*unix.SockaddrInet4)
		peers[id] = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: uint16(a.Port>>8 | a.Port<<8&0xff00), Addr: a.Addr}
		known++
	}
	return peers, nil
}

// appendLimitNotify writes the NOTIFY that the limit sends to a subscription again and again.
func appendLimitNotify(b []byte, index int) []byte {
	body := `<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="1" state="full" entity="sip:100000@127.0.0.1:5060">` +
		`<dialog id="c" direction="recipient"><state>early</state></dialog></dialog-info>`
	head := fmt.Sprintf("NOTIFY sip:%d@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKblf.0.0.%d.0123456789ab;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:100000@127.0.0.1:5060>;tag=0123456789abc\r\nTo: <sip:100000@127.0.0.1:5060>;tag=p%d\r\nCall-ID: %d-01234567@phone\r\nCSeq: 1 NOTIFY\r\n"+
		"Contact: <sip:100000@127.0.0.1:5060>\r\nEvent: dialog\r\nSubscription-State: active;expires=3600\r\nContent-Type: application/dialog-info+xml\r\n",
		index, index, index, index)
	const length = "Content-Length: 000\r\n\r\n"
	body += strings.Repeat(" ", max(limitNotify-len(head)-len(length)-len(body), 0))
	return fmt.Appendf(b, "%sContent-Length: %03d\r\n\r\n%s", head, len(body), body)
}
