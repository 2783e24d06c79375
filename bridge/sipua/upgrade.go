package sipua

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gobwas/ws"
)

// maxUpgrade bounds the HTTP request that a WebSocket begins with; browsers send cookies.
const maxUpgrade = 16 << 10

var errUpgradeTooLarge = errors.New("sipua: the WebSocket request is too large")

// WebSocket is how browsers are taken.
type WebSocket struct {
	// Origins are those of web pages that may connect: https://phone.example.com, or * for
	// all. Pages from a host of our own always may, and who is no browser. A page of
	// somebody else could otherwise watch with the rights of its reader's network.
	Origins []string
}

// shakeWS is the server's side of a WebSocket handshake.
func (s *Server) shakeWS(_ context.Context, conn net.Conn) (greeted, error) {
	return s.upgrade(greeted{Conn: conn, tcp: conn})
}

// shakeWSS is a WebSocket handshake inside TLS.
func (s *Server) shakeWSS(ctx context.Context, conn net.Conn) (greeted, error) {
	g, err := s.shakeTLS(ctx, conn)
	if err != nil {
		return g, err
	}
	return s.upgrade(g)
}

// upgrade answers the HTTP request that asks for the subprotocol sip (RFC 7118 §4). The
// deadline is set on the connection already.
func (s *Server) upgrade(g greeted) (greeted, error) {
	head, rest, err := readHead(g.Conn)
	if err != nil {
		return g, err
	}
	sip, host, origin := false, "", ""
	u := ws.Upgrader{
		Protocol: func(p []byte) bool {
			sip = sip || strings.EqualFold(string(p), "sip")
			return strings.EqualFold(string(p), "sip")
		},
		OnHost: func(h []byte) error { host = string(h); return nil },
		OnHeader: func(key, value []byte) error {
			switch strings.ToLower(string(key)) {
			case "origin":
				origin = string(value)
			case "x-forwarded-for", "forwarded":
				g.proxied = true
			}
			return nil
		},
		OnBeforeUpgrade: func() (ws.HandshakeHeader, error) {
			switch {
			case !sip:
				return nil, ws.RejectConnectionError(ws.RejectionStatus(http.StatusBadRequest),
					ws.RejectionReason("the WebSocket subprotocol sip is missing"))
			case !s.originAllowed(origin, host):
				return nil, ws.RejectConnectionError(ws.RejectionStatus(http.StatusForbidden),
					ws.RejectionReason("this web page may not connect; see sip.websocket.origins"))
			}
			return nil, nil
		},
	}
	if _, err := u.Upgrade(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(head), g.Conn}); err != nil {
		return g, fmt.Errorf("sipua: WebSocket request from %q: %w", origin, err)
	}
	g.ws, g.rest = true, rest
	return g, nil
}

// readHead reads up to the empty line, and what came behind it.
func readHead(r io.Reader) (head, rest []byte, err error) {
	buf := make([]byte, 0, 1024)
	for {
		if end := bytes.Index(buf, []byte("\r\n\r\n")); end >= 0 {
			return buf[:end+4], slices.Clone(buf[end+4:]), nil
		}
		if len(buf) >= maxUpgrade {
			return nil, nil, errUpgradeTooLarge
		}
		buf = slices.Grow(buf, 1024)
		n, err := r.Read(buf[len(buf):cap(buf)])
		if buf = buf[:len(buf)+n]; err != nil {
			return nil, nil, err
		}
	}
}

// originAllowed reports whether a web page may connect (RFC 6455 §10.2).
func (s *Server) originAllowed(origin, host string) bool {
	if origin == "" {
		return true
	}
	for _, o := range s.config.WebSocket.Origins {
		if o == "*" || strings.EqualFold(strings.TrimSuffix(o, "/"), origin) {
			return true
		}
	}
	// Its own name proves nothing: any name can be made to point at us.
	u, err := url.Parse(origin)
	h, _, ok := parseSentBy(host)
	return err == nil && ok && strings.EqualFold(u.Hostname(), h) && s.ours(h)
}
