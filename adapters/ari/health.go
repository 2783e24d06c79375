package ari

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coder/websocket"
)

// health pings the socket and asks for the application, both with deadlines, until one
// fails. Asterisk never pings by itself; and an ARI that another client's closing
// locked up still answers pings, but no longer for applications.
func (s *Source) health(ctx context.Context, conn *websocket.Conn) error {
	tick := time.NewTicker(s.cfg.PingInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		results := make(chan error, 2)
		go func() { results <- s.ping(ctx, conn) }()
		go func() { results <- s.checkApp(ctx) }()
		ping, app := <-results, <-results
		if ctx.Err() != nil {
			return nil
		}
		if err := errors.Join(app, ping); err != nil {
			return err
		}
	}
}

func (s *Source) ping(ctx context.Context, conn *websocket.Conn) error {
	pctx, cancel := context.WithTimeout(ctx, s.cfg.RESTTimeout)
	defer cancel()
	if err := conn.Ping(pctx); err != nil {
		return fmt.Errorf("%w: ping unanswered: %w", ErrLost, err)
	}
	return nil
}

// closeSocket ends the event socket in the way that does not lock Asterisk up (package
// comment): the device state subscription goes first, if the application is still ours.
// The reader drains the socket meanwhile; ended is closed when it came to the end.
func (s *Source) closeSocket(ctx context.Context, conn *websocket.Conn, why error, ended <-chan struct{}) {
	select {
	case <-ended:
		conn.CloseNow() //nolint:errcheck // there is nobody to say goodbye to
		return
	default:
	}
	switch {
	case errors.Is(why, ErrWedged): // a close handshake would only hang as well
		conn.CloseNow() //nolint:errcheck
		return
	case !errors.Is(why, ErrReplaced): // else the subscription is another's now
		if err := s.unsubscribe(context.WithoutCancel(ctx)); err != nil {
			s.log.Warn("could not unsubscribe before closing the event socket", "error", err)
		}
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		s.log.Debug("event socket not closed cleanly", "error", err)
	}
}
