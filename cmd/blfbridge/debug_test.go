package main

import (
	"log/slog"
	"testing"
	"time"

	"blfbridge/bridge/admin/admintest"
)

// TestDebugPresence: the trace of a running server, as text and JSON.
func TestDebugPresence(t *testing.T) {
	r := admintest.Start(t, nil)
	log := slog.New(r.Trace.Handler(slog.DiscardHandler))
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				log.Log(t.Context(), slog.LevelDebug-4, "sip", "direction", "in", "transport", "UDP", "remote", "192.0.2.7:5060", "message", "SUBSCRIBE sip:101@b SIP/2.0\r\nFrom: <sip:201@b>;tag=1\r\n\r\n")
				log.Debug("a SUBSCRIBE was refused", "watcher", "201", "presentity", "101", "rule", "default: disallow\x1b[2J")
			}
		}
	}()
	defer func() { close(stop); <-done }()
	s := newShell(t)
	out := s.run("debug", "presence", "--phone", "201", "--count", "4", "--url", r.URL)
	s.says(out.err, "presence event debugging is on")
	s.says(out.out, "//PRESENCE:[UDP]:/<- 192.0.2.7:5060\n    SUBSCRIBE sip:101@b SIP/2.0\n    From: <sip:201@b>;tag=1\n",
		"//PRESENCE:[DEBUG]:/a SUBSCRIBE was refused presentity=101 rule=default: disallow?[2J watcher=201\n")
	s.says(s.ok("debug", "presence", "errors", "--json", "--count", "1", "--url", r.URL), `"message": "a SUBSCRIBE was refused"`)
	if out := s.run("debug", "presence", "timer", "--for", "100ms", "--url", r.URL); out.code != exitOK || out.out != "" {
		t.Errorf("%+v", out)
	}
	s.fails(exitUsage, []string{"none of all, asnl"}, "debug", "presence", "sip", "--url", r.URL)
	s.fails(exitFailure, []string{"does not answer"}, "debug", "presence", "--url", "http://127.0.0.1:1")
}
