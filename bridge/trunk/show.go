package trunk

import (
	"cmp"
	"slices"
	"time"

	"blfbridge/policy"
)

// Row describes an external presentity, for people.
type Row struct {
	// ID is that of the outbound subscription (its Call-ID), empty while there is none.
	ID    string
	Line  policy.Line
	Route string
	// Trunk and Destination are in use or being tried; empty if none is.
	Trunk, Destination string
	// Event is "dialog" or "presence".
	Event string
	// State is "seeking", "active", "waiting" (to be tried again) or "refused".
	State string
	// Watchers counts the subscriptions that it feeds.
	Watchers int
	// Expires is when the subscription ends unless it is refreshed; zero without one.
	Expires time.Time
	// Retry is when it is tried again, and Retries how often it was; Why what failed last.
	Retry   time.Time
	Retries int
	Why     string
}

// Rows lists the external presentities, by tenant, number and partition.
func (s *Subscriber) Rows() []Row {
	s.mu.Lock()
	out := make([]Row, 0, len(s.externals))
	for _, x := range s.externals {
		r := Row{Line: x.key.Line, Route: x.route, Trunk: x.trunk, State: phaseNames[x.phase], Retry: x.at, Retries: x.retries, Why: x.why}
		if l := x.leg; l != nil {
			r.ID, r.Destination, r.Event, r.Expires = l.callID, l.from.to.String(), l.pkg.String(), l.end
		}
		for _, n := range x.watchers {
			r.Watchers += n
		}
		out = append(out, r)
	}
	s.mu.Unlock()
	slices.SortFunc(out, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Line.Tenant, b.Line.Tenant), cmp.Compare(a.Line.Number, b.Line.Number), cmp.Compare(a.Line.Partition, b.Line.Partition))
	})
	return out
}
