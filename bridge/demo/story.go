package demo

import (
	"context"
	"fmt"
	"time"
)

// step is one event of the story.
type step struct {
	say string
	// calls is what the office's phones do; a recording has its effect already.
	calls func(context.Context, *phoneSet) error
	// bridge is what is done at the bridge.
	bridge func(context.Context, *rig) error
	// pause is how long the outcome is looked at.
	pause time.Duration
}

// story is what happens. A recording is made of it, whose marks are the words of say: after
// a change, make it anew (recording/README.md).
var story = []step{
	{say: "Ann calls Bob", calls: call("1001", "1002"), pause: 1500 * time.Millisecond},
	{say: "Bob answers", calls: answer("1002"), pause: 1100 * time.Millisecond},
	{say: "Dan calls Eve", calls: call("1004", "1005"), pause: 900 * time.Millisecond},
	{say: "Eve answers", calls: answer("1005"), pause: 800 * time.Millisecond},
	{say: "Cat calls Bob, who is talking: call waiting", calls: call("1003", "1002"), pause: 1500 * time.Millisecond},
	{say: "Bob puts Ann on hold", calls: hold("1002"), pause: 1000 * time.Millisecond},
	{say: "Bob takes Cat's call", calls: answer("1002"), pause: 1100 * time.Millisecond},
	{say: "Cat hangs up: Bob's line is on hold", calls: hangUp("1003"), pause: 1300 * time.Millisecond},
	{say: "Bob is back with Ann; Dan and Eve are done", calls: both(resume("1002"), hangUp("1004")), pause: 1100 * time.Millisecond},
	{say: "Bob transfers Ann to Fay", calls: transfer("1002", "1006"), pause: 1400 * time.Millisecond},
	{say: "Fay answers", calls: answer("1006"), pause: 1200 * time.Millisecond},
	{say: "Ann hangs up", calls: hangUp("1001"), pause: 700 * time.Millisecond},
	{say: "Cat dials *78: do not disturb", calls: code("1003", "*78"), pause: 1400 * time.Millisecond},
	{say: "Ann calls Cat and is refused", calls: refused("1001", "1003"), pause: 700 * time.Millisecond},
	{say: "Cat dials *79: calls are welcome again", calls: code("1003", "*79"), pause: 700 * time.Millisecond},
	{say: "The administrator lets Temp watch", bridge: setPolicy(policyOpen, true), pause: 1300 * time.Millisecond},
	{say: "Eve calls Bob", calls: call("1005", "1002"), pause: 1500 * time.Millisecond},
	{say: "Fay picks the call up with *89 1002", calls: pickUp("1006", "1002"), pause: 1500 * time.Millisecond},
	{say: "The administrator takes it back: Temp's lamps go out", bridge: setPolicy(policyText, false), pause: 1300 * time.Millisecond},
	{say: "Fay hangs up", calls: hangUp("1006"), pause: 700 * time.Millisecond},
	{say: "Dan's phone leaves", calls: leave("1004"), pause: 1500 * time.Millisecond},
}

type action = func(context.Context, *phoneSet) error

func call(from, to string) action {
	return func(ctx context.Context, s *phoneSet) error {
		_, err := s.all[from].call(ctx, to)
		return err
	}
}

func answer(who string) action {
	return func(ctx context.Context, s *phoneSet) error { return s.all[who].answer(ctx) }
}

func hold(who string) action {
	return func(ctx context.Context, s *phoneSet) error { return s.all[who].hold(ctx) }
}

func resume(who string) action {
	return func(ctx context.Context, s *phoneSet) error { return s.all[who].resume(ctx) }
}

func hangUp(who string) action {
	return func(ctx context.Context, s *phoneSet) error { return s.all[who].hangUp(ctx) }
}

func transfer(who, to string) action {
	return func(ctx context.Context, s *phoneSet) error { return s.all[who].transfer(ctx, to) }
}

func code(who, dialled string) action {
	return func(ctx context.Context, s *phoneSet) error { return s.all[who].DialCode(ctx, dialled) }
}

func leave(who string) action {
	return func(ctx context.Context, s *phoneSet) error { return s.all[who].Unregister(ctx) }
}

// refused calls somebody whom the PBX does not ring.
func refused(from, to string) action {
	return func(ctx context.Context, s *phoneSet) error {
		c, err := s.all[from].Dial(ctx, to)
		if err != nil {
			return err
		}
		status, err := c.WaitFinal(ctx)
		if err == nil && status < 300 {
			err = fmt.Errorf("demo: %s should have been refused, got %d", from, status)
		}
		return err
	}
}

func pickUp(who, from string) action {
	return func(ctx context.Context, s *phoneSet) error {
		c, err := s.all[who].call(ctx, "*89"+from)
		if err != nil {
			return err
		}
		return c.WaitAnswered(ctx)
	}
}

func both(a, b action) action {
	return func(ctx context.Context, s *phoneSet) error {
		if err := a(ctx, s); err != nil {
			return err
		}
		return b(ctx, s)
	}
}

// stepTime is how long the phones and the PBX may take for one step.
const stepTime = 15 * time.Second

// play tells the story with the office's phones.
func (r *rig) play(ctx context.Context) error {
	for _, s := range story {
		if err := r.perform(ctx, s, s.calls); err != nil {
			return err
		}
		if !sleep(ctx, r.paced(s.pause)) {
			return ctx.Err()
		}
	}
	return nil
}

// perform does one step; calls is nil where a recording has done it.
func (r *rig) perform(ctx context.Context, s step, calls action) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	r.board.now(s.say)
	if r.o.onStep != nil {
		r.o.onStep(s.say)
	}
	if calls != nil {
		if err := calls(ctx, r.phones); err != nil {
			return fmt.Errorf("demo: %q does not work: %w", s.say, err)
		}
	}
	if s.bridge != nil {
		if err := s.bridge(ctx, r); err != nil {
			return fmt.Errorf("demo: %q does not work: %w", s.say, err)
		}
	}
	return nil
}

// paced is a pause at the speed asked for.
func (r *rig) paced(d time.Duration) time.Duration {
	return time.Duration(float64(d) / r.o.Speed)
}

// sleep waits; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
