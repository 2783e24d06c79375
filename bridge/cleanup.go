package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// stopTime bounds each step of a stop.
const stopTime = 10 * time.Second

// writeTime bounds a step of a stop that seals or writes so many entries: every subscription
// is sealed in the store, and a slow disk takes 2000 of them in a tenth of a second.
func writeTime(entries int) time.Duration {
	return stopTime + time.Duration(entries)*50*time.Microsecond
}

// cleanup is what must be undone, last in first out; each step has a name for the log.
type cleanup struct {
	steps []step
}

type step struct {
	name string
	stop func(context.Context) error
}

func (c *cleanup) add(name string, stop func(context.Context) error) {
	c.steps = append(c.steps, step{name, stop})
}

// run undoes everything. It may be called again; then it does nothing.
func (c *cleanup) run(log *slog.Logger) {
	for i := len(c.steps) - 1; i >= 0; i-- {
		s := c.steps[i]
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		if err := s.stop(ctx); err != nil {
			log.Error("could not be stopped cleanly", "what", s.name, "error", err)
		}
		cancel()
	}
	c.steps = nil
}

// background runs a component in a goroutine of its own until the returned function is
// called, which waits for it. An early end is sent to fail.
func background(name string, run func(context.Context) error, fail chan<- error) (stop func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := run(ctx)
		if ctx.Err() == nil {
			select {
			case fail <- fmt.Errorf("%s ended: %w", name, err):
			default:
			}
		}
	}()
	return func(wait context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-wait.Done():
			return fmt.Errorf("%s does not end: %w", name, wait.Err())
		}
	}
}
