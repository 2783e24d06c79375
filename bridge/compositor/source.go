package compositor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"blfbridge/bridge/device"
)

// Source is one connected PBX as the compositor sees it. Implementations are in
// adapters/; the compositor knows nothing of ARI or ESL.
type Source interface {
	// Name is unique among the sources and stable over restarts (it is a metric
	// label and a key in the store).
	Name() string
	// Run feeds sink until ctx ends, reconnecting by itself. It returns nil on a
	// cancelled context and an error only for what no retry can mend. It calls sink
	// from one goroutine at a time.
	Run(ctx context.Context, sink Sink) error
}

// Sink takes what a Source learns. Calls never block for long and never fail; they
// come from one goroutine at a time per source. The slices and their contents
// belong to the sink afterwards.
type Sink interface {
	// Snapshot is the whole truth of the source at one moment: devices that it does
	// not contain are forgotten (their lines become unknown). It also says that the
	// source is up. After it come Changes, without a gap.
	Snapshot(devices []device.Status)
	// Change replaces the status of one device.
	Change(device.Status)
	// Repair is a Change that the reconciler made, because a fresh look at the PBX
	// differed from what the events had said; it is counted as drift.
	Repair(device.Status)
	// Remove forgets one device.
	Remove(name string)
	// Down says that the source is lost; why is for logs and REST. The devices keep
	// their state for the grace period and become unknown then.
	Down(why error)
}

// ErrTaken: why a source is Down if another client took its place at the PBX, which serves
// only one. Sources wrap it.
var ErrTaken = errors.New("taken by another client")

// ErrDuplicate: two sources have one name.
var ErrDuplicate = errors.New("compositor: two sources have the same name")

// SourceOptions say how a source is taken.
type SourceOptions struct {
	// Tenant owns the devices that report no domain; empty = the default tenant.
	Tenant string
	// Grace is how long lamps outlive a lost connection. 0 = unknown at once.
	Grace time.Duration
}

// source is the sink of one PBX and what it has said.
type source struct {
	c    *Compositor
	name string
	opts SourceOptions

	// The rest is guarded by the compositor's lock.
	devices map[string]device.Status
	heard   bool // a snapshot came since the start
	up      bool
	why     error
	since   time.Time // of up or down
	lapsed  bool      // down for longer than the grace period
}

// Attach makes a sink for a source. The source counts as down until its first Snapshot,
// from now on.
func (c *Compositor) Attach(name string, opts SourceOptions) (Sink, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sources[name] != nil {
		return nil, fmt.Errorf("%w: %q", ErrDuplicate, name)
	}
	s := &source{c: c, name: name, opts: opts, devices: map[string]device.Status{}, since: time.Now()}
	c.sources[name] = s
	c.metrics.up(name, false)
	c.look()
	return s, nil
}

// SourceStatus describes a source, for people.
type SourceStatus struct {
	Name    string
	Tenant  string
	Up      bool
	Heard   bool
	Since   time.Time
	Why     error // of being down
	Devices int
}

// Sources describes all sources, by name.
func (c *Compositor) Sources() []SourceStatus {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]SourceStatus, 0, len(c.sources))
	for _, name := range slices.Sorted(maps.Keys(c.sources)) {
		s := c.sources[name]
		out = append(out, SourceStatus{name, s.opts.Tenant, s.up, s.heard, s.since, s.why, len(s.devices)})
	}
	return out
}

// Snapshot implements Sink.
func (s *source) Snapshot(devices []device.Status) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if !s.up {
		s.since = now
		c.log.Info("PBX is up", "source", s.name, "devices", len(devices))
	}
	lapsed := s.lapsed
	s.up, s.heard, s.lapsed, s.why = true, true, false, nil
	c.metrics.up(s.name, true)
	c.metrics.resync(s.name)
	seen := make(map[string]bool, len(devices))
	for _, d := range devices {
		seen[d.Name] = true
		if d.At.IsZero() {
			d.At = now
		}
		c.put(s, d, lapsed)
	}
	for name := range s.devices {
		if !seen[name] {
			c.drop(s, name, now)
		}
	}
	c.settle(now)
	c.rang, c.rangAt = true, now
	c.metrics.devices(s.name, len(s.devices))
	c.flush()
}

