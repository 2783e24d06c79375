package esl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/percipia/eslgo/command"
)

// dial connects, logs in and starts reading. Until it returns it is bounded by the dial
// and auth timeouts and by ctx.
func (s *Source) dial(ctx context.Context) (*conn, error) {
	d := net.Dialer{Timeout: s.cfg.DialTimeout}
	nc, err := d.DialContext(ctx, "tcp", s.cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; check address %s against listen-ip and listen-port of the PBX's event_socket.conf.xml",
			ErrLost, err, s.cfg.Address)
	}
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	fr := newFrameReader(nc, s.m.parseErrors.Inc)
	if err := s.login(nc, fr); err != nil {
		nc.Close()
		return nil, err
	}
	c := &conn{
		nc: nc, timeout: s.cfg.CommandTimeout, m: s.m,
		events:   make(chan event, s.cfg.Queue),
		overflow: make(chan struct{}, 1),
		done:     make(chan struct{}),
	}
	c.start(fr)
	return c, nil
}

// login waits for the greeting and authenticates; what goes wrong is explained by what
// to look at.
func (s *Source) login(nc net.Conn, fr *frameReader) error {
	if err := nc.SetDeadline(time.Now().Add(s.cfg.AuthTimeout)); err != nil {
		return lost(err)
	}
	f, err := fr.next()
	if err := s.greeting(f, err); err != nil {
		return err
	}
	auth := command.Auth{User: s.cfg.User, Password: s.cfg.Password}
	if _, err := io.WriteString(nc, auth.BuildMessage()+"\r\n\r\n"); err != nil {
		return lost(err)
	}
	for {
		f, err = fr.next()
		if isTimeout(err) {
			return fmt.Errorf("%w: no answer to the login within auth_timeout %v", ErrTimeout, s.cfg.AuthTimeout)
		}
		if err != nil {
			return lost(err)
		}
		if f.contentType == "command/reply" {
			break
		}
	}
	if !strings.HasPrefix(f.reply, "+OK") {
		if s.cfg.User != "" {
			return fmt.Errorf("%w (%s): check user %s and password against the PBX's directory (esl-password)", ErrAuth, f.reply, s.cfg.User)
		}
		return fmt.Errorf("%w (%s): check password against the PBX's event_socket.conf.xml", ErrAuth, f.reply)
	}
	return nc.SetDeadline(time.Time{})
}

func (s *Source) greeting(f frame, err error) error {
	at := s.cfg.Address
	switch {
	case isTimeout(err):
		return fmt.Errorf("%w at %s within auth_timeout %v; check address, and whether the PBX hangs", ErrSilent, at, s.cfg.AuthTimeout)
	case errors.Is(err, ErrFrame):
		return fmt.Errorf("%w: address %s: %w", ErrNotESL, at, err)
	case err != nil:
		return fmt.Errorf("%w before the greeting, address %s", lost(err), at)
	case f.contentType == "text/rude-rejection":
		return fmt.Errorf("%w: allow this host in the list that apply-inbound-acl of event_socket.conf.xml names (acl.conf.xml), address %s", ErrRejected, at)
	case f.contentType != "auth/request":
		return fmt.Errorf("%w: address %s greets with Content-Type %.40q, want auth/request", ErrNotESL, at, f.contentType)
	}
	return nil
}
