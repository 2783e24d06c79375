package ari

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"
)

// maxEvent bounds one event; the largest known (an attended transfer) is some 10 kB.
const maxEvent = 4 << 20

// openSocket opens the event socket of the application. A handshake that hangs while
// /asterisk/info answers is ErrWedged.
func (s *Source) openSocket(ctx context.Context) (*websocket.Conn, error) {
	hctx, cancel := context.WithTimeout(ctx, s.cfg.HandshakeTimeout)
	defer cancel()
	u := *s.base
	u.Path += "/events"
	u.RawQuery = url.Values{"app": {s.cfg.App}}.Encode()
	auth := base64.StdEncoding.EncodeToString([]byte(s.cfg.Username + ":" + s.cfg.Password))
	//nolint:bodyclose // Dial closes it unless it returns it, and then newStatusError reads what it holds
	conn, resp, err := websocket.Dial(hctx, u.String(), &websocket.DialOptions{
		HTTPClient:   s.client.http,
		HTTPHeader:   http.Header{"Authorization": {"Basic " + auth}},
		Subprotocols: []string{"ari"},
	})
	if err == nil {
		conn.SetReadLimit(maxEvent)
		return conn, nil
	}
	if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, s.cfg.explain(newStatusError(resp, http.MethodGet, "/events"))
	}
	return nil, s.explainHang(ctx, "opening the event socket", err)
}

// explainHang explains err, and says ErrWedged if it is a missed deadline while
// /asterisk/info answers.
func (s *Source) explainHang(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return s.cfg.explain(err)
	}
	i, ierr := s.client.asteriskInfo(ctx)
	if ierr != nil {
		return s.cfg.explain(err)
	}
	return &wedgedError{startup: i.Status.StartupTime, what: what, cause: err}
}

// read hands everything from the socket to q until the socket ends. It never waits for
// anything but the socket: Asterisk cuts off a client that reads too slowly.
func read(ctx context.Context, conn *websocket.Conn, q *queue) error {
	for {
		typ, data, err := conn.Read(ctx)
		if err != nil {
			return lost(err)
		}
		if typ == websocket.MessageText {
			q.push(rawEvent{data: data, at: time.Now()})
		}
	}
}

func lost(err error) error {
	switch {
	case websocket.CloseStatus(err) != -1:
		return fmt.Errorf("%w: Asterisk closed it: %w", ErrLost, err)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: ended without a close frame, Asterisk stopped or crashed: %w", ErrLost, err)
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}
