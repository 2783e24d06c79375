package esl

import "time"

// tombstones remember what has ended, so that a late event or an old row does not bring
// it back. They expire, and there are never more than a fixed number: the oldest goes.
type tombstones struct {
	until map[string]grave
	order []string // oldest first; may hold keys that were deleted or buried again
	max   int
	ttl   time.Duration
}

type grave struct {
	gen     uint64 // of the event that buried it
	expires time.Time
}

func newTombstones(n int, ttl time.Duration) *tombstones {
	return &tombstones{until: map[string]grave{}, max: n, ttl: ttl}
}

func (t *tombstones) bury(key string, gen uint64, now time.Time) {
	if _, ok := t.until[key]; !ok {
		t.order = append(t.order, key)
	}
	t.until[key] = grave{gen, now.Add(t.ttl)}
	for len(t.order) > 0 {
		old := t.order[0]
		g, ok := t.until[old]
		if ok && len(t.order) <= t.max && now.Before(g.expires) {
			break
		}
		t.order = t.order[1:]
		delete(t.until, old)
	}
}

// dead reports whether key ended and is not forgotten yet, and by which event.
func (t *tombstones) dead(key string, now time.Time) (gen uint64, ok bool) {
	g, ok := t.until[key]
	return g.gen, ok && now.Before(g.expires)
}

// raise forgets key: it lives again.
func (t *tombstones) raise(key string) { delete(t.until, key) }
