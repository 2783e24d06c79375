package bench

import (
	"context"
	"fmt"
	"time"
)

// restart kills the server and starts it again on the same store and address: every phone
// must get its NOTIFY without having done anything.
func (b *bench) restart(ctx context.Context) error {
	standing := b.farm.count(func(_ int, s *subscription) bool {
		if s.flags&standing == 0 {
			return false
		}
		s.flags |= mayJump
		return true
	})
	if err := b.own.kill(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	b.config.Listen = b.own.at.String()
	b.farm.restored.Store(0)
	b.farm.begun.Store(b.farm.clock())
	began := time.Now()
	own, phones := ownCPU(), b.farm.drops()
	c, err := b.farm.play(ctx, phase{}, func(ctx context.Context) error {
		again, err := startChild(b.o.Server(), b.config)
		if err != nil {
			return err
		}
		b.own, b.server = again, again
		for heard, since := int64(0), time.Now(); ; {
			n := b.farm.restored.Load()
			if n >= int64(standing) {
				return nil
			}
			if n > heard {
				heard, since = n, time.Now()
			}
			if time.Since(since) > patience {
				return fmt.Errorf("%w: %d of %d phones were notified after a restart", ErrStalled, n, standing)
			}
			b.o.Progress(fmt.Sprintf("restart, %.0f s, %d of %d phones notified", time.Since(began).Seconds(), n, standing))
			if err := sleep(ctx, 20*time.Millisecond); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return err
	}
	// The server's CPU time began with its process.
	m := &meter{b: b, name: "restart", began: began, own: own, phones: phones, stop: make(chan struct{}), stopped: make(chan struct{})}
	close(m.stopped)
	r, err := m.end(c, standing)
	if err != nil {
		return err
	}
	r.Last = &Latency{Count: 1, P50: r.Change.Max, P90: r.Change.Max, P99: r.Change.Max, Max: r.Change.Max}
	r.Wrong = b.farm.wrong()
	b.report.Results = append(b.report.Results, *r)
	return nil
}
