package ari

import "time"

const (
	tombstoneLife = time.Minute // far longer than an event can be late
	tombstoneMax  = 8192
)

// tombstones remembers channels that ended, so that a late event does not light a
// lamp again: the order of events across their types is not stable. It is bounded by
// number and by age.
type tombstones struct {
	until map[string]time.Time
	order []string // oldest first
}

func (t *tombstones) add(id string, now time.Time) {
	if t.until == nil {
		t.until = make(map[string]time.Time)
	}
	if _, ok := t.until[id]; !ok {
		t.order = append(t.order, id)
	}
	t.until[id] = now.Add(tombstoneLife)
	for len(t.order) > 0 && (len(t.order) > tombstoneMax || !now.Before(t.until[t.order[0]])) {
		delete(t.until, t.order[0])
		t.order = t.order[1:]
	}
}

func (t *tombstones) has(id string, now time.Time) bool {
	end, ok := t.until[id]
	return ok && now.Before(end)
}
