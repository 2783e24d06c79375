package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"blfbridge/bridge/siptest"
)

// refreshEvery is how often a watching phone refreshes: much more often than it has to, so that refreshes fall into every step.
const refreshEvery = 15 * time.Second

// watcher is one phone that watches the line.
type watcher struct {
	name  string
	phone *siptest.Phone

	mu         sync.Mutex              // guards all below
	subs       []*siptest.Subscription // the last one is in force
	reconnects []time.Time
	lost       []string
	failed     int // refreshes that had no answer
}

// watcherConfig says who watches, from where and how.
type watcherConfig struct{ number, bridge, from, transport string }

func newWatcher(ctx context.Context, c watcherConfig) (*watcher, error) {
	w := &watcher{name: fmt.Sprintf("%s over %s from %s", c.number, c.transport, c.from)}
	cfg := siptest.Config{User: c.number, Proxy: c.bridge, Transport: c.transport, Listen: c.from + ":0", NoMedia: true, Timeout: 5 * time.Second}
	if c.transport == "UDP" {
		conn, err := net.ListenPacket("udp", cfg.Listen)
		if err != nil {
			return nil, err
		}
		cfg.PacketConn = newReturning(conn)
	}
	var err error
	if w.phone, err = siptest.NewPhone(cfg); err != nil {
		return nil, err
	}
	if err := w.subscribe(ctx); err != nil {
		w.phone.Close()
		return nil, fmt.Errorf("%s: %w", w.name, err)
	}
	return w, nil
}

// subscribe begins a subscription. Numbers of NOTIFYs may leave gaps here: a pod that was killed had reserved some. They never go back.
func (w *watcher) subscribe(ctx context.Context) error {
	s, err := w.phone.Subscribe(ctx, siptest.SubscribeConfig{Target: watched, Expires: 600, GapsAllowed: true})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.subs = append(w.subs, s)
	return nil
}

// sub is the subscription in force.
func (w *watcher) sub() *siptest.Subscription {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.subs[len(w.subs)-1]
}

// seen is all that the phone was told, by each of its subscriptions.
func (w *watcher) seen() []siptest.Seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []siptest.Seen
	for _, s := range w.subs {
		all = append(all, s.History()...)
	}
	return all
}

// keep refreshes now and then, and at once where the connection is gone, until ctx ends.
func (w *watcher) keep(ctx context.Context, first time.Duration) {
	next := time.Now().Add(first)
	for {
		pause(ctx, 100*time.Millisecond)
		if ctx.Err() != nil {
			return
		}
		gone := w.phone.Addr() == ""
		last, _ := w.sub().Last()
		ended := last.Substate == "terminated"
		if !gone && !ended && time.Now().Before(next) {
			continue
		}
		if gone {
			w.mu.Lock()
			w.reconnects = append(w.reconnects, time.Now())
			w.mu.Unlock()
		}
		var err error
		if ended {
			// RFC 6665 §4.1.3, "deactivated": subscribe anew at once; a connection of the one that leaves is of no use any more.
			if last.Reason != "deactivated" {
				w.mu.Lock()
				w.lost = append(w.lost, "terminated, reason "+last.Reason)
				w.mu.Unlock()
			}
			w.phone.DropConnection()
			err = w.subscribe(ctx)
		} else {
			err = w.sub().Refresh(ctx, 600)
		}
		next = time.Now().Add(refreshEvery)
		if err == nil || ctx.Err() != nil {
			continue
		}
		w.mu.Lock()
		switch {
		case siptest.StatusOf(err) == 481:
			w.lost = append(w.lost, "481 to a refresh")
		case siptest.StatusOf(err) == 503:
			w.failed++ // come again: what stands, stands (RFC 6665 §4.1.2.2)
		case errors.Is(err, siptest.ErrStatus):
			w.lost = append(w.lost, err.Error())
		default:
			w.failed++
		}
		w.mu.Unlock()
		next = time.Now().Add(time.Second)
	}
}

// returning is a phone's UDP socket whose responses go where their requests came from (RFC 3261 §18.2.2), as a phone's must
// where a NOTIFY comes from another pod than the one that it subscribed at.
type returning struct {
	net.PacketConn
	mu   sync.Mutex // guards from
	from map[string]net.Addr
}

func newReturning(c net.PacketConn) *returning {
	return &returning{PacketConn: c, from: map[string]net.Addr{}}
}

func (r *returning) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := r.PacketConn.ReadFrom(b)
	if m, bad := siptest.ParseMessage(append([]byte(nil), b[:n]...)); err == nil && bad == nil && m.Code == 0 {
		r.mu.Lock()
		if len(r.from) > 10000 {
			clear(r.from)
		}
		r.from[m.Branch()] = from
		r.mu.Unlock()
	}
	return n, from, err
}

func (r *returning) WriteTo(b []byte, to net.Addr) (int, error) {
	if m, err := siptest.ParseMessage(b); err == nil && m.Code != 0 {
		r.mu.Lock()
		if from := r.from[m.Branch()]; from != nil {
			to = from
		}
		r.mu.Unlock()
	}
	return r.PacketConn.WriteTo(b, to)
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
