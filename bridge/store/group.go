package store

import (
	"cmp"
	"errors"
	"slices"
)

// pendingKey names one entry among those of all shards.
type pendingKey struct {
	shard uint16
	key   string
}

// group is what one round writes: the last delta per key, and who waits for it.
// Its size is bounded by the number of keys and of unanswered submissions.
type group struct {
	deltas map[pendingKey]Delta
	lamps  map[string][]byte
	acks   []waiter
}

func newGroup() *group {
	return &group{deltas: map[pendingKey]Delta{}, lamps: map[string][]byte{}}
}

// waiter is one submission that waits for its answer.
type waiter struct {
	ack func(error)
	// first and rest are the epochs the submission wrote with; nearly always one, none
	// if any is false.
	first Fence
	rest  []Fence
	any   bool
	// fenced are those of them for which a newer owner was already waiting.
	fenced []Fence
	// patient waits through an outage instead of being told ErrAway (Flush).
	patient bool
}

func (w *waiter) add(f Fence) {
	switch {
	case !w.any:
		w.first, w.any = f, true
	case w.first != f:
		w.rest = append(w.rest, f)
	}
}

// verdict is a *FencedError with those of the waiter's epochs that were refused and a *WentError
// with what was left out of its shards, or one of them; nil if there is nothing.
func (w *waiter) verdict(refused map[Fence]bool, left []Went) error {
	fenced := w.fenced
	if w.any && refused[w.first] {
		fenced = append(fenced, w.first)
	}
	for _, f := range w.rest {
		if refused[f] {
			fenced = append(fenced, f)
		}
	}
	var went []Went
	for _, l := range left {
		if w.any && w.first.Shard == l.Shard || slices.ContainsFunc(w.rest, func(f Fence) bool { return f.Shard == l.Shard }) {
			went = append(went, l)
		}
	}
	var errs []error
	if len(fenced) > 0 {
		errs = append(errs, &FencedError{fenced})
	}
	if len(went) > 0 {
		errs = append(errs, &WentError{went})
	}
	return errors.Join(errs...)
}

// put merges one delta. It reports false if a newer owner of the shard already has a
// change of the key waiting: the older one is fenced.
func (g *group) put(d Delta) bool {
	k := pendingKey{d.Shard, d.Key}
	if old, ok := g.deltas[k]; ok && old.Epoch > d.Epoch {
		return false
	}
	g.deltas[k] = d
	return true
}

// giveBack puts what an older group could not write under what came since.
func (g *group) giveBack(deltas []Delta, lamps []LampDelta) {
	for _, d := range deltas {
		k := pendingKey{d.Shard, d.Key}
		if newer, ok := g.deltas[k]; !ok || newer.Epoch < d.Epoch {
			g.deltas[k] = d
		}
	}
	for _, l := range lamps {
		if _, ok := g.lamps[l.Key]; !ok {
			g.lamps[l.Key] = l.Value
		}
	}
}

func (g *group) size() int { return len(g.deltas) + len(g.lamps) }

// maxSpare is how large a group may have been that is used again: maps do not shrink.
const maxSpare = 4096

func (g *group) clear() {
	clear(g.deltas)
	clear(g.lamps)
	clear(g.acks)
	g.acks = g.acks[:0]
}

func (g *group) empty() bool { return g.size() == 0 && len(g.acks) == 0 }

// byShard orders deltas so that those of one shard and epoch stand together.
func byShard(a, b Delta) int {
	return cmp.Or(cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Epoch, b.Epoch))
}
