package trace

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func logger(h *Hub, level slog.Level) (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(h.Handler(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level}))), &b
}

// TestListeners: everything reaches who listens, whatever the log's level, and the log
// gets what it got before.
func TestListeners(t *testing.T) {
	h := NewHub()
	log, out := logger(h, slog.LevelWarn)
	log = log.With("source", "ast").WithGroup("g").With("a", 1)
	if log.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("enabled for nobody")
	}
	l, err := h.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("low", "b", slog.GroupValue(slog.Int("c", 2)))
	log.Warn("high")
	log.Log(t.Context(), slog.LevelDebug-4, "sip")
	low, high, sip := <-l.Entries(), <-l.Entries(), <-l.Entries()
	if low.Level != "DEBUG" || low.Attrs["source"] != "ast" || low.Attrs["g.a"] != "1" || low.Attrs["g.b.c"] != "2" || high.Level != "WARN" || sip.Level != "TRACE" {
		t.Errorf("%+v, %+v, %+v", low, high, sip)
	}
	if s := out.String(); strings.Contains(s, "low") || !strings.Contains(s, "high") {
		t.Errorf("%s", s)
	}
	l.Close()
	l.Close()
	if _, open := <-l.Entries(); open || h.Listening() || l.TooSlow() {
		t.Error("it is not closed")
	}
}

// TestSlowListener: who does not read is dropped and told so; nobody waits for it.
func TestSlowListener(t *testing.T) {
	h := NewHub()
	log, _ := logger(h, slog.LevelError)
	slow, _ := h.Listen(nil)
	picky, _ := h.Listen(func(e *Entry) bool { return e.Message == "last" })
	for range queueLength + 1 {
		log.Info("x")
	}
	log.Info("last")
	if e := <-picky.Entries(); e.Message != "last" || picky.TooSlow() {
		t.Errorf("%+v", e)
	}
	n := 0
	for range slow.Entries() {
		n++
	}
	if n != queueLength || !slow.TooSlow() {
		t.Errorf("%d entries", n)
	}
	for range MaxListeners - 1 {
		if _, err := h.Listen(nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Listen(nil); err != ErrBusy {
		t.Error(err)
	}
	h.Close()
	if _, err := h.Listen(nil); err != ErrBusy || h.Listening() {
		t.Error("a closed hub")
	}
}

func TestConcurrent(t *testing.T) {
	h := NewHub()
	log, _ := logger(h, slog.LevelError)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				log.Debug("x")
			}
		})
		wg.Go(func() {
			for range 50 {
				if l, err := h.Listen(nil); err == nil {
					l.Close()
				}
			}
		})
	}
	wg.Wait()
}

// TestNobodyListens: then it allocates nothing.
func TestNobodyListens(t *testing.T) {
	log, _ := logger(NewHub(), slog.LevelError)
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { log.Enabled(ctx, slog.LevelDebug) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func message(lines ...string) map[string]string {
	return map[string]string{"message": strings.Join(lines, "\r\n"), "remote": "192.0.2.7:5060", "direction": "in"}
}

func TestFilter(t *testing.T) {
	subscribe := Entry{Message: "sip", Level: "TRACE", Attrs: message("SUBSCRIBE sip:101@b SIP/2.0", "From: <sip:201@b>;tag=1", "To: <sip:101@b>", "CSeq: 1 SUBSCRIBE", "", "")}
	notify := Entry{Message: "sip", Level: "TRACE", Attrs: message("NOTIFY sip:201@192.0.2.7 SIP/2.0", "From: <sip:101@b>;tag=2", "t: \"Ann\" <sip:201@b>;tag=1", "CSeq: 2 NOTIFY", "", "<?xml version=\"1.0\"?>")}
	forbidden := Entry{Message: "sip", Level: "TRACE", Attrs: message("SIP/2.0 403 Forbidden", "f: <sip:201@b>;tag=1", "To: <sip:101@b>;tag=3", "CSeq: 1 SUBSCRIBE")}
	decided := Entry{Message: "a SUBSCRIBE was refused", Level: "DEBUG", Attrs: map[string]string{"watcher": "SEP1", "presentity": "101", "rule": "r"}}
	again := Entry{Message: "a NOTIFY is sent again", Level: "DEBUG", Attrs: map[string]string{"timer": "E", "watcher": "SEP1", "presentity": "101"}}
	lost := Entry{Message: "PBX stays away", Level: "WARN", Attrs: map[string]string{"source": "ast"}}
	all := map[string]*Entry{"subscribe": &subscribe, "notify": &notify, "forbidden": &forbidden, "decided": &decided, "again": &again, "lost": &lost}
	for _, c := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "subscribe notify forbidden decided again lost"},
		{Filter{Kind: "all"}, "subscribe notify forbidden decided again lost"},
		{Filter{Kind: "asnl"}, "decided again"},
		{Filter{Kind: "errors"}, "forbidden decided lost"},
		{Filter{Kind: "event"}, "subscribe notify decided again"},
		{Filter{Kind: "info"}, "lost"},
		{Filter{Kind: "timer"}, "again"},
		{Filter{Kind: "trace"}, "subscribe notify forbidden"},
		{Filter{Kind: "xml"}, "notify"},
		{Filter{Names: []string{"201", "SEP1"}}, "subscribe notify forbidden decided again"},
		{Filter{Names: []string{"101"}}, ""},
		{Filter{Names: []string{"20"}}, ""},
		{Filter{Names: []string{"192.0.2.7"}}, "subscribe notify forbidden"},
		{Filter{Presentity: "101"}, "subscribe notify forbidden decided again"},
		{Filter{Presentity: "201"}, ""},
		{Filter{Presentity: "101", Names: []string{"sep1"}, Kind: "timer"}, "again"},
	} {
		if err := c.f.Check(); err != nil {
			t.Error(err)
		}
		var got []string
		for _, name := range []string{"subscribe", "notify", "forbidden", "decided", "again", "lost"} {
			if c.f.Match(all[name]) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
	if (&Filter{Kind: "sip"}).Check() == nil {
		t.Error("a kind that is none")
	}
}