// Change implements Sink.
func (s *source) Change(d device.Status) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if d.At.IsZero() {
		d.At = time.Now()
	}
	s.c.metrics.change(s.name)
	s.c.put(s, d, false)
	s.c.metrics.devices(s.name, len(s.devices))
	s.c.flush()
}

// Repair implements Sink.
func (s *source) Repair(d device.Status) {
	s.c.metrics.repair(s.name)
	s.c.log.Warn("a lamp had drifted from the PBX; repaired", "source", s.name, "presentity", d.Name, "state", d.State.String())
	s.Change(d)
}

// Remove implements Sink.
func (s *source) Remove(name string) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.drop(s, name, time.Now())
	s.c.metrics.devices(s.name, len(s.devices))
	s.c.flush()
}

// Down implements Sink.
func (s *source) Down(why error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.up {
		s.since = time.Now()
		c.log.Warn("PBX is lost; its lamps become unknown after the grace period", "source", s.name, "grace", s.opts.Grace, "error", why)
	}
	s.up, s.why = false, why
	c.metrics.up(s.name, false)
	c.look()
}

// put takes a device's new status in; again forces its lines to be composed.
func (c *Compositor) put(s *source, d device.Status, again bool) {
	old, had := s.devices[d.Name]
	if had && old.Equal(d) && !again {
		return
	}
	if had && (old.Kind != d.Kind || old.Number != d.Number || old.Domain != d.Domain) {
		c.drop(s, d.Name, d.At) // it belongs elsewhere now
	}
	if c.newcomers != nil && (!had || old.Kind != d.Kind || old.Number != d.Number || old.Domain != d.Domain) {
		c.newcomers[memberKey{s.name, d.Name}] = struct{}{}
	}
	s.devices[d.Name] = d
	for _, id := range c.join(s, d) {
		c.touch(id, d.At)
	}
}

// drop forgets a device.
func (c *Compositor) drop(s *source, name string, at time.Time) {
	d, ok := s.devices[name]
	if !ok {
		return
	}
	ids := c.join(s, d)
	delete(s.devices, name)
	for _, id := range ids {
		delete(c.presentities[id].members, memberKey{s.name, name})
		c.touch(id, at)
	}
}

// Run watches the grace periods until ctx ends.
func (c *Compositor) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		case <-timer.C:
		}
		if next := c.lapse(time.Now()); next > 0 {
			timer.Reset(next)
		}
	}
}

// look makes Run look at the grace periods.
func (c *Compositor) look() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// lapse makes the devices of sources unknown whose grace period is over, and says when
// the next one is; 0 = none.
func (c *Compositor) lapse(now time.Time) (next time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sources {
		if s.up || s.lapsed {
			continue
		}
		if left := s.since.Add(s.opts.Grace).Sub(now); left > 0 {
			if next == 0 || left < next {
				next = left
			}
			continue
		}
		s.lapsed = true
		c.rang, c.rangAt = true, now
		c.log.Warn("PBX stays away; its lamps are unknown now", "source", s.name, "devices", len(s.devices), "error", s.why)
		for _, d := range s.devices {
			for _, id := range c.join(s, d) {
				c.touch(id, now)
			}
		}
	}
	c.settle(now)
	c.flush()
	return next
}

// settle ends the reign of stored lamps for which no source spoke.
func (c *Compositor) settle(now time.Time) {
	if !c.settled() {
		return
	}
	for id, p := range c.presentities {
		if p.restored {
			c.touch(uint32(id), now)
		}
	}
}

// Settled reports whether every source was heard since the start, or has been away for its
// grace period: what no source has until then is no PBX's.
func (c *Compositor) Settled() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.settled()
}

// settled: every source was heard, or has been away for its grace period.
func (c *Compositor) settled() bool {
	for _, s := range c.sources {
		if !s.heard && !s.lapsed {
			return false
		}
	}
	return true
}

// Detach takes a source and its devices out, for good.
func (c *Compositor) Detach(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sources[name]
	if s == nil {
		return
	}
	now := time.Now()
	for device := range s.devices {
		c.drop(s, device, now)
	}
	delete(c.sources, name)
	c.rang, c.rangAt = true, now
	c.metrics.forget(name)
	c.settle(now) // it may have been the last one that stored lamps waited for
	c.flush()
}

// Heard reports whether every source was heard since the start.
func (c *Compositor) Heard() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, s := range c.sources {
		if !s.heard {
			return false
		}
	}
	return true
}
