package ari

import (
	"context"
	"slices"
	"time"

	"blfbridge/adapters/internal/reconnect"
)

const (
	resyncDelay  = 250 * time.Millisecond // after an overflow: the burst may go on
	retryDelay   = time.Second            // after a look that failed
	confirmDelay = 500 * time.Millisecond // for events under way to arrive before the second look
)

// lookKind is what a look is for.
type lookKind uint8

const (
	lookReplace lookKind = iota // everything we hold
	lookCompare                 // find differences
	lookConfirm                 // see them a second time
)

// lookJob is a look under way; one at a time.
type lookJob struct {
	kind  lookKind
	first *look      // lookConfirm
	diff  difference // lookConfirm
	delay time.Duration
}

// lookResult is what a look's goroutine hands back.
type lookResult struct {
	look *look
	err  error
}

// startLook starts what is due, if no look is under way.
func (ss *session) startLook(ctx context.Context) {
	switch {
	case ss.job != nil:
	case ss.resync:
		ss.resync = false
		ss.model.touched = newTouched()
		j := &lookJob{kind: lookReplace}
		if ss.live {
			j.delay = resyncDelay
		}
		ss.run(ctx, j)
	case ss.compare:
		ss.compare = false
		ss.model.touched = newTouched()
		ss.run(ctx, &lookJob{kind: lookCompare})
	}
}

func (ss *session) run(ctx context.Context, j *lookJob) {
	ss.job = j
	held := ss.model.held()
	ss.wg.Go(func() {
		var r lookResult
		if r.err = reconnect.Sleep(ctx, j.delay); r.err == nil {
			if j.kind == lookConfirm {
				r.look, r.err = ss.fetchAgain(ctx, j.first, j.diff)
			} else {
				r.look, r.err = ss.fetch(ctx, held)
			}
		}
		ss.looks <- r // has room: one look at a time
	})
}

// looked takes the result of the look under way.
func (ss *session) looked(ctx context.Context, r lookResult) error {
	// What was sent before the look ended is applied first: it is older than the look
	// only where the look says so.
	if err := ss.drain(); err != nil {
		return err
	}
	j := ss.job
	ss.job = nil
	now := time.Now()
	switch {
	case r.err != nil:
		return ss.lookFailed(ctx, j, r.err)
	case j.kind == lookReplace:
		ss.model.replace(r.look, now)
		ss.deliver(now)
	case ss.resync: // a comparison of what is to be replaced anyway
		ss.compare = ss.waiters != nil
	case j.kind == lookCompare:
		if d := ss.model.compare(r.look, now); !d.empty() {
			ss.run(ctx, &lookJob{kind: lookConfirm, first: r.look, diff: d, delay: confirmDelay})
			return nil
		}
	case j.kind == lookConfirm:
		ss.repair(j.diff.confirm(ss.model.compare(r.look, now)), r.look, now)
	}
	ss.model.touched = nil
	if j.kind != lookReplace && !ss.compare {
		ss.release()
	}
	return nil
}

// lookFailed: without a snapshot the connection is of no use; later a failed look is
// tried again, and changes go on meanwhile.
func (ss *session) lookFailed(ctx context.Context, j *lookJob, err error) error {
	if !ss.live || ctx.Err() != nil {
		return err
	}
	ss.log.Warn("could not look at Asterisk's state", "error", err)
	if j.kind == lookReplace {
		ss.run(ctx, &lookJob{kind: lookReplace, delay: retryDelay}) // what was touched stays so
		return nil
	}
	ss.model.touched = nil
	ss.release()
	return nil
}

// deliver hands the sink everything, and counts the source as up.
func (ss *session) deliver(now time.Time) {
	ss.live = true
	ss.metrics.resyncs.Inc()
	ss.metrics.up.Set(1)
	ss.metrics.wedged.Set(0)
	ss.ask()
	all := ss.model.all(now)
	ss.log.Info("snapshot", "devices", len(all), "calls", len(ss.model.legs))
	ss.sink.Snapshot(all)
}

// repair puts right what two looks showed, and counts each device state and channel.
func (ss *session) repair(d difference, k *look, now time.Time) {
	if d.empty() {
		return
	}
	ss.metrics.driftDevice.Add(float64(len(d.raw)))
	ss.metrics.driftChannel.Add(float64(len(d.channels) + len(d.gone)))
	ss.log.Info("repaired by comparison with Asterisk", "devices", len(d.raw), "channels", len(d.channels)+len(d.gone),
		"appeared", len(d.appeared), "vanished", len(d.vanished))
	ss.model.repair(d, k, now)
	ss.ask()
	for _, st := range ss.model.changed(now) {
		if slices.Contains(d.appeared, st.Name) {
			ss.sink.Change(st) // no event was missed: Asterisk sends none for a new endpoint
		} else {
			ss.sink.Repair(st)
		}
	}
	for _, name := range d.vanished {
		ss.model.remove(name)
		ss.sink.Remove(name)
	}
}

// release tells those who asked for a comparison that it is done.
func (ss *session) release() {
	for _, w := range ss.waiters {
		close(w)
	}
	ss.waiters = nil
}
