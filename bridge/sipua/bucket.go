package sipua

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// Rate is a token bucket's size: PerSecond requests go on for ever, Burst at once.
// A PerSecond of 0 or less means no limit.
type Rate struct {
	PerSecond, Burst float64
}

// bucket is a token bucket. It is not safe for concurrent use.
type bucket struct {
	tokens float64
	last   int64 // nanoseconds since the limiter's start
}

func (b *bucket) take(r Rate, now int64) bool {
	b.tokens = min(r.Burst, b.tokens+float64(now-b.last)/1e9*r.PerSecond)
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// gauge is one bucket for everyone. It is safe for concurrent use.
type gauge struct {
	rate  Rate
	start time.Time

	mu  sync.Mutex // guards all
	all bucket
}

func newGauge(r Rate) *gauge {
	return &gauge{rate: r, start: time.Now(), all: bucket{tokens: r.Burst}}
}

// allow takes a token.
func (g *gauge) allow() bool {
	if g.rate.PerSecond <= 0 {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all.take(g.rate, int64(time.Since(g.start)))
}

const (
	limiterSets = 2048
	limiterWays = 4
)

// limiter holds one bucket for all requests and one per source, in a table that never
// grows: a new source takes the place of the one in its set that was quiet longest.
// With many spoofed sources the common bucket is what protects. It is safe for
// concurrent use.
type limiter struct {
	perSource, total Rate
	seed             maphash.Seed
	start            time.Time

	mu    sync.Mutex // guards all below
	all   bucket
	table [limiterSets][limiterWays]struct {
		key uint64
		bucket
	}
}

func newLimiter(perSource, total Rate) *limiter {
	l := &limiter{perSource: perSource, total: total, seed: maphash.MakeSeed(), start: time.Now()}
	l.all.tokens = total.Burst
	return l
}

// allow takes a token of the source's and of the common bucket.
func (l *limiter) allow(source netip.Addr) bool {
	now := int64(time.Since(l.start))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perSource.PerSecond > 0 && !l.find(source, now).take(l.perSource, now) {
		return false
	}
	return l.total.PerSecond <= 0 || l.all.take(l.total, now)
}

// find returns the source's bucket. An IPv6 source is its /64: who has one has them all.
func (l *limiter) find(source netip.Addr, now int64) *bucket {
	if source.Is6() && !source.Is4In6() {
		if p, err := source.WithZone("").Prefix(64); err == nil {
			source = p.Addr()
		}
	}
	key := maphash.Comparable(l.seed, source) | 1
	set := &l.table[key>>32%limiterSets]
	oldest := 0
	for i := range set {
		if set[i].key == key {
			return &set[i].bucket
		}
		if set[i].key == 0 {
			oldest = i
			break
		}
		if set[i].last < set[oldest].last {
			oldest = i
		}
	}
	set[oldest].key = key
	set[oldest].bucket = bucket{tokens: l.perSource.Burst, last: now}
	return &set[oldest].bucket
}
