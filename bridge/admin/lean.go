package admin

import (
	"math"
	"runtime"
	"runtime/debug"
	"sync"

	"blfbridge/policy"
)

const (
	// largeBody is from how many bytes on a policy document is large, and largePolicy from
	// how many lines and phones together.
	largeBody   = 8 << 20
	largePolicy = 20_000
	// leanMemory is what the process should get along with while a large policy is
	// replaced, in bytes: 100,000 lines and 50,000 phones by as many fit.
	leanMemory = 800 << 20
)

// lean is one for the process, as the collector is.
var lean leanness

// leanness lets the collector begin earlier while large policies are replaced: by itself it
// lets memory grow to double of what lives, which then is the policy in force, the text of
// the new one, and the new one.
type leanness struct {
	mu     sync.Mutex // guards what follows
	users  int
	before int64 // the limit to go back to
}

// begin is called before a policy is replaced, and what it returns afterwards.
func (l *leanness) begin(large bool) (done func()) {
	if !large {
		return func() {}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users++; l.users == 1 {
		goal := heapGoal()
		if goal > leanMemory {
			runtime.GC() // it may be left from something larger
			goal = heapGoal()
		}
		// A process that is larger by itself must not spend its time collecting.
		l.before = debug.SetMemoryLimit(-1)
		debug.SetMemoryLimit(min(max(leanMemory, goal), l.before))
	}
	return l.end
}

// end also collects what was replaced, so that the next goal is not made of both.
func (l *leanness) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users == 0 {
		debug.SetMemoryLimit(l.before)
		runtime.GC()
	}
}

// heapGoal is how large the heap becomes before it is collected, in bytes.
func heapGoal() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(min(m.NextGC, math.MaxInt64))
}

// isLarge reports that replacing a policy takes memory that matters.
func isLarge(d *policy.Document) bool {
	n := 0
	if d != nil {
		for i := range d.Tenants {
			n += len(d.Tenants[i].Lines) + len(d.Tenants[i].Phones)
		}
	}
	return n >= largePolicy
}
