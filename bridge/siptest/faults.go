package siptest

import "time"

// Faults make a watcher misbehave. The zero value answers every NOTIFY with 200 at once.
type Faults struct {
	// Drop ignores the next n NOTIFYs as if they had been lost: not judged, not
	// answered, not shown. Retransmissions count as well.
	Drop int
	// Silent judges and shows NOTIFYs but answers none.
	Silent bool
	// Status answers with this status instead of 200; RetryAfter adds the header (seconds).
	Status     int
	RetryAfter int
	// Delay answers late.
	Delay time.Duration
	// Next limits Status, Silent and Delay to the next n NOTIFYs; 0 means all.
	Next int
}

// take returns what to do with one NOTIFY and counts it off.
func (f *Faults) take() Faults {
	if f.Drop > 0 {
		f.Drop--
		return Faults{Drop: 1}
	}
	now := *f
	if f.Next > 0 {
		if f.Next--; f.Next == 0 {
			*f = Faults{}
		}
	}
	return now
}
