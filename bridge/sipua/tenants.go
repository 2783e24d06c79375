package sipua

import (
	"strings"
	"sync"
	"time"
)

// tenantLimiter holds a bucket for each tenant, so that a storm of one leaves the others
// their share. Only watchers that are known take from it: an outsider cannot empty it. It
// is safe for concurrent use.
type tenantLimiter struct {
	rate  Rate
	start time.Time

	mu      sync.Mutex // guards buckets
	buckets map[string]*bucket
}

func newTenantLimiter(r Rate) *tenantLimiter {
	return &tenantLimiter{rate: r, start: time.Now(), buckets: map[string]*bucket{}}
}

// allow takes a token of the tenant's bucket. The tenant must be one of the policy's:
// buckets are never forgotten.
func (l *tenantLimiter) allow(tenant string) bool {
	if l.rate.PerSecond <= 0 {
		return true
	}
	now := int64(time.Since(l.start))
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[tenant]
	if b == nil {
		b = &bucket{tokens: l.rate.Burst, last: now}
		l.buckets[strings.Clone(tenant)] = b
	}
	return b.take(l.rate, now)
}
