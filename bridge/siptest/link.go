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

	"github.com/coder/websocket"
)

// writeTimeout bounds a TCP write to a peer that does not read.
const writeTimeout = 5 * time.Second

// link is the phone's socket: one UDP socket or one connection.
type link interface {
	Wire
	proto() string // "UDP", "TCP", "TLS", "WS" or "WSS", as Via has it
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

func (l *udpLink) Send(b []byte) error { _, err := l.WriteTo(b, l.peer); return err }
func (l *udpLink) Local() string       { return l.LocalAddr().String() }
func (l *udpLink) proto() string       { return "UDP" }

func (l *udpLink) Recv() ([]byte, error) {
	buf := make([]byte, 65536)
	n, _, err := l.ReadFrom(buf)
	return append([]byte(nil), buf[:n]...), err
}

type tcpLink struct {
	net.Conn
	r    *bufio.Reader
	name string
	mu   sync.Mutex // guards writes
}

func openStream(cfg *Config) (link, error) {
	w, err := DialWire(Dial{Transport: cfg.Transport, Addr: cfg.Proxy, From: cfg.Listen, TLS: cfg.TLS, Timeout: cfg.Timeout, TCP: cfg.DialTCP})
	if err != nil {
		return nil, fmt.Errorf("siptest: connection of phone %s: %w", cfg.User, err)
	}
	return w.(link), nil
}

func (l *tcpLink) Local() string { return l.LocalAddr().String() }
func (l *tcpLink) proto() string { return l.name }

func (l *tcpLink) Send(b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := l.Write(b)
	return err
}

// Recv frames by Content-Length, which a stream cannot do without (RFC 3261 §18.3).
func (l *tcpLink) Recv() ([]byte, error) {
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
				return []byte(pong), nil
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
	return errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || websocket.CloseStatus(err) >= 0
}
