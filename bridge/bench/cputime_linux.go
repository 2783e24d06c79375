package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuClock is the CPU time of a running process to the nanosecond, where /proc counts in
// ticks: too coarse for a thousand operations. ok is false if it has ended.
func cpuClock(pid int) (cpu time.Duration, ok bool) {
	const sched = 2 // CPUCLOCK_SCHED: user and system, as clock_getcpuclockid(3) makes it
	var ts unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|sched), &ts) != nil { //nolint:gosec // as the kernel has it
		return 0, false
	}
	return time.Duration(ts.Nano()), true
}
