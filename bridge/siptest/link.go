package siptest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"
)

// writeTimeout bounds a TCP write to a peer that does not read.
const writeTimeout = 5 * time.Second

// link is the phone's socket: one UDP socket or one TCP connection.
type link interface {
	send([]byte) error
	// recv blocks for the next message; an error ends the link.
	recv() ([]byte, error)
	local() string // "ip:port"
	proto() string // "UDP" or "TCP", as Via has it
	Close() error
}

type udpLink struct {
	net.PacketConn
	peer net.Addr
}

func openUDP(cfg *Config) (link, error) {
	peer, err := net.ResolveUDPAddr("udp", cfg.Proxy)
	if err != nil {
		return nil, fmt.Errorf("siptest: proxy of phone %s: %w", cfg.User, err)
	}
	c := cfg.PacketConn
	if c == nil {
		if c, err = net.ListenPacket("udp", cfg.Listen); err != nil {
			return nil, fmt.Errorf("siptest: socket of phone %s: %w", cfg.User, err)
		}
	}
	if u, ok := c.(*net.UDPConn); ok {
		_ = u.SetReadBuffer(1 << 20) // best effort: a burst must not be lost in the kernel
	}
	return &udpLink{PacketConn: c, peer: peer}, nil
}

func (l *udpLink) send(b []byte) error { _, err := l.WriteTo(b, l.peer); return err }
func (l *udpLink) local() string       { return l.LocalAddr().String() }
func (l *udpLink) proto() string       { return "UDP" }

func (l *udpLink) recv() ([]byte, error) {
	buf := make([]byte, 65536)
	n, _, err := l.ReadFrom(buf)
	return append([]byte(nil), buf[:n]...), err
}

type tcpLink struct {
	net.Conn
	r  *bufio.Reader
	mu sync.Mutex // guards writes
}

func openTCP(cfg *Config) (link, error) {
	d := net.Dialer{Timeout: cfg.Timeout}
	if host, _, err := net.SplitHostPort(cfg.Listen); err == nil {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(host)}
	}
	c, err := d.Dial("tcp", cfg.Proxy)
	if err != nil {
		return nil, fmt.Errorf("siptest: connection of phone %s: %w", cfg.User, err)
	}
	return &tcpLink{Conn: c, r: bufio.NewReader(c)}, nil
}

func (l *tcpLink) local() string { return l.LocalAddr().String() }
func (l *tcpLink) proto() string { return "TCP" }

func (l *tcpLink) send(b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := l.Write(b)
	return err
}

// recv frames by Content-Length, which a stream cannot do without (RFC 3261 §18.3).
func (l *tcpLink) recv() ([]byte, error) {
	var head strings.Builder
	tp := textproto.NewReader(l.r)
	length := -1
	for {
		line, err := tp.ReadLine()
		if err != nil {
			return nil, err
		}
		if line == "" {
			if head.Len() == 0 { // RFC 5626 §3.5.1: empty lines between messages are keep-alives
				continue
			}
			break
		}
		head.WriteString(line + "\r\n")
		if name, v, ok := strings.Cut(line, ":"); ok && canonical(strings.TrimSpace(name)) == "content-length" {
			if length, err = strconv.Atoi(strings.TrimSpace(v)); err != nil || length < 0 {
				return nil, fmt.Errorf("%w: Content-Length %q on a stream", ErrMessage, v)
			}
		}
	}
	if length < 0 {
		return nil, fmt.Errorf("%w: no Content-Length on a stream", ErrMessage)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(l.r, body); err != nil {
		return nil, err
	}
	return append([]byte(head.String()+"\r\n"), body...), nil
}

// over tells an ordinary end of a link from a failure worth a log line.
func over(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF)
}
