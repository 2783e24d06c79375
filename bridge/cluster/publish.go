package cluster

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
)

const (
	// entriesKept is about how many entries a feed's stream keeps.
	entriesKept = 4096
	// entryEvery is the shortest time between two entries, so that many changes share one.
	// The first after a pause leaves at once.
	entryEvery = 2 * time.Millisecond
	// saveEvery is the longest time that the hash of devices is behind.
	saveEvery = 100 * time.Millisecond
	// snapshotLife is how long a hash of devices lives that its writer did not finish.
	snapshotLife = 10 * time.Minute
	// chunk is how many devices are written by one command.
	chunk = 500
)

// errGap: Redis lacks an entry that was published; a snapshot mends it.
var errGap = errors.New("cluster: Redis lacks an entry of the feed")

// publisher stands between the source and the compositor of the holder: what the source
// says goes on at once, and is published.
type publisher struct {
	f     *Feed
	sink  compositor.Sink
	token uint64
	wake  chan struct{}

	// Of the goroutine of run.
	n        uint64          // of the last entry
	snapshot string          // the hash that changes go to
	saved    at              // up to which it has them
	unsaved  map[string]kept // what it has not; a status without a name is gone
	last     time.Time
	renewed  time.Time // when the lease was last known to be ours

	mu      sync.Mutex // guards what follows
	devices map[string]device.Status
	dirty   map[string]struct{} // changed or gone since the last entry
	heard   bool                // a snapshot came: devices are all of them
	whole   bool                // a snapshot is due
	down    *string
	told    bool      // down is published
	taken   bool      // another client took the source's place at the PBX
	lost    time.Time // since when the PBX is not reached; zero = it is
}

func newPublisher(f *Feed, sink compositor.Sink, s standing) *publisher {
	return &publisher{
		f: f, sink: sink, token: s.token, n: s.n, wake: make(chan struct{}, 1), unsaved: map[string]kept{},
		devices: map[string]device.Status{}, dirty: map[string]struct{}{}, told: true, renewed: time.Now(), lost: time.Now(),
	}
}

// Snapshot implements compositor.Sink.
func (p *publisher) Snapshot(all []device.Status) {
	p.note(func() {
		clear(p.devices)
		clear(p.dirty)
		for _, d := range all {
			p.devices[d.Name] = d
		}
		p.heard, p.whole, p.down, p.told, p.taken, p.lost = true, true, nil, true, false, time.Time{}
	})
	p.sink.Snapshot(all)
}

// Change implements compositor.Sink.
func (p *publisher) Change(d device.Status) {
	p.change(d)
	p.sink.Change(d)
}

// Repair implements compositor.Sink. Who follows knows it as a change.
func (p *publisher) Repair(d device.Status) {
	p.change(d)
	p.sink.Repair(d)
}

func (p *publisher) change(d device.Status) {
	p.note(func() {
		p.devices[d.Name] = d
		p.dirty[d.Name] = struct{}{}
	})
}

// Remove implements compositor.Sink.
func (p *publisher) Remove(name string) {
	p.note(func() {
		delete(p.devices, name)
		p.dirty[name] = struct{}{}
	})
	p.sink.Remove(name)
}

// Down implements compositor.Sink.
func (p *publisher) Down(why error) {
	p.note(func() {
		text := why.Error()
		p.down, p.told = &text, false
		if p.taken = errors.Is(why, compositor.ErrTaken); p.lost.IsZero() {
			p.lost = time.Now()
		}
	})
	p.sink.Down(why)
}

func (p *publisher) note(fn func()) {
	p.mu.Lock()
	fn()
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run publishes, saves and renews the lease until ctx ends; an error says that it is lost.
// While Redis is away it tries on: what is due becomes a snapshot.
func (p *publisher) run(ctx context.Context) error {
	renew := time.NewTicker(p.f.c.lease / 3)
	defer renew.Stop()
	var retry, save <-chan time.Time
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-renew.C:
			if p.unreached() {
				return errUnreached
			}
			err = p.renew(ctx)
		case <-save:
			save = nil
			err = p.save(ctx)
		case <-retry:
			retry = nil
			err = p.flush(ctx)
		case <-p.wake:
			if !pause(ctx, entryEvery-time.Since(p.last)) {
				return nil
			}
			err = p.flush(ctx)
		}
		if errors.Is(err, ErrLost) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			p.again()
			p.f.c.metrics.failed(p.f.Name())
			p.f.log.Debug("the feed could not be published", "error", err)
			if retry == nil {
				retry = time.After(p.f.c.lease / 10)
			}
		}
		if save == nil && len(p.unsaved) > 0 {
			save = time.After(saveEvery)
		}
	}
}

// renew keeps the lease, and looks whether Redis has what was published.
func (p *publisher) renew(ctx context.Context) error {
	published, saved := at{p.token, p.n}.String(), p.saved.String()
	if p.snapshot == "" {
		saved = ""
	}
	begun := time.Now()
	err := p.f.renew(ctx, p.token, published, saved)
	if err == nil || errors.Is(err, errGap) {
		p.renewed = begun
	}
	if p.beaten() {
		return ErrLost
	}
	return err
}

// again makes all devices due, and why the source is lost: it is not known what Redis has.
func (p *publisher) again() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.whole, p.told = p.heard, p.down == nil
}

