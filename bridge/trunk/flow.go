package trunk

import (
	"time"

	"blfbridge/bridge/notifier"
)

// flowEvent is what became of a connection.
type flowEvent struct {
	flow notifier.Flow
	up   bool
}

// FlowUp says that a connection stands: what waits for it is sent.
func (s *Subscriber) FlowUp(f notifier.Flow) { s.happened(flowEvent{f, true}) }

// FlowClosed says that a connection is gone. Its server may have been restarted, and have
// forgotten us: each subscription over it is asked after.
func (s *Subscriber) FlowClosed(f notifier.Flow) { s.happened(flowEvent{f, false}) }

// happened leaves an event to Run: a transport that gives a connection up while we send on
// it tells us from within.
func (s *Subscriber) happened(e flowEvent) {
	s.eventsMu.Lock()
	s.events = append(s.events, e)
	s.eventsMu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// takeEvents serves what has happened. mu is held.
func (s *Subscriber) takeEvents() {
	s.eventsMu.Lock()
	events := s.events
	s.events = nil
	s.eventsMu.Unlock()
	if s.stopping {
		return
	}
	now := time.Now()
	for _, e := range events {
		for _, l := range s.legs {
			if l.way.flow == e.flow {
				l.reconnect(e.up, now)
				s.agenda.set(l)
			}
		}
	}
}

// afterClose is how long a server that closed its connections has to come back.
const afterClose = time.Second

func (l *leg) reconnect(up bool, now time.Time) {
	switch {
	case l.request != nil && up:
		l.request.sendAt = now
	case l.request != nil:
		l.request.sendAt = now.Add(afterClose) // RFC 3261 §18.1.1: over a new connection
	case !up && !l.closing && l.answered:
		l.refreshAt = now.Add(afterClose)
	}
}
