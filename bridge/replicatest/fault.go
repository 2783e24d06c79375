package replicatest

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Fault is one kind of fault.
type Fault struct {
	Name string
	// Settle is the bound: after the fault is over, every lamp is right within it, and while
	// it lasts no lamp is wrong for longer than it lasted and Settle.
	Settle time.Duration
	// Impairs: the replica that it befalls may not know for a while that it was replaced, and
	// send NOTIFYs with a CSeq that phones refuse. Once: at most one to each phone.
	Impairs, Once bool
	// Outage: Redis took nothing from anybody. For a while after it nobody is taken for dead,
	// and who then is has replaced that much later .
	Outage bool
	// Answers: what phones ask is answered meanwhile. Follows: lamps are right within Settle also
	// while it lasts.
	Answers, Follows bool
	// Play breaks something for about the time d, and mends it.
	Play func(f *Fleet, r *Replica, d time.Duration)
	// Long is the least d, in leases.
	Long float64
	// After is done when every lamp is right again.
	After func(f *Fleet, r *Replica)
}

// clockSet names the fault that needs Config.Clocks: the wall clock of a replica or of Redis is
// set an hour forward or back, or right, and left so.
const clockSet = "clock-set"

// begin starts a replica again.
func begin(_ *Fleet, r *Replica) { r.Start(); r.Ready() }

// gone is how long it takes until who is gone is replaced: that is noticed after a lease, its
// shards are loaded; a NOTIFY that was lost meanwhile is sent again after 4 s at most (Timer E).
func gone(lease time.Duration) time.Duration { return lease*3/2 + 4*time.Second }

// Faults are all kinds, for a lease of so long.
func Faults(lease time.Duration) []Fault {
	seconds := func(leases float64) time.Duration { return time.Duration(leases * float64(lease)) }
	gone := gone(lease)
	return []Fault{
		{Name: "killed", Settle: gone, Play: func(_ *Fleet, r *Replica, _ time.Duration) { r.Kill() }, After: begin},
		{Name: "rolled", Settle: 2 * time.Second, Play: func(_ *Fleet, r *Replica, _ time.Duration) { r.Stop() }, After: begin},
		{Name: "paused", Outage: true, Settle: gone, Impairs: true, Once: true, Long: 2, Play: func(_ *Fleet, r *Replica, d time.Duration) {
			r.Pause()
			time.Sleep(d)
			r.Resume()
		}},
		{Name: "redis-restarted", Outage: true, Settle: seconds(1) + 4*time.Second, Play: func(f *Fleet, _ *Replica, d time.Duration) {
			f.Server.Kill()
			time.Sleep(d)
			f.Server.Restart()
		}},
		{Name: "redis-slow", Outage: true, Settle: 4 * time.Second, Play: func(f *Fleet, _ *Replica, d time.Duration) {
			for _, r := range f.Replicas {
				r.Redis.Delay(100 * time.Millisecond) // each way
			}
			f.refreshElsewhere() // what takes the most commands
			time.Sleep(d)
			for _, r := range f.Replicas {
				r.Redis.Delay(0)
			}
		}},
		{Name: "redis-full", Outage: true, Follows: true, Settle: calm, Play: func(f *Fleet, _ *Replica, d time.Duration) {
			f.Server.Do("CONFIG", "SET", "maxmemory", "1")
			time.Sleep(d)
			f.Server.Do("CONFIG", "SET", "maxmemory", "0")
		}},
		{Name: "cut-from-redis", Outage: true, Settle: gone, Impairs: true, Long: 2, Play: func(_ *Fleet, r *Replica, d time.Duration) {
			r.Redis.Cut(true)
			time.Sleep(d)
			r.Redis.Cut(false)
		}},
		{Name: "cut-from-phones", Settle: 5 * time.Second, Impairs: true, Play: func(f *Fleet, r *Replica, d time.Duration) {
			f.Wires.Cut(r.SIP, true)
			time.Sleep(d)
			f.Wires.Cut(r.SIP, false)
		}},
		{Name: "cut-from-pbx", Answers: true, Settle: gone, Play: func(f *Fleet, _ *Replica, d time.Duration) {
			h := f.Holder()
			h.PBX.Cut(true)
			time.Sleep(d)
			h.PBX.Cut(false)
		}},
		{Name: "pbx-restarted", Answers: true, Settle: 4 * time.Second, Play: func(f *Fleet, _ *Replica, _ time.Duration) { f.PBX.Restart() }},
		{Name: "pbx-moved", Answers: true, Settle: 6 * time.Second, Play: func(f *Fleet, _ *Replica, _ time.Duration) { f.MovePBX() }},
		{Name: "refreshed-elsewhere", Answers: true, Settle: 4 * time.Second, Play: func(f *Fleet, _ *Replica, _ time.Duration) { f.refreshElsewhere() }},
		{Name: clockSet, Answers: true, Follows: true, Settle: calm, Play: func(f *Fleet, r *Replica, d time.Duration) {
			clock := r.Clock
			if rand.IntN(2) == 0 {
				clock = f.Clock
			}
			clock.Set(time.Duration(rand.IntN(3)-1) * time.Hour)
			time.Sleep(d)
		}},
		{Name: "entries-lost", Settle: seconds(1) + 2*time.Second, Play: func(f *Fleet, _ *Replica, _ time.Duration) { f.loseEntries() }},
	}
}

// refreshElsewhere lets a third of the phones refresh at another replica, all at once.
func (f *Fleet) refreshElsewhere() {
	var wg sync.WaitGroup
	for _, w := range f.Watchers() {
		if rand.IntN(3) == 0 {
			w.GoTo(f.another(w.Home()))
			wg.Go(func() {
				if err := w.Refresh(context.Background()); err != nil {
					w.fault("%v", err)
				}
			})
		}
	}
	wg.Wait()
}

// loseEntries takes entries out of the feed that a follower has not read: it is paused for
// less than a lease, so that it is not replaced.
func (f *Fleet) loseEntries() {
	r := f.Others(f.Holder())[0]
	r.Pause()
	time.Sleep(f.Config.Lease / 3)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := f.Redis.XTrimMaxLen(ctx, FeedKey, 0).Err(); err != nil {
		f.T.Errorf("the feed's entries could not be deleted: %v", err)
	}
	r.Resume()
}
