package store_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"blfbridge/bridge/store"
)

// load submits without pause from several goroutines and remembers, per key, the
// highest number that was acknowledged as durable.
type load struct {
	t       *testing.T
	backend swappable
	c       *store.Committer
	epochs  [store.Shards]store.Epoch
	quit    chan struct{}
	wg      sync.WaitGroup

	mu      sync.Mutex
	durable map[string]int // "shard/key" → highest acked
	count   int
}

const loadWriters, loadKeys = 4, 50

func startLoad(t *testing.T, b store.Backend) *load {
	t.Helper()
	l := &load{t: t, quit: make(chan struct{}), durable: map[string]int{}}
	l.swap(b)
	for shard := range uint16(store.Shards) {
		e, err := b.Acquire(t.Context(), shard, "load")
		if err != nil {
			t.Fatal(err)
		}
		l.epochs[shard] = e
	}
	l.c = store.NewCommitter(&l.backend, store.CommitterConfig{
		Timeout: time.Second, RetryMin: 5 * time.Millisecond, RetryMax: 50 * time.Millisecond,
	})
	for w := range loadWriters {
		l.wg.Go(func() { l.write(w) })
	}
	return l
}

// write counts its keys up, each number after the answer to the last.
func (l *load) write(w int) {
	for n := 1; ; n++ {
		var answered sync.WaitGroup
		for k := range loadKeys {
			shard := uint16((w*loadKeys + k) % store.Shards)
			key := fmt.Sprintf("%d-%d", w, k)
			answered.Add(1)
			l.c.Submit([]store.Delta{{Shard: shard, Epoch: l.epochs[shard], Key: key, Value: strconv.AppendInt(nil, int64(n), 10)}},
				[]store.LampDelta{{Key: key, Value: strconv.AppendInt(nil, int64(n), 10)}},
				func(err error) {
					if err == nil {
						l.mu.Lock()
						l.durable[fmt.Sprintf("%d/%s", shard, key)] = n
						l.count++
						l.mu.Unlock()
					}
					answered.Done()
				})
		}
		answered.Wait()
		select {
		case <-l.quit:
			return
		default:
		}
	}
}

func (l *load) acked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

func (l *load) swap(b store.Backend) { l.backend.now.Store(&b) }

// stop ends the load; what is pending must get written.
func (l *load) stop() {
	l.t.Helper()
	close(l.quit)
	l.wg.Wait()
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	if err := l.c.Close(ctx); err != nil {
		l.t.Fatalf("Close: %v", err)
	}
}

// verify checks that nothing that was acknowledged is missing from b.
func (l *load) verify(b store.Backend) {
	l.t.Helper()
	if l.count == 0 {
		l.t.Fatal("nothing was acknowledged")
	}
	found := map[string]int{}
	for shard := range uint16(store.Shards) {
		if err := b.Load(l.t.Context(), shard, func(key string, value []byte) error {
			n, err := strconv.Atoi(string(value))
			found[fmt.Sprintf("%d/%s", shard, key)] = n
			return err
		}); err != nil {
			l.t.Fatal(err)
		}
	}
	for key, n := range l.durable {
		if found[key] < n {
			l.t.Errorf("%s: acknowledged %d, stored %d", key, n, found[key])
		}
	}
	l.t.Logf("%d acknowledgements, all kept", l.count)
}

// swappable lets a test replace the backend beneath a committer.
type swappable struct{ now atomic.Pointer[store.Backend] }

func (s *swappable) Commit(ctx context.Context, d []store.Delta, l []store.LampDelta) error {
	return (*s.now.Load()).Commit(ctx, d, l)
}
