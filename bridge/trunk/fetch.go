package trunk

import (
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/policy"
)

// fetchTime bounds how long a fetch waits for what another server tells.
const fetchTime = 2 * time.Second

// fetch is somebody who asked once, and waits.
type fetch struct {
	by   policy.Watcher
	done func()
}

// Fetch implements notifier.External. It counts as a watcher until the state is known;
// the subscription made for it lingers, for the next fetch.
func (s *Subscriber) Fetch(w notifier.Watch, done func()) (wait bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	if x := s.externals[w.Key]; x != nil && x.told() {
		return false
	}
	s.watch(w)
	x := s.externals[w.Key]
	if x.phase == refused || x.phase == waiting {
		s.unwatch(x, w.Watcher)
		return false
	}
	x.fetches = append(x.fetches, fetch{w.Watcher, done})
	if x.fetchBy.IsZero() {
		x.fetchBy = time.Now().Add(fetchTime)
	}
	s.plan(x)
	return true
}

// told reports whether its lamp is what a server says, or none will soon.
func (x *external) told() bool {
	switch x.phase {
	case standing:
		return x.leg == nil || x.leg.notified
	case waiting:
		return true
	}
	return false
}

// settle lets the fetches go on that wait.
func (x *external) settle() {
	list := x.fetches
	x.fetches, x.fetchBy = nil, time.Time{}
	for _, f := range list {
		f.done()
		x.s.unwatch(x, f.by)
	}
}
