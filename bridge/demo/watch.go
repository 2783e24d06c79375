package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"blfbridge/bridge/siptest"
)

// watchFor is how long the watchers subscribe for, in seconds.
const watchFor = 3600

// watchSet are the watching phones and their subscriptions to every line.
type watchSet struct {
	board *board
	phone []*siptest.Phone // by watcher

	wg   sync.WaitGroup
	mu   sync.Mutex // guards subs
	subs []*watch   // those that ended too
}

type watch struct {
	*siptest.Subscription
	ended bool
}

// openWatchers makes the phones; addr is where the bridge takes UDP and TCP.
func openWatchers(b *board, addr string) (*watchSet, error) {
	w := &watchSet{board: b}
	for i := range watchers {
		k := &watchers[i]
		p, err := siptest.NewPhone(siptest.Config{
			User: k.user, Proxy: addr, TCP: k.tcp, UserAgent: k.agent, NoMedia: true,
		})
		if err != nil {
			w.close()
			return nil, err
		}
		w.phone = append(w.phone, p)
	}
	return w, nil
}

// subscribe lets a watcher subscribe to all lines. Being refused is an outcome, not an
// error: the board shows it.
func (w *watchSet) subscribe(ctx context.Context, watcher int) error {
	k := &watchers[watcher]
	for i, p := range office {
		s, err := w.phone[watcher].Subscribe(ctx, siptest.SubscribeConfig{
			Target: p.number, TargetInToOnly: k.inTo, Event: k.event, Accept: k.accept, Expires: watchFor,
		})
		var refused *siptest.StatusError
		if errors.As(err, &refused) {
			w.board.refused(watcher, refused.Response)
			return nil
		}
		if err != nil {
			return fmt.Errorf("demo: %s watches %s: %w", k.title, p.number, err)
		}
		sub := &watch{Subscription: s}
		w.mu.Lock()
		w.subs = append(w.subs, sub)
		w.mu.Unlock()
		w.wg.Go(func() { w.look(sub, i, watcher) })
	}
	w.board.tell(sourceSIP, fmt.Sprintf("SUBSCRIBE ×%d from %s (%s, %s): 200 OK", len(office), k.title, k.event, k.transport()))
	return nil
}

// look hands every NOTIFY of a subscription to the board until the phone is closed or
// the subscription ended.
func (w *watchSet) look(s *watch, line, watcher int) {
	for n := 0; ; n++ {
		seen, err := s.WaitNotify(n, watchFor*time.Second)
		if err != nil {
			return
		}
		w.board.seen(line, watcher, seen)
		if seen.Substate == "terminated" {
			w.mu.Lock()
			s.ended = true
			w.mu.Unlock()
			return
		}
	}
}

// refresh keeps the subscriptions; a failed one shows by its lamps going stale.
func (w *watchSet) refresh(ctx context.Context) {
	w.mu.Lock()
	var standing []*watch
	for _, s := range w.subs {
		if !s.ended {
			standing = append(standing, s)
		}
	}
	w.mu.Unlock()
	for _, s := range standing {
		if err := s.Refresh(ctx, watchFor); err != nil && ctx.Err() == nil {
			w.board.tell(sourceSIP, "not refreshed: "+err.Error())
		}
	}
}

// violations are all breaches of the standards that the watchers saw.
func (w *watchSet) violations() (out []siptest.Violation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.subs {
		out = append(out, s.Violations()...)
	}
	for _, p := range w.phone {
		out = append(out, p.Strays()...)
	}
	return out
}

// close unsubscribes nothing: phones may go at any time, and the bridge must bear it.
func (w *watchSet) close() {
	for _, p := range w.phone {
		p.Close()
	}
	w.wg.Wait()
}
