package trunk

import (
	"container/heap"
	"time"
)

// item is something that has to be looked at when a time has come.
type item interface {
	// due is when; zero = never.
	due() time.Time
	tick(now time.Time)
	place() *int // in the heap, -1 = not in it
}

// agenda orders items by the time they are due.
type agenda []item

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due().Before(a[j].due()) }
func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	*a[i].place(), *a[j].place() = i, j
}

// Push implements heap.Interface.
func (a *agenda) Push(x any) {
	*x.(item).place() = len(*a)
	*a = append(*a, x.(item))
}

// Pop implements heap.Interface.
func (a *agenda) Pop() any {
	old := *a
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*a = old[:len(old)-1]
	*x.place() = -1
	return x
}

// set puts an item where its time belongs, or takes it out.
func (a *agenda) set(x item) {
	at := *x.place()
	switch never := x.due().IsZero(); {
	case never && at >= 0:
		heap.Remove(a, at)
	case never:
	case at >= 0:
		heap.Fix(a, at)
	default:
		heap.Push(a, x)
	}
}

// drop takes an item out.
func (a *agenda) drop(x item) {
	if at := *x.place(); at >= 0 {
		heap.Remove(a, at)
	}
}

// earliest is the first of the times that are set.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// passed reports whether a time is set and has come.
func passed(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }
