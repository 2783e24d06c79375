// Package compositor owns the current state of every presentity. Sources tell it what
// devices do; it makes lines of them (package line) and tells its feed which
// presentities moved. A source that is lost keeps its lamps for a grace period, then
// they become unknown.
package compositor

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge/line"
	"blfbridge/policy"
)

// Config is what New needs.
type Config struct {
	Plan *line.Plan
	// Feed is told what moved. It is called with a lock held: it must not block and must
	// not call the compositor. The slice is not used again.
	Feed func(Batch)
	// Keep is given every lamp that changed, for the store; gone says that no device makes
	// it any more. Called as Feed is. May be nil.
	Keep func(k Key, l Lamp, gone bool)
	// NewDomain is told when a device is of a domain (empty: of none) that the plan does
	// not know yet; a new plan may follow by SetPlan. Called as Feed is. May be nil.
	NewDomain func(domain string)
	// MayPickUp decides whether a watcher may pick a line's calls up and what it may see of
	// them; for the lamps of bare pickup codes. Called as Feed is. nil = nobody may.
	MayPickUp  func(policy.Watcher, policy.Line) policy.Decision
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Compositor merges sources into presentities. All methods are safe for concurrent use.
type Compositor struct {
	feed      func(Batch)
	keep      func(Key, Lamp, bool)
	newDomain func(string)
	mayPickUp func(policy.Watcher, policy.Line) policy.Decision
	log       *slog.Logger
	metrics   *metrics
	epoch     uint64
	wake      chan struct{} // a source went down: Run looks at the grace periods

	planning     sync.Mutex   // one change of the plan at a time; taken before mu
	mu           sync.RWMutex // guards what follows
	plan         *line.Plan
	sources      map[string]*source
	ids          map[Key]uint32
	presentities []*presentity // by id
	offset       uint64
	touched      map[uint32]time.Time // to be composed by the next flush
	moved        []uint32             // of the batch being made
	ringing      map[uint32]struct{}  // lines with a call that rings
	rang         bool                 // ringing, or a lamp of it, changed since the last flush
	rangAt       time.Time
	pickers      []uint32 // the presentities of bare pickup codes
	domains      map[string]bool
	newcomers    map[memberKey]struct{} // since a change of the plan began; nil = none is
}

// presentity is one entry of the table.
type presentity struct {
	key     Key
	lamp    Lamp
	members map[memberKey]struct{}
	// restored: the lamp is the last one stored, and no source has spoken for it yet.
	restored bool
	// external is what another server tells of it (Show); nil if none does.
	external *Lamp
	over     bool // devices that make it too do not count
	// picker, if not nil, makes it the presentity of a bare pickup code.
	picker *policy.Watcher
}

type memberKey struct{ source, device string }

// New makes a compositor without sources.
func New(c Config) *Compositor {
	k := &Compositor{
		feed: c.Feed, keep: c.Keep, newDomain: c.NewDomain, log: c.Logger, metrics: newMetrics(c.Registerer),
		mayPickUp: c.MayPickUp,
		epoch:     uint64(time.Now().UnixNano()), wake: make(chan struct{}, 1), plan: c.Plan, ringing: map[uint32]struct{}{},
		sources: map[string]*source{}, ids: map[Key]uint32{}, domains: map[string]bool{},
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	return k
}

// Intern gives a presentity its number, for as long as the process lives.
func (c *Compositor) Intern(k Key) uint32 {
	c.mu.RLock()
	id, ok := c.ids[k]
	c.mu.RUnlock()
	if ok {
		return id
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.intern(k)
}

func (c *Compositor) intern(k Key) uint32 {
	if id, ok := c.ids[k]; ok {
		return id
	}
	id := uint32(len(c.presentities))
	l := &k.Line // the caller's strings may be a small part of much memory
	l.Tenant, l.Partition, l.Number = strings.Clone(l.Tenant), strings.Clone(l.Partition), strings.Clone(l.Number)
	p := &presentity{key: k, members: map[memberKey]struct{}{}}
	c.ids[k] = id
	c.presentities = append(c.presentities, p)
	if w, ok := policy.BareWatcher(k.Line); ok && k.Mode == OfLine {
		p.picker = &w
		c.pickers = append(c.pickers, id)
	}
	if k.Mode == OfDevice {
		c.enrol(p) // lines are enrolled by their devices; this view of them is made on demand
	}
	p.lamp = c.compose(p)
	return id
}

// Lamp is the state of a presentity now. Its Calls must not be changed.
func (c *Compositor) Lamp(id uint32) Lamp {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if int(id) >= len(c.presentities) {
		return Lamp{}
	}
	return c.presentities[id].lamp
}

// Learned reports whether a number of a tenant may be watched without being listed: a
// PBX reported a device of it, or a PBX has not been heard since the start.
func (c *Compositor) Learned(tenant, number string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if id, ok := c.ids[Key{Line: policy.Line{Tenant: tenant, Number: number}}]; ok {
		if p := c.presentities[id]; len(p.members) > 0 || p.restored {
			return true
		}
	}
	for _, s := range c.sources {
		if !s.heard {
			return true
		}
	}
	return false
}

// Visit calls fn for every presentity that has devices or is external, in the order they were first
// seen, on a copy of the table.
func (c *Compositor) Visit(fn func(Key, Lamp)) {
	c.mu.RLock()
	type row struct {
		k Key
		l Lamp
	}
	rows := make([]row, 0, len(c.presentities))
	for _, p := range c.presentities {
		if len(p.members) > 0 || p.restored || p.external != nil {
			rows = append(rows, row{p.key, p.lamp})
		}
	}
	c.mu.RUnlock()
	for _, r := range rows {
		fn(r.k, r.l)
	}
}

// Restore gives a presentity the lamp that the store kept, until a source speaks for it.
// Calls are not kept: who they were with is the PBX's to say again.
func (c *Compositor) Restore(k Key, l Lamp) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.presentities[c.intern(k)]
	if len(p.members) == 0 {
		p.restored = true
		p.lamp.State, p.lamp.DND, p.lamp.Name = l.State, l.DND, l.Name
	}
}

// recompose gives a presentity its lamp of now, and notes it if that is another one.
func (c *Compositor) recompose(id uint32, at time.Time) {
	p := c.presentities[id]
	if len(p.members) == 0 && p.restored && !c.settled() {
		return
	}
	lamp := c.compose(p)
	gone := len(p.members) == 0 && p.external == nil
	if c.keep != nil && p.picker == nil && (!lamp.Same(&p.lamp) || gone && p.restored) {
		c.keep(p.key, lamp, gone)
	}
	p.restored = false
	if lamp.Same(&p.lamp) {
		return
	}
	c.offset++
	lamp.Offset, lamp.At = c.offset, at
	c.noteRinging(id, p, &lamp)
	p.lamp = lamp
	c.moved = append(c.moved, id)
}

// maxSpare is how large a set may have been that is used again.
const maxSpare = 4096

// touch says that a presentity may look different now.
func (c *Compositor) touch(id uint32, at time.Time) {
	if c.touched == nil {
		c.touched = map[uint32]time.Time{}
	}
	c.touched[id] = at
}

// flush composes what was touched, each once, and feeds what moved.
func (c *Compositor) flush() {
	for id, at := range c.touched {
		c.recompose(id, at)
	}
	if c.rang {
		c.recomposePickers()
	}
	if len(c.touched) > maxSpare {
		c.touched = nil // of a change of the whole plan: maps do not shrink
	}
	clear(c.touched)
	if len(c.moved) == 0 {
		return
	}
	b := Batch{Epoch: c.epoch, From: c.offset - uint64(len(c.moved)), Offset: c.offset, Presentities: c.moved}
	c.moved = nil
	c.metrics.moved(len(b.Presentities))
	if c.feed != nil {
		c.feed(b)
	}
}
