package replicatest

import (
	"context"
	"sync"
	"time"
)

// stalls is how late this process itself is woken: on a machine that does much else replicas are
// late, too, and a bound in seconds says nothing of them. It is told beside what was seen.
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
	stallNote = 30 * time.Millisecond
)

// begin watches until the test ends.
func (s *stalls) begin(t T) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.watch(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// between is the sum of the stalls within a time.
func (s *stalls) between(from, to time.Time) (sum time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.all {
		if x.at.After(from) && x.at.Before(to.Add(x.late)) {
			sum += x.late
		}
	}
	return sum
}

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

// patience is by how much a bound is longer because nobody had a processor since then: by the
// time that was lost, and, if it was so long at a stretch that a replica missed its beats, by
// the time for which it takes nobody for dead then.
func (s *stalls) patience(since time.Time, lease time.Duration) time.Duration {
	sum, _ := s.since(since)
	if _, worst := s.since(since.Add(-sure(lease))); worst > lease/2 {
		sum += sure(lease)
	}
	return sum
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
