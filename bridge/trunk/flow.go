package trunk

import (
	"time"

	"blfbridge/bridge/notifier"
)

// FlowUp says that a connection stands: what waits for it is sent.
func (s *Subscriber) FlowUp(f notifier.Flow) { s.flow(f, true) }

// FlowClosed says that a connection is gone. Its server may have been restarted, and have
// forgotten us: each subscription over it is asked after.
func (s *Subscriber) FlowClosed(f notifier.Flow) { s.flow(f, false) }

// afterClose is how long a server that closed its connections has to come back.
const afterClose = time.Second

func (s *Subscriber) flow(f notifier.Flow, up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return
	}
	now := time.Now()
	for _, l := range s.legs {
		if l.way.flow != f {
			continue
		}
		switch {
		case l.request != nil && up:
			l.request.sendAt = now
		case l.request != nil:
			l.request.sendAt = now.Add(afterClose) // RFC 3261 §18.1.1: over a new connection
		case !up && !l.closing && l.answered:
			l.refreshAt = now.Add(afterClose)
		}
		s.plan(l)
	}
}
