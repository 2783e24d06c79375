package notifier

import "math/bits"

// wheel is a hierarchical timing wheel: five levels of 256 slots, the lowest of
// wheelTick milliseconds. Timers are plain values and are never cancelled: whoever set
// one checks, when it fires, whether it still means anything. It belongs to one loop.
//
// A timer sits at the level of the highest byte in which its tick differs from now, so
// all timers of a level come before those of the next one and no slot ever wraps.
type wheel struct {
	now    int64 // in ticks
	levels [wheelLevels]wheelLevel
	spare  [][]timer // what slots held: garbage for each would cost more than its timers
}

// maxSpareSlots slices are kept, of maxSpareTimers each at most.
const maxSpareSlots, maxSpareTimers = 64, 4096

const (
	wheelTick   = 10 // milliseconds
	wheelBits   = 8
	wheelSlots  = 1 << wheelBits
	wheelLevels = 5 // 40 bits of ticks: 348 years
)

type wheelLevel struct {
	used  [wheelSlots / 64]uint64 // bitmap of slots that hold timers
	slots [wheelSlots][]timer
}

// timer fires at a tick and hands back what it was set with.
type timer struct {
	at  int64
	ref uint64
}

func newWheel(nowMilli int64) *wheel { return &wheel{now: nowMilli / wheelTick} }

// set arms a timer; a time in the past fires at the next advance.
func (w *wheel) set(atMilli int64, ref uint64) {
	at := (atMilli + wheelTick - 1) / wheelTick
	w.place(timer{max(at, w.now), ref})
}

func (w *wheel) place(t timer) {
	level := min((bits.Len64(uint64(t.at^w.now))+wheelBits-1)/wheelBits-1, wheelLevels-1)
	level = max(level, 0)
	l := &w.levels[level]
	slot := w.slot(t.at, level)
	if n := len(w.spare); n > 0 && l.slots[slot] == nil {
		l.slots[slot], w.spare = w.spare[n-1], w.spare[:n-1]
	}
	l.slots[slot] = append(l.slots[slot], t)
	l.used[slot/64] |= 1 << (slot % 64)
}

func (*wheel) slot(tick int64, level int) int {
	return int(tick>>(wheelBits*level)) & (wheelSlots - 1)
}

// advance fires every timer due at or before nowMilli, tick by tick. fire may call set.
func (w *wheel) advance(nowMilli int64, fire func(ref uint64)) {
	target := nowMilli / wheelTick
	for {
		for due := w.take(0); len(due) > 0; due = w.take(0) {
			for _, t := range due {
				fire(t.ref)
			}
			w.done(due)
		}
		if w.now >= target {
			return
		}
		next, ok := w.nextTick()
		if !ok {
			next = target
		}
		w.now = min(next, target)
		for level := wheelLevels - 1; level > 0; level-- {
			due := w.take(level)
			for _, t := range due {
				w.place(timer{max(t.at, w.now), t.ref})
			}
			w.done(due)
		}
	}
}

// take empties the slot of now at a level.
func (w *wheel) take(level int) []timer {
	l := &w.levels[level]
	slot := w.slot(w.now, level)
	if l.used[slot/64]&(1<<(slot%64)) == 0 {
		return nil
	}
	due := l.slots[slot]
	l.slots[slot] = nil
	l.used[slot/64] &^= 1 << (slot % 64)
	return due
}

// done gives back what take returned.
func (w *wheel) done(due []timer) {
	if cap(due) > 0 && cap(due) <= maxSpareTimers && len(w.spare) < maxSpareSlots {
		w.spare = append(w.spare, due[:0])
	}
}

// next is when advance has work again, in milliseconds; ok is false with no timer set.
// It may be early (a slot of a higher level begins), never late.
func (w *wheel) next() (atMilli int64, ok bool) {
	tick, ok := w.nextTick()
	return tick * wheelTick, ok
}

func (w *wheel) nextTick() (int64, bool) {
	for level := range w.levels {
		if slot, ok := w.levels[level].next(w.slot(w.now, level)); ok {
			shift := wheelBits * level
			return max(w.now>>(shift+wheelBits)<<(shift+wheelBits)|int64(slot)<<shift, w.now), true
		}
	}
	return 0, false
}

// next is the first used slot at or after from.
func (l *wheelLevel) next(from int) (int, bool) {
	for i := from; i < wheelSlots; i = (i/64 + 1) * 64 {
		if word := l.used[i/64] >> (i % 64); word != 0 {
			return i + bits.TrailingZeros64(word), true
		}
	}
	return 0, false
}
