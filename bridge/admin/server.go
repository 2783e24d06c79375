package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Server serves the administrators. Make it with New; then Listen once and Run once.
type Server struct {
	c       Config
	log     *slog.Logger
	metrics *metrics
	started time.Time
	handler http.Handler

	listener net.Listener
	// loopback: everybody who can reach the listener is on this host.
	loopback atomic.Bool
	requests sync.WaitGroup
}

// New makes a server. It opens no socket yet; a server that never listens can serve
// through Handler all the same, and then asks for the token always.
func New(c Config) (*Server, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	s := &Server{c: c, log: c.Logger, metrics: newMetrics(c.Registerer), started: time.Now()}
	s.handler = s.guard(s.routes())
	return s, nil
}

// Handler serves requests without a socket of ours.
func (s *Server) Handler() http.Handler { return s.handler }

// Listen opens the socket of admin.listen.
func (s *Server) Listen(ctx context.Context) error {
	a := s.c.Backend.Config().Admin
	tlsConfig, err := a.TLS.Config()
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", a.Listen)
	if err != nil {
		fix := ""
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			fix = ": another blfbridge may be running; set another admin.listen, or \"\" for none"
		case errors.Is(err, syscall.EACCES):
			fix = ": a port below 1024 needs the right to bind it (CAP_NET_BIND_SERVICE)"
		}
		return fmt.Errorf("admin: cannot listen on admin.listen %s: %w%s", a.Listen, err, fix)
	}
	if addr, ok := ln.Addr().(*net.TCPAddr); ok {
		s.loopback.Store(addr.IP.IsLoopback())
	}
	if !s.loopback.Load() && a.Token == "" {
		s.log.Warn("the admin API is not on loopback and has no token: it answers nothing but health and metrics", "listen", ln.Addr().String(), "fix", "set admin.token")
	}
	if tlsConfig != nil {
		tlsConfig.NextProtos = []string{"h2", "http/1.1"}
		ln = tls.NewListener(ln, tlsConfig)
	}
	s.listener = ln
	s.log.Info("admin API is open", "url", s.URL())
	return nil
}

// URL is where the server can be reached, "" before Listen.
func (s *Server) URL() string {
	if s.listener == nil {
		return ""
	}
	scheme := "http"
	if s.c.Backend.Config().Admin.TLS.CertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// Run serves until ctx ends and then lets the requests under way finish, for some
// seconds. It returns when none is left. Listen must have succeeded.
func (s *Server) Run(ctx context.Context) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := &http.Server{
		Handler:           s.handler,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout + headerTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	srv.RegisterOnShutdown(s.c.Trace.Close) // a stream has no end of its own
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(s.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("admin: %w", err)
	case <-ctx.Done():
	}
	stop, done := context.WithTimeout(base, stopTimeout)
	defer done()
	if err := srv.Shutdown(stop); err != nil {
		s.log.Warn("admin requests were cut off", "error", err)
		_ = srv.Close()
	}
	cancel()
	s.requests.Wait()
	<-failed
	return nil
}

// Close gives up a socket that Run never got.
func (s *Server) Close() error {
	if s.listener == nil {
		return nil
	}
	return s.listener.Close()
}
