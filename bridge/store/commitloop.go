package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// manyDeltas in a group mean that many come: the next one gathers.
const manyDeltas = 32

// batch is what the writer gets: sorted by shard.
type batch struct {
	deltas []Delta
	lamps  []LampDelta
}

// result is what the writer did of a batch.
type result struct {
	// deltas and lamps are what was not written; empty if err is nil.
	deltas  []Delta
	lamps   []LampDelta
	refused map[Fence]bool
	went    []Went
	err     error
}

// loop owns the groups and answers the submissions.
func (c *Committer) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	<-timer.C
	defer timer.Stop()
	var (
		busy     bool     // the writer has a batch
		waiting  []waiter // for that batch
		due      = true   // no pause after a failure is under way
		delay    = c.cfg.MaxDelay
		delaying bool // the timer runs for delay
		ripe     bool // delay is over
		pause    = c.cfg.RetryMin
	)
	for {
		select {
		case <-ctx.Done():
			c.abandon(waiting)
			return
		case <-c.wake:
		case <-timer.C:
			due, ripe = true, true
		case r := <-c.done:
			busy = false
			if r.err != nil {
				waiting = c.failed(r, waiting)
				due = false
				timer.Reset(pause/2 + rand.N(pause/2+1))
				pause = min(2*pause, c.cfg.RetryMax)
				break
			}
			pause, due = c.cfg.RetryMin, true
			c.returned()
			answer(waiting, r.refused, r.went)
			waiting = nil
		}
		if c.Away() {
			c.answerAway()
		}
		if c.takeFlush() {
			due, ripe = true, true
		}
		if busy || !due || c.idle() {
			continue
		}
		if delay > 0 && !ripe && !c.Away() {
			if !delaying {
				delaying = true
				timer.Reset(delay)
			}
			continue
		}
		delaying, ripe = false, false
		var b batch
		b, waiting = c.take(waiting)
		busy = true
		if delay = c.cfg.MaxDelay; len(b.deltas) >= manyDeltas {
			delay = max(delay, c.cfg.Gather)
		}
		select {
		case c.work <- b:
		case <-ctx.Done():
			c.abandon(waiting)
			return
		}
	}
}

func (c *Committer) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending.empty()
}

func (c *Committer) takeFlush() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.flushNow
	c.flushNow = false
	return f
}

// take makes the pending group the writer's batch.
func (c *Committer) take(waiting []waiter) (batch, []waiter) {
	c.mu.Lock()
	g := c.pending
	c.pending, c.spare = c.spare, nil
	if c.pending == nil {
		c.pending = newGroup()
	}
	c.inflight = g.size()
	c.mu.Unlock()
	b := batch{deltas: make([]Delta, 0, len(g.deltas))}
	for _, d := range g.deltas {
		b.deltas = append(b.deltas, d)
	}
	for k, v := range g.lamps {
		b.lamps = append(b.lamps, LampDelta{k, v})
	}
	waiting = append(waiting, g.acks...)
	if g.size() <= maxSpare {
		g.clear()
		c.mu.Lock()
		c.spare = g
		c.mu.Unlock()
	}
	return b, waiting
}

// failed keeps what was not written, tells the impatient, and returns the patient.
func (c *Committer) failed(r result, waiting []waiter) []waiter {
	c.mu.Lock()
	c.pending.giveBack(r.deltas, r.lamps)
	c.inflight = 0
	n := c.pending.size()
	c.mu.Unlock()
	if !c.away.Swap(true) {
		c.metrics.away.Set(1)
		c.cfg.Logger.Error("store is away; changes are kept in memory and tried again", "pending", n, "error", r.err)
		if c.cfg.OnAway != nil {
			c.cfg.OnAway(true)
		}
	}
	c.full.Store(errors.Is(r.err, ErrFull))
	return c.tellAway(waiting)
}

// returned notes that the store works.
func (c *Committer) returned() {
	c.mu.Lock()
	c.inflight = 0
	c.mu.Unlock()
	if !c.away.Swap(false) {
		return
	}
	c.metrics.away.Set(0)
	c.cfg.Logger.Info("store is back; all kept changes are written")
	if c.cfg.OnAway != nil {
		c.cfg.OnAway(false)
	}
}

// answerAway tells everyone who submitted during an outage.
func (c *Committer) answerAway() {
	c.mu.Lock()
	acks := c.pending.acks
	c.pending.acks = nil
	c.mu.Unlock()
	patient := c.tellAway(acks)
	c.mu.Lock()
	c.pending.acks = append(patient, c.pending.acks...)
	c.mu.Unlock()
}

func (c *Committer) tellAway(acks []waiter) (patient []waiter) {
	why := ErrAway
	if c.full.Load() {
		why = ErrFull
	}
	for _, w := range acks {
		if w.patient {
			patient = append(patient, w)
			continue
		}
		w.ack(why)
	}
	return patient
}

func answer(acks []waiter, refused map[Fence]bool, went []Went) {
	for i := range acks {
		acks[i].ack(acks[i].verdict(refused, went))
	}
}

// abandon ends the loop: whoever still waits learns that the committer closed.
func (c *Committer) abandon(waiting []waiter) {
	c.mu.Lock()
	c.closed = true
	waiting = append(waiting, c.pending.acks...)
	c.pending.acks = nil
	c.mu.Unlock()
	for _, w := range waiting {
		w.ack(ErrClosed)
	}
}

// write is the only caller of Writer.Commit.
func (c *Committer) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-c.work:
			r := c.commit(ctx, b)
			select {
			case c.done <- r:
			case <-ctx.Done():
				return
			}
		}
	}
}

// commit writes a batch in parts of whole shards, so that a shard's part stays atomic.
func (c *Committer) commit(ctx context.Context, b batch) result {
	slices.SortFunc(b.deltas, byShard)
	var refused map[Fence]bool
	var left []Went
	for {
		n := min(len(b.deltas), c.cfg.MaxBatch)
		for n > 0 && n < len(b.deltas) && b.deltas[n].Shard == b.deltas[n-1].Shard {
			n++
		}
		lamps := b.lamps[:min(len(b.lamps), c.cfg.MaxBatch)]
		err := c.commitPart(ctx, b.deltas[:n], lamps)
		var fenced *FencedError
		var went *WentError
		if errors.As(err, &went) {
			left = append(left, went.Went...)
		}
		if errors.As(err, &fenced) {
			if refused == nil {
				refused = map[Fence]bool{}
			}
			for _, f := range fenced.Fenced {
				refused[f] = true
			}
			c.metrics.fenced.Add(float64(len(fenced.Fenced)))
			c.cfg.Logger.Warn("changes dropped: another process owns the shard", "error", err)
		} else if err != nil && went == nil {
			return result{deltas: b.deltas, lamps: b.lamps, refused: refused, went: left, err: err}
		}
		b.deltas, b.lamps = b.deltas[n:], b.lamps[len(lamps):]
		if len(b.deltas) == 0 && len(b.lamps) == 0 {
			return result{refused: refused, went: left}
		}
	}
}

func (c *Committer) commitPart(ctx context.Context, deltas []Delta, lamps []LampDelta) error {
	if len(deltas)+len(lamps) == 0 {
		return nil // a Flush with nothing to write
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	start := time.Now()
	err := c.backend.Commit(ctx, deltas, lamps)
	c.metrics.observe(len(deltas)+len(lamps), time.Since(start), err)
	return err
}
