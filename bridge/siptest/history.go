package siptest

import (
	"fmt"
	"strings"
	"time"

	"blfbridge/bridge/device"
)

// Target is what is watched, as configured.
func (s *Subscription) Target() string { return s.cfg.Target }

// Event is the event package with its parameters.
func (s *Subscription) Event() string { return s.cfg.Event }

// CallID is the subscription's Call-ID.
func (s *Subscription) CallID() string { return s.id.callID }

// Granted is the duration that the last 2xx granted, in seconds.
func (s *Subscription) Granted() int { s.mu.Lock(); defer s.mu.Unlock(); return s.granted }

// SetFaults changes how NOTIFYs are answered from now on.
func (s *Subscription) SetFaults(f Faults) { s.mu.Lock(); s.faults = f; s.mu.Unlock() }

// AllowGap lets the next NOTIFY skip version and CSeq numbers, as after a crash of the server.
func (s *Subscription) AllowGap() { s.mu.Lock(); s.judge.gapOnce = true; s.mu.Unlock() }

// Violations are the breaches seen so far.
func (s *Subscription) Violations() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Violation(nil), s.violations...)
}

// History is every NOTIFY taken so far, oldest first, retransmissions left out.
func (s *Subscription) History() []Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Seen(nil), s.history...)
}

// Last is the last NOTIFY taken; ok is false before the first.
func (s *Subscription) Last() (seen Seen, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.history) == 0 {
		return Seen{}, false
	}
	return s.history[len(s.history)-1], true
}

// Lamp is the state shown now, Unknown before the first NOTIFY.
func (s *Subscription) Lamp() device.State {
	seen, _ := s.Last()
	return seen.Lamp.State
}

// WaitLamp waits until the lamp shows state, at once if it does, and returns the NOTIFY
// that lit it.
func (s *Subscription) WaitLamp(state device.State, timeout time.Duration) (Seen, error) {
	return s.wait(0, timeout, "lamp "+state.String(), true, func(x Seen) bool { return x.Lamp.State == state })
}

// WaitNotify waits until the watcher has taken more than n NOTIFYs and returns number
// n (counted from 0).
func (s *Subscription) WaitNotify(n int, timeout time.Duration) (Seen, error) {
	return s.wait(n, timeout, fmt.Sprintf("NOTIFY number %d", n), false, func(Seen) bool { return true })
}

// WaitTerminated waits for the NOTIFY that ends the subscription.
func (s *Subscription) WaitTerminated(timeout time.Duration) (Seen, error) {
	return s.wait(0, timeout, "terminated NOTIFY", false, func(x Seen) bool { return x.Substate == "terminated" })
}

// WaitFor waits for a NOTIFY, at or after number from, for which want is true. want must
// not call the subscription.
func (s *Subscription) WaitFor(from int, timeout time.Duration, want func(Seen) bool) (Seen, error) {
	return s.wait(from, timeout, "NOTIFY as wanted", false, want)
}

// wait looks at the history from number from on; last: only at its newest entry.
func (s *Subscription) wait(from int, timeout time.Duration, what string, last bool, want func(Seen) bool) (Seen, error) {
	t := time.NewTimer(timeout)
	defer t.Stop()
	for {
		s.mu.Lock()
		h, changed := s.history, s.changed
		s.mu.Unlock()
		if last && len(h) > 0 {
			from = len(h) - 1
		}
		for ; from < len(h); from++ {
			if want(h[from]) {
				return h[from], nil
			}
		}
		select {
		case <-changed:
		case <-s.phone.closed:
			return Seen{}, ErrClosed
		case <-t.C:
			return Seen{}, fmt.Errorf("%w: no %s at the watch of %s in %v; seen: %s%s", ErrTimeout, what, s.cfg.Target, timeout, brief(h), s.lastBreach())
		}
	}
}

// brief is the history as "idle v0, ringing v1".
func brief(h []Seen) string {
	if len(h) == 0 {
		return "nothing"
	}
	var parts []string
	for _, x := range h {
		p := x.Lamp.State.String()
		if x.Lamp.Held {
			p += "/held"
		}
		if x.Lamp.HasVersion {
			p += fmt.Sprintf(" v%d", x.Lamp.Version)
		}
		if x.Substate != "active" {
			p += " " + x.Substate + " " + x.Reason
		}
		parts = append(parts, strings.TrimSpace(p))
	}
	return strings.Join(parts, ", ")
}

// lastBreach names the newest violation, which may be why a NOTIFY was refused.
func (s *Subscription) lastBreach() string {
	if v := s.Violations(); len(v) > 0 {
		return fmt.Sprintf("; %d violations, the last: %s", len(v), v[len(v)-1])
	}
	return ""
}
