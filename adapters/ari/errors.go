package ari

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"blfbridge/bridge/compositor"
)

// What can be wrong with a source; each is wrapped with the key to mend.
var (
	// ErrConfig: New refused the configuration; it lists every bad key.
	ErrConfig = errors.New("ari: configuration")
	// ErrAuth: Asterisk refused username and password.
	ErrAuth = errors.New("ari: refused username or password")
	// ErrReadOnly: the ARI user may not subscribe.
	ErrReadOnly = errors.New("ari: user is read only")
	// ErrNoARI: something answers at the URL, but not ARI.
	ErrNoARI = errors.New("ari: no ARI there")
	// ErrTLS: the TLS handshake failed.
	ErrTLS = errors.New("ari: TLS")
	// ErrUnreachable: nothing accepts the connection.
	ErrUnreachable = errors.New("ari: unreachable")
	// ErrSlow: Asterisk did not answer within a deadline.
	ErrSlow = errors.New("ari: no answer in time")
	// ErrLost: the event socket ended; Asterisk sends no close frame when it stops.
	ErrLost = errors.New("ari: event socket lost")
	// ErrReplaced: another client opened the same application and gets the events now.
	ErrReplaced = fmt.Errorf("ari: application %w", compositor.ErrTaken)
	// ErrWedged: ARI is locked up (Asterisk issue 2170) and only a restart helps.
	ErrWedged = errors.New("ari: Asterisk's ARI is locked up")
)

// sameReason says whether two failures are of the same kind.
func sameReason(a, b error) bool {
	if a == nil || b == nil {
		return false
	}
	for _, e := range []error{ErrAuth, ErrReadOnly, ErrNoARI, ErrTLS, ErrUnreachable, ErrWedged, ErrReplaced, ErrSlow, ErrLost} {
		if errors.Is(a, e) {
			return errors.Is(b, e)
		}
	}
	return a.Error() == b.Error()
}

// statusError is an HTTP answer other than 2xx.
type statusError struct {
	code   int
	method string
	path   string
	text   string // ARI's message
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s %s answered %d %s", e.method, e.path, e.code, e.text)
}

func statusOf(err error) int {
	var se *statusError
	if errors.As(err, &se) {
		return se.code
	}
	return 0
}

// wedgedError is ErrWedged with the start time of the Asterisk that hangs, by which its
// restart is recognised.
type wedgedError struct {
	startup, what string
	cause         error
}

func (e *wedgedError) Error() string {
	return fmt.Sprintf("%v: %s hangs while /asterisk/info answers; restart Asterisk (its issue 2170): %v", ErrWedged, e.what, e.cause)
}

func (e *wedgedError) Unwrap() []error { return []error{ErrWedged, e.cause} }

// explain turns what a request or handshake failed with into one of the errors above,
// naming the key of the configuration to look at.
func (c *Config) explain(err error) error {
	switch statusOf(err) {
	case http.StatusUnauthorized:
		return fmt.Errorf("%w: check username %q and password against ari.conf: %w", ErrAuth, c.Username, err)
	case http.StatusForbidden:
		return fmt.Errorf("%w: set read_only=no for username %q in ari.conf: %w", ErrReadOnly, c.Username, err)
	case http.StatusNotFound:
		return fmt.Errorf("%w: check url %q (with the prefix of http.conf), and enabled=yes in ari.conf: %w", ErrNoARI, c.URL, err)
	}
	var (
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		op      *net.OpError
		dns     *net.DNSError
	)
	switch {
	case errors.As(err, &verify), errors.As(err, &record), errors.As(err, &alert), errors.As(err, &unknown), errors.As(err, &host):
		return fmt.Errorf("%w: check tls and the scheme and host of url %q: %w", ErrTLS, c.URL, err)
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%w: url %q says https, the server speaks http: %w", ErrTLS, c.URL, err)
	case strings.Contains(err.Error(), "malformed HTTP"):
		return fmt.Errorf("%w: url %q leads to a server that does not speak http (is it https?): %w", ErrNoARI, c.URL, err)
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("%w: check url %q and that Asterisk runs with http.conf enabled=yes: %w", ErrUnreachable, c.URL, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: url %q: %w", ErrSlow, c.URL, err)
	}
	return err
}
