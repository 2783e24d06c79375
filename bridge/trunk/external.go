package trunk

import (
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/notifier"
	"blfbridge/policy"
)

// phase is where an external presentity is.
type phase uint8

const (
	// seeking: trunks are being tried.
	seeking phase = iota
	// standing: a trunk has accepted.
	standing
	// waiting: none could be reached; they are tried again.
	waiting
	// refused: all have refused, or were tried often enough.
	refused
)

var phaseNames = [...]string{"seeking", "active", "waiting", "refused"}

// external is one presentity of another server that is watched here, or was just now.
type external struct {
	s          *Subscriber
	key        compositor.Key
	presentity uint32
	route      string
	// watchers counts the subscriptions of each.
	watchers map[policy.Watcher]int
	hops     uint8 // the most that a watcher's request had left; 0 = not known

	phase phase
	// round numbers the searches, so that an answer of the resolver finds its own.
	round      int
	candidates []candidate // of this search, still to be tried
	tried      string      // fingerprint of all of its candidates
	worst      verdict     // of this search's answers
	trunk      string      // being tried or in use
	leg        *leg        // nil while none is tried, and after invariant
	began      time.Time   // when the trunk accepted
	retries    int
	back       time.Duration  // the longest Retry-After of this search
	outcome    policy.Outcome // of refused
	why        string         // of waiting and refused
	calls      table
	over       bool // its route is written down, and wins over what a PBX has

	fetches []fetch
	fetchBy time.Time // when they are not kept waiting any longer

	at      time.Time // end of waiting or of refused
	darkAt  time.Time // while seeking: the old lamp is not trusted any longer
	lingers time.Time // without watchers: when it is given up
	index   int
}

func (x *external) due() time.Time {
	at := x.at
	if x.phase == refused && len(x.watchers) > 0 {
		at = time.Time{} // whoever is on the way in is being refused
	}
	return earliest(at, x.darkAt, x.fetchBy, x.lingers)
}

func (x *external) place() *int { return &x.index }

func (x *external) tick(now time.Time) {
	if passed(x.darkAt, now) {
		x.darkAt = time.Time{}
		x.show(compositor.Lamp{State: device.Unknown}, now)
	}
	if passed(x.fetchBy, now) {
		x.settle()
	}
	if passed(x.lingers, now) {
		x.s.forget(x)
		return
	}
	if passed(x.at, now) {
		x.at = time.Time{}
		switch x.phase {
		case waiting:
			x.s.seek(x)
		case refused:
			x.s.forget(x) // nobody watches it
		}
	}
}

// show gives the compositor the lamp of now.
func (x *external) show(l compositor.Lamp, at time.Time) {
	x.s.c.Lamps.Show(x.key, l, x.over, at)
	x.settle()
}

// Watch implements notifier.External.
func (s *Subscriber) Watch(w notifier.Watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.watch(w)
	}
}

func (s *Subscriber) watch(w notifier.Watch) {
	x := s.externals[w.Key]
	fresh := x == nil
	if fresh {
		x = &external{s: s, key: w.Key, watchers: map[policy.Watcher]int{}, index: -1}
		s.externals[w.Key] = x
	}
	x.presentity = w.Presentity
	x.watchers[w.Watcher]++
	x.hops = max(x.hops, w.MaxForwards)
	x.lingers = time.Time{}
	other := !fresh && x.route != w.Route
	x.route = w.Route
	switch {
	case fresh, x.phase == refused && passed(x.at, time.Now()):
		x.retries = 0
		s.seek(x)
	case x.phase == refused:
		s.c.Recheck(x.presentity) // it was decided before that was known
	case other:
		s.reroute(x)
	}
	s.plan(x)
}

// Unwatch implements notifier.External.
func (s *Subscriber) Unwatch(w notifier.Watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.externals[w.Key]
	if x != nil && !s.stopping {
		s.unwatch(x, w.Watcher)
	}
}

func (s *Subscriber) unwatch(x *external, w policy.Watcher) {
	if x.watchers[w]--; x.watchers[w] <= 0 {
		delete(x.watchers, w)
	}
	if len(x.watchers) > 0 {
		return
	}
	if x.phase != refused {
		x.lingers = time.Now().Add(s.c.Linger)
	}
	s.plan(x)
}

// forget gives a presentity up that nobody watches.
func (s *Subscriber) forget(x *external) {
	if x.leg != nil {
		s.close(x.leg)
	}
	s.agenda.drop(x)
	delete(s.externals, x.key)
	s.c.Lamps.Hide(x.key)
}

// Watched reports whether a presentity is watched, or was just now.
func (s *Subscriber) Watched(k compositor.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.externals[k] != nil
}
