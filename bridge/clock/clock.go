// Package clock is the one place where the time of day is read that is kept or sent: what
// another process, a later one or a phone brings back. How long something lasts within a
// process is measured by time.Time's monotonic part, and needs none of this.
//
// A wall clock may be set while a process runs, by an hour and more. One that is set back
// would stop every timer, and one set forward end every subscription; so it is read once, at
// the start, and runs on steadily from there. Replicas agree on one time, see package cluster.
package clock

import (
	"sync/atomic"
	"time"
)

// Clock is the time of day of one process. It is safe for concurrent use.
type Clock struct {
	began time.Time    // with its monotonic part
	ahead atomic.Int64 // of it, in milliseconds
}

// New makes a clock that says wall now. wall is what time.Now returned.
func New(wall time.Time) *Clock { return &Clock{began: wall} }

// Millis is the time in Unix milliseconds.
func (c *Clock) Millis() int64 {
	return c.began.UnixMilli() + time.Since(c.began).Milliseconds() + c.ahead.Load()
}

// Now is the time, without a monotonic part.
func (c *Clock) Now() time.Time { return time.UnixMilli(c.Millis()) }

// Set lets it say so many Unix milliseconds now, be that earlier or later.
func (c *Clock) Set(ms int64) { c.ahead.Add(ms - c.Millis()) }

// Reach moves it forward to so many Unix milliseconds, unless it is there already.
func (c *Clock) Reach(ms int64) {
	if late := ms - c.Millis(); late > 0 {
		c.ahead.Add(late)
	}
}

// Stored is when a time of this process will be, as Now says it; Local is the inverse, with a
// monotonic part.
func (c *Clock) Stored(t time.Time) time.Time { return c.Now().Add(time.Until(t)) }

// Local is when a time that Now may say will be by time.Now.
func (c *Clock) Local(t time.Time) time.Time { return time.Now().Add(t.Sub(c.Now())) }
