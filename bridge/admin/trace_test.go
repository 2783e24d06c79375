package admin_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/client"
)

// TestTrace: what is logged while somebody listens reaches that listener, filtered; the
// names of a phone are those of the policy.
func TestTrace(t *testing.T) {
	r := floorsRig(t)
	log := slog.New(r.Trace.Handler(slog.DiscardHandler))
	c, err := client.New(client.Config{URL: r.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	err = c.Trace(ctx, client.TraceFilter{Kind: "asnl", Phone: "SEP1", Tenant: "shop"}, func(b api.TraceBegin) {
		if strings.Join(b.Names, " ") != "SEP1 101" || b.Kind != "asnl" {
			t.Errorf("%+v", b)
		}
		log.Debug("one", "watcher", "SEP2")
		log.Debug("two", "watcher", "sep1", "n", 5)
		log.Info("three")
		log.Debug("four", "watcher", "101")
	}, func(e api.TraceEvent) error {
		got = append(got, e.Message+e.Attrs["n"]+" "+e.Level)
		if len(got) == 2 {
			cancel()
		}
		return nil
	})
	if err != nil || strings.Join(got, ", ") != "two5 DEBUG, four DEBUG" {
		t.Errorf("%q, %v", got, err)
	}
	for deadline := time.Now().Add(5 * time.Second); r.Trace.Listening() && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	if r.Trace.Listening() {
		t.Error("it listens when nobody reads any more")
	}
	if a := do(t, "GET", r.URL+"/api/v1/trace?kind=everything", ""); a.status != 422 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestTraceEnds: by the reader, and when the server stops, which waits for no stream.
func TestTraceEnds(t *testing.T) {
	r := admintest.Start(t, nil)
	log := slog.New(r.Trace.Handler(slog.DiscardHandler))
	c, err := client.New(client.Config{URL: r.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	enough := errors.New("enough")
	err = c.Trace(t.Context(), client.TraceFilter{Kind: "all"}, func(api.TraceBegin) { log.Info("x") }, func(api.TraceEvent) error { return enough })
	if !errors.Is(err, enough) {
		t.Error(err)
	}
	err = c.Trace(t.Context(), client.TraceFilter{}, func(api.TraceBegin) { r.Trace.Close() }, func(api.TraceEvent) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "it stops") {
		t.Error(err)
	}
}
