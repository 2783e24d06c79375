package replicatest

import (
	"context"
	"sync"
	"time"
)

// stalls is how late this process itself is woken: on a machine that does much else replicas are
// late, too. It is told beside what was seen, and excuses nothing.
type stalls struct {
	mu  sync.Mutex // guards all
	all []stall    // the noteworthy ones
}

type stall struct {
	at   time.Time
	late time.Duration
}

const (
	stallLook = 10 * time.Millisecond
	stallNote = 50 * time.Millisecond
)

func (s *stalls) watch(ctx context.Context) {
	for {
		begun := time.Now()
		if !sleep(ctx, stallLook) {
			return
		}
		if late := time.Since(begun) - stallLook; late > stallNote {
			s.mu.Lock()
			s.all = append(s.all, stall{time.Now(), late})
			s.mu.Unlock()
		}
	}
}

// since is the sum and the worst of the stalls from a time on.
func (s *stalls) since(t time.Time) (sum, worst time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.all {
		if x.at.After(t) {
			sum, worst = sum+x.late, max(worst, x.late)
		}
	}
	return sum, worst
}
