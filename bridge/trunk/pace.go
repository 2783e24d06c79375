package trunk

import (
	"net/netip"
	"time"
)

// maxPaces is how many destinations are remembered before those at rest are forgotten.
const maxPaces = 256

// pace says when a subscription may be begun at a server: at once while fewer than a
// second's worth are ahead of the rate, else as that allows.
func (s *Subscriber) pace(to netip.AddrPort, now time.Time) time.Time {
	if len(s.paces) >= maxPaces {
		for k, next := range s.paces {
			if next.Before(now) {
				delete(s.paces, k)
			}
		}
	}
	next := s.paces[to]
	if next.Before(now) {
		next = now
	}
	s.paces[to] = next.Add(time.Second / time.Duration(s.c.Pace))
	if at := next.Add(-time.Second); at.After(now) {
		return at
	}
	return now
}
