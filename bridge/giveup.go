package bridge

import (
	"context"
	"sync"
	"time"
)

// A stop gives up a store that takes nothing for storeWait, so that the process ends within 10 s
// (the NOTIFYs under way have 3 s of their own): what it holds comes back as after a crash.
// storeLook is between two looks at it, and how long one may take.
const (
	storeWait = 3 * time.Second
	storeLook = 500 * time.Millisecond
)

// watchStore closes givenUp when the store is to be given up. The caller ends it by what it
// returns.
func (b *Bridge) watchStore() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(storeLook)
		defer tick.Stop()
		for last := time.Now(); ; {
			if b.storeTakes(ctx) {
				last = time.Now()
			} else if ctx.Err() == nil && time.Since(last) > storeWait {
				b.log.Error("the store takes nothing; the stop does not wait for it any more, and what it held comes back as after a crash", "waited", storeWait)
				close(b.givenUp)
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

func (b *Bridge) storeTakes(ctx context.Context) bool {
	if b.committer.Away() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, storeLook)
	defer cancel()
	return b.backend.Ping(ctx) == nil
}

// unlessGivenUp is ctx for so long at most, and until the store is given up. The end of ctx does
// not count: a step of the stop has its own time.
func (b *Bridge) unlessGivenUp(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-b.givenUp:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { cancel(); wg.Wait() }
}