// beaten reports whether another replica took our place at the PBX while Redis cannot be
// asked whether it may. Taking it back would make both flap.
func (p *publisher) beaten() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken && time.Since(p.renewed) > p.f.c.lease
}

// close publishes what is left and frees the lease. run has ended.
func (p *publisher) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := p.flush(ctx)
	if err == nil {
		err = p.save(ctx)
	}
	if err == nil {
		err = p.put(ctx, entry{Released: true}, "x")
	}
	if err != nil {
		p.f.log.Debug("the feed could not be handed over; others take it when the lease is over", "error", err)
	}
}

// flush publishes what is due: a snapshot, else what changed, and that the source is lost.
func (p *publisher) flush(ctx context.Context) error {
	p.mu.Lock()
	whole := p.whole
	var all map[string]device.Status
	if whole {
		all = maps.Clone(p.devices)
		clear(p.dirty)
	}
	e := entry{}
	for name := range p.dirty {
		if d, ok := p.devices[name]; ok {
			e.Changed = append(e.Changed, d)
		} else {
			e.Removed = append(e.Removed, name)
		}
	}
	if len(p.dirty) > chunk {
		p.dirty = map[string]struct{}{} // maps do not shrink
	}
	clear(p.dirty)
	p.whole = false
	var down *string
	if !p.told {
		down = p.down
	}
	p.told = true
	p.mu.Unlock()

	p.last = time.Now()
	var err error
	if whole {
		err = p.putAll(ctx, all)
	} else if len(e.Changed)+len(e.Removed) > 0 && p.snapshot != "" {
		err = p.putChanges(ctx, e)
	}
	if err == nil && down != nil {
		err = p.put(ctx, entry{Down: down}, "d", *down)
	}
	return err
}

// putChanges adds an entry to the stream, by one command.
func (p *publisher) putChanges(ctx context.Context, e entry) error {
	p.n++
	for _, d := range e.Changed {
		p.unsaved[d.Name] = kept{p.n, d}
	}
	for _, name := range e.Removed {
		p.unsaved[name] = kept{N: p.n}
	}
	id, text := at{p.token, p.n}.String(), encode(e)
	add := &redis.XAddArgs{Stream: p.f.keys.feed, MaxLen: entriesKept, Approx: true, ID: id, Values: []string{"e", text}}
	_, err := within(ctx, p.f.c, func() (string, error) {
		got, err := p.f.c.client.XAdd(ctx, add).Result()
		if isFull(err) {
			return addScript.Run(ctx, p.f.c.client, []string{p.f.keys.feed}, entriesKept, id, text).Text()
		}
		return got, err
	})
	switch {
	case err == nil:
		p.f.reached(p.n, time.Time{})
		p.f.c.metrics.published(p.f.Name())
		return nil
	case !strings.Contains(err.Error(), "smaller"):
		return err
	}
	// Another's, or our own that the client sent twice.
	if err := p.renew(ctx); err != nil {
		return err
	}
	return errGap
}

// putAll writes a hash of all devices and then the entry that names it.
func (p *publisher) putAll(ctx context.Context, all map[string]device.Status) error {
	before := p.snapshot
	p.n++ // of the snapshot; a hash is written once
	here := at{p.token, p.n}
	key := p.f.keys.devices + here.String()
	client := p.f.c.client
	for some := range slices.Chunk(slices.Collect(maps.Keys(all)), chunk) {
		args := append(make([]any, 0, 1+2*len(some)), snapshotLife.Milliseconds())
		for _, name := range some {
			args = append(args, name, encode(kept{p.n, all[name]}))
		}
		if _, err := within(ctx, p.f.c, func() (any, error) {
			return fillScript.Run(ctx, client, []string{key}, args...).Result()
		}); err != nil {
			return err
		}
	}
	keys := []string{p.f.keys.lease, p.f.keys.feed, key}
	if before == "" {
		found, err := within(ctx, p.f.c, func() (string, error) {
			return ignoreNil(client.HGet(ctx, p.f.keys.lease, "snapshot").Result())
		})
		if err != nil {
			return err
		}
		before = found // of the last holder
	}
	if before != "" && before != key {
		keys = append(keys, before)
	}
	if err := p.script(ctx, keys, entry{Snapshot: key}, "s"); err != nil {
		return err
	}
	p.snapshot, p.saved = key, here
	clear(p.unsaved)
	return nil
}

// put publishes an entry with the next number.
func (p *publisher) put(ctx context.Context, e entry, what string, args ...any) error {
	p.n++
	return p.script(ctx, []string{p.f.keys.lease, p.f.keys.feed, p.snapshot}, e, what, args...)
}

// script runs publish.lua for the entry with the number n.
func (p *publisher) script(ctx context.Context, keys []string, e entry, what string, args ...any) error {
	all := append([]any{p.f.c.replica, p.token, at{p.token, p.n}.String(), entriesKept, encode(e), what}, args...)
	if keys[2] == "" {
		keys[2] = p.f.keys.devices // of no snapshot: it must be in the slot, and is not used
	}
	got, err := within(ctx, p.f.c, func() (int64, error) {
		return publishScript.Run(ctx, p.f.c.client, keys, all...).Int64()
	})
	if err = outcome(got, err); err == nil {
		p.f.reached(p.n, time.Time{})
		p.f.c.metrics.published(p.f.Name())
	}
	return err
}
