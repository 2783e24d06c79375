//go:build pbx

package ari

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"blfbridge/bridge/siptest/lab"
)

// Opening and closing the source under a flood of device states does not lock a real
// Asterisk 22 up (its issue 2170), where a plain close does within three to five rounds.
// It runs on an instance of its own.
func TestAsteriskManyClosings(t *testing.T) {
	instance := lab.Asterisk{Scripts: "../../scripts/pbx/asterisk", Name: "aricloses", SIPPort: 15790, HTTPPort: 18790, RTP: "19400-19498"}
	addr, err := instance.Up(t.Context())
	must(t, err)
	t.Cleanup(func() {
		if err := instance.Down(context.WithoutCancel(t.Context()), false); err != nil {
			t.Error(err)
		}
	})
	cfg := Config{Name: "closes", URL: addr.ARI, Username: lab.ARIUser, Password: lab.ARIPassword, App: "closes"}.withDefaults()
	base, err := baseURL(cfg.URL)
	must(t, err)
	m, err := newMetrics(nil, "flood")
	must(t, err)

	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	changes := make([]int, 4)
	for w := range changes {
		rest := newClient(&cfg, base, nil, m)
		defer rest.http.CloseIdleConnections()
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				path := fmt.Sprintf("/deviceStates/Stasis:x%d%d?deviceState=%s", w, i%5, [...]string{"INUSE", "NOT_INUSE"}[i/5%2])
				if rest.call(ctx, http.MethodPut, path, nil, nil) == nil {
					changes[w]++
				}
			}
		})
	}

	const rounds = 100
	began := time.Now()
	for i := range rounds {
		src, err := New(cfg)
		must(t, err)
		s := newSink(t)
		rctx, cancel := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- src.Run(rctx, s) }()
		for end := time.Now().Add(20 * time.Second); !s.isLive(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("round %d: no snapshot: %v", i, s.lastDown())
			}
		}
		time.Sleep(30 * time.Millisecond)
		cancel()
		must(t, <-done)
		if err := s.lastDown(); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
	}
	stop()
	wg.Wait()
	t.Logf("%d rounds and %v state changes in %v", rounds, changes, time.Since(began).Round(time.Second))
}
