package demo

import (
	"cmp"
	"slices"
	"time"
)

// view copies what the board shows now. The display sets size and phase.
func (b *board) view() view {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	v := view{
		title: b.title, story: b.story, step: b.step, steps: len(story), running: now.Sub(b.start),
		refusal: slices.Clone(b.refusal), notifies: b.notifies, lamps: b.changed,
		ticker: slices.Clone(b.ticker[max(0, len(b.ticker)-maxTicker):]),
	}
	slices.SortStableFunc(v.ticker, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	for i, p := range office {
		r := row{person: p, cells: slices.Clone(b.cells[i])}
		var on []int
		for j := range r.cells {
			c := &r.cells[j]
			c.since = c.at.Sub(b.start)
			if c.on {
				on = append(on, j)
				r.party = cmp.Or(r.party, c.party)
			}
		}
		r.known = len(on) > 0
		r.lamp = merged(len(on), func(k int) (int, lamp) { return on[k], r.cells[on[k]].lamp })
		v.rows = append(v.rows, r)
	}
	if n := len(b.took); n > 0 {
		sorted := slices.Sorted(slices.Values(b.took))
		v.median, v.worst = sorted[n/2], sorted[n-1]
	}
	return v
}

// after returns the ticker's lines from number n on.
func (b *board) after(n int) []entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.ticker[min(n, len(b.ticker)):])
}
