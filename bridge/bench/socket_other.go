//go:build !linux

package bench

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

// socket is a connected UDP socket of one goroutine.
type socket struct {
	conn   *net.UDPConn
	local  netip.AddrPort
	in     []byte
	out    []byte
	queued int
}

// openSocket opens a socket to the server from a free port.
func openSocket(server netip.AddrPort) (*socket, error) {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	_ = conn.SetReadBuffer(8 << 20) // best effort
	return &socket{conn: conn, local: conn.LocalAddr().(*net.UDPAddr).AddrPort(), in: make([]byte, slotSize), out: make([]byte, slotSize)}, nil
}

func (s *socket) close() { _ = s.conn.Close() }

// next is where the next message to send is written.
func (s *socket) next() []byte { return s.out[:0] }

// queue sends the message. What the kernel refuses is lost, as on a network.
func (s *socket) queue(msg []byte) { _, _ = s.conn.Write(msg) }

func (s *socket) flush() {}

// receive reads what has come, waiting up to most for the first; each message is valid
// until the next call.
func (s *socket) receive(most time.Duration, take func(msg []byte)) (count int) {
	for count < 64 {
		if count > 0 {
			most = 0
		}
		_ = s.conn.SetReadDeadline(time.Now().Add(most + time.Microsecond))
		n, err := s.conn.Read(s.in)
		if err != nil {
			return count
		}
		take(s.in[:n])
		count++
	}
	return count
}
