package notifier

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"blfbridge/bridge/store"
	"blfbridge/bridge/subscription"
)

// answerTime bounds how long a shard that is handed over waits for the answers to its
// NOTIFYs, and LeaveStreams for those to its last ones.
const answerTime = 300 * time.Millisecond

// HandOver writes what a shard holds, as a clean stop does, and drops it: whoever acquires
// it goes on without a gap, and notifies everybody anew, so that what is outstanding here
// is superseded. The error says that it may not be written; then nothing is dropped, and
// nothing more is sent.
func (n *Notifier) HandOver(ctx context.Context, f store.Fence) error {
	for end := time.Now().Add(answerTime); ; {
		outstanding := 0
		for _, l := range n.loops {
			if err := n.in(ctx, l, func(l *loop) { outstanding += l.freeze(f.Shard) }); err != nil {
				return err
			}
		}
		if outstanding == 0 || time.Now().After(end) {
			break
		}
		if err := wait(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	for _, l := range n.loops {
		written := make(chan error, 1)
		if err := n.in(ctx, l, func(l *loop) {
			l.submit() // what is waiting goes first
			n.committer.Submit(l.sealed(f.Shard), nil, func(err error) {
				if errors.As(err, new(*store.WentError)) && !errors.Is(err, store.ErrFenced) {
					err = nil // what others have is not ours to hand over
				}
				written <- err
			})
		}); err != nil {
			return err
		}
		select {
		case err := <-written:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, l := range n.loops {
		if err := n.in(ctx, l, func(l *loop) { l.release(f) }); err != nil {
			return err
		}
	}
	return nil
}

// freeze lets nothing more begin in a shard, and counts the NOTIFYs that are not answered.
func (l *loop) freeze(id uint16) (outstanding int) {
	l.shard(id).frozen = true
	for slot := range l.records.count {
		if e := l.records.at(slot); e.used && e.Shard == id && (e.txn >= 0 || e.asked > 0) {
			outstanding++
		}
	}
	return outstanding
}

// sealed is what a frozen shard holds, as a clean stop leaves it.
func (l *loop) sealed(id uint16) []store.Delta {
	for slot := range l.records.count {
		e := l.records.at(slot)
		if e.used && e.Shard == id && e.Status != subscription.Terminated && e.ready {
			l.cancel(e)
			e.Seal()
			l.persist(slot, false)
		}
	}
	all := l.deltas
	l.deltas = nil
	return all
}

// release drops a shard that is written.
func (l *loop) release(f store.Fence) {
	sh := l.shard(f.Shard)
	if sh.epoch != f.Epoch {
		return
	}
	for slot := range l.records.count {
		if e := l.records.at(slot); e.used && e.Shard == f.Shard {
			l.cancel(e)
			l.remove(slot, false)
		}
	}
	sh.loaded, sh.epoch, sh.frozen = false, 0, false
}

// LeaveStreams ends the subscriptions whose phones have a connection to this process, which
// no other one can use: they are told to subscribe again (RFC 6665 §4.1.3: deactivated), one
// connection after the other over the time given, so that they do not return all at once.
// Then the connection is closed, so that they return to another process.
func (n *Notifier) LeaveStreams(ctx context.Context, over time.Duration) error {
	seen := map[Flow]bool{}
	for _, l := range n.loops {
		if err := n.in(ctx, l, func(l *loop) {
			for f := range l.flows {
				seen[f] = true
			}
		}); err != nil {
			return err
		}
	}
	flows := slices.Collect(maps.Keys(seen)) // in any order
	begun := time.Now()
	told := 0
	for i := 0; i <= len(flows) && len(flows) > 0; i++ {
		if err := wait(ctx, time.Until(begun.Add(over*time.Duration(i)/time.Duration(len(flows))))); err != nil {
			return err
		}
		if i < len(flows) {
			for _, l := range n.loops {
				if err := n.in(ctx, l, func(l *loop) { l.leave(flows[i]) }); err != nil {
					return err
				}
			}
		}
		// Those that had the time to answer.
		for ; told < i && time.Since(begun) > over*time.Duration(told)/time.Duration(len(flows))+answerTime; told++ {
			n.hangUp(flows[told])
		}
	}
	if err := wait(ctx, answerTime); err != nil {
		return err
	}
	for _, f := range flows[told:] {
		n.hangUp(f)
	}
	return nil
}

func (n *Notifier) hangUp(f Flow) {
	if h, ok := n.transport.(HangerUp); ok {
		h.HangUp(f)
	}
}

// leave ends what goes over a connection.
func (l *loop) leave(f Flow) {
	for _, slot := range slices.Clone(l.flows[f]) {
		if e := l.records.at(slot); e.used && e.Flags&subscription.FlowLost == 0 && !e.closed {
			l.advance(slot, subscription.Input{Kind: subscription.Left, Reason: subscription.Deactivated})
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
