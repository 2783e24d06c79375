package siptest

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// Wire is a connection that carries whole SIP messages. Send may be called from any
// goroutine, Recv from one.
type Wire interface {
	Send([]byte) error
	// Recv blocks for the next message, or the CRLF of a keep-alive; an error ends the wire.
	Recv() ([]byte, error)
	Local() string // "ip:port"
	Close() error
}

// Dial says how DialWire connects.
type Dial struct {
	Transport string // "TCP", "TLS", "WS" or "WSS"
	Addr      string // "host:port" of the server
	From      string // local "ip" or "ip:port", of which the port is not used; empty: any
	// TLS verifies the server; nil = the host's authorities, and Addr's host as name.
	TLS     *tls.Config
	Timeout time.Duration // 0 = 10 s
	// TCP opens the connection itself, from another network (lab.NAT); nil = from here.
	TCP func(ctx context.Context, addr string) (net.Conn, error)
}

// DialWire connects to a SIP server.
func DialWire(d Dial) (Wire, error) {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(d.Timeout, 10*time.Second))
	defer cancel()
	if strings.HasPrefix(d.Transport, "WS") {
		return d.webSocket(ctx)
	}
	c, err := d.tcp(ctx)
	if err != nil {
		return nil, err
	}
	if d.Transport == "TLS" {
		over := tls.Client(c, d.verify())
		if err := over.HandshakeContext(ctx); err != nil {
			c.Close()
			return nil, err
		}
		c = over
	}
	return &tcpLink{Conn: c, r: bufio.NewReader(c), name: d.Transport}, nil
}

func (d Dial) tcp(ctx context.Context) (net.Conn, error) {
	if d.TCP != nil {
		return d.TCP(ctx, d.Addr)
	}
	var nd net.Dialer
	host, _, err := net.SplitHostPort(d.From)
	if err != nil {
		host = d.From
	}
	if ip := net.ParseIP(host); ip != nil {
		nd.LocalAddr = &net.TCPAddr{IP: ip}
	}
	return nd.DialContext(ctx, "tcp", d.Addr)
}

func (d Dial) verify() *tls.Config {
	c := &tls.Config{}
	if d.TLS != nil {
		c = d.TLS.Clone()
	}
	if c.ServerName == "" {
		c.ServerName, _, _ = net.SplitHostPort(d.Addr)
	}
	return c
}

// webSocket connects as RFC 7118 §4 says.
func (d Dial) webSocket(ctx context.Context) (Wire, error) {
	w := &wsLink{name: d.Transport}
	transport := &http.Transport{
		TLSClientConfig: d.verify(), DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := d.tcp(ctx)
			if err == nil {
				w.addr = c.LocalAddr().String()
			}
			return c, err
		},
	}
	c, _, err := websocket.Dial(ctx, strings.ToLower(d.Transport)+"://"+d.Addr+"/", &websocket.DialOptions{
		Subprotocols: []string{"sip"}, HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		return nil, err
	}
	if c.Subprotocol() != "sip" {
		_ = c.CloseNow()
		return nil, fmt.Errorf("siptest: the server chose the subprotocol %q", c.Subprotocol())
	}
	c.SetReadLimit(1 << 20)
	w.conn = c
	return w, nil
}

// wsLink is a WebSocket: one message is one SIP message.
type wsLink struct {
	conn *websocket.Conn
	addr string
	name string
}

func (l *wsLink) Send(b []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	return l.conn.Write(ctx, websocket.MessageText, b)
}

func (l *wsLink) Recv() ([]byte, error) {
	_, b, err := l.conn.Read(context.Background())
	return b, err
}

func (l *wsLink) Local() string { return l.addr }
func (l *wsLink) proto() string { return l.name }
func (l *wsLink) Close() error  { return l.conn.CloseNow() }
