package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// guard stands before every request: who may, how long, how much; and counts it.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		defer s.requests.Done()
		began := time.Now()
		counted := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() { s.metrics.answered(r.Method, counted.status, time.Since(began)) }()
		h := counted.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if status, detail := s.refuse(r); status != 0 {
			if status == http.StatusUnauthorized {
				h.Set("WWW-Authenticate", `Bearer realm="blfbridge"`)
			}
			writeProblem(counted, status, detail)
			return
		}
		if r.URL.Path == tracePath {
			// The time to read the request must not end the stream that answers it.
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeLimit(r))
		defer cancel()
		if !isRead(r) {
			ctx = context.WithValue(ctx, editorKey{}, editorOf(r))
		}
		next.ServeHTTP(counted, r.WithContext(ctx))
	})
}

// refuse decides whether a request may go on; 0 means it may.
func (s *Server) refuse(r *http.Request) (status int, detail string) {
	switch {
	case !isRead(r):
		return s.needToken(authorization(r), "changing anything")
	case !strings.HasPrefix(r.URL.Path, "/api/"):
		return 0, "" // health, metrics, the API's description, the console's pages
	case !s.loopback.Load():
		return s.needToken(authorization(r), "reading from another host")
	case s.authorised(authorization(r)) || isLocalHost(r.Host):
		return 0, ""
	}
	// A web page that rebinds its name to our address is on this host, too, but its
	// requests carry its own name.
	return http.StatusMisdirectedRequest, "the admin API is not served under the name " + r.Host + ": use localhost, or send the token (admin.token)"
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// timeLimit is how long the work on a request may take.
func timeLimit(r *http.Request) time.Duration {
	switch {
	case r.URL.Path == tracePath:
		return traceTimeout
	case !isRead(r):
		return policyTimeout
	}
	return handleTimeout
}

func authorization(r *http.Request) string { return r.Header.Get("Authorization") }

// needToken refuses an Authorization header without the right token; 0 means that it
// holds it. what is what it is needed for.
func (s *Server) needToken(authorization, what string) (status int, detail string) {
	switch {
	case s.c.Backend.Config().Admin.Token == "":
		return http.StatusForbidden, what + " needs a token, and none is configured: set admin.token"
	case authorization == "":
		return http.StatusUnauthorized, what + " needs the token: send \"Authorization: Bearer TOKEN\" with the value of admin.token"
	case !s.authorised(authorization):
		return http.StatusUnauthorized, "the token is not the one of admin.token"
	}
	return 0, ""
}

// authorised reports whether an Authorization header holds the token. The comparison
// takes the same time however much of a guess is right.
func (s *Server) authorised(authorization string) bool {
	token := s.c.Backend.Config().Admin.Token.Reveal()
	scheme, given, ok := strings.Cut(authorization, " ")
	if token == "" || !ok || !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	want, have := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(strings.TrimSpace(given)))
	return subtle.ConstantTimeCompare(want[:], have[:]) == 1
}

// isLocalHost reports whether a Host header names this host itself.
func isLocalHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// statusWriter remembers the status for the metrics.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
