package demo

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// Who a line of the ticker is from.
const (
	sourcePBX   = "PBX"
	sourceSIP   = "SIP"
	sourceCall  = "call"
	sourceLamp  = "lamp"
	sourceStory = ""
)

// together is how long the NOTIFYs of one change are collected, to be told in one line.
const together = 60 * time.Millisecond

// board is what there is to show. The PBX's side and the phones write to it; the
// display reads views of it. It never blocks for long.
type board struct {
	// title names PBX, bridge and store; violations are those of the watchers. Both are set
	// before the display begins.
	title      string
	violations func() []siptest.Violation

	mu       sync.Mutex // guards what follows
	start    time.Time
	logs     map[string]*lineLog
	cells    [][]cell // by line and watcher
	refusal  []string // by watcher: why it watches nothing, as "403"
	refusals []string // all there were, in words
	groups   []*group
	ticker   []entry
	story    string
	step     int
	took     []time.Duration // from event to lamp
	notifies int
	changed  int // lamp changes told by NOTIFYs
}

// cell is one lamp.
type cell struct {
	follow
	on      bool // subscribed
	lamp    lamp
	party   string // "→ Bob Two", if the NOTIFY told
	latency time.Duration
	at      time.Time
	since   time.Duration // at, since the start; set in views
}

// entry is one line of the ticker.
type entry struct {
	at     time.Duration // since the start
	source string
	text   string
}

// group are the NOTIFYs of one change of a line.
type group struct {
	first  time.Time
	line   int
	change int
	party  string
	cells  []groupCell
}

type groupCell struct {
	watcher int
	lamp    lamp
	took    time.Duration
}

func newBoard() *board {
	b := &board{start: time.Now(), logs: map[string]*lineLog{}, refusal: make([]string, len(watchers))}
	for _, p := range office {
		b.logs[p.number] = &lineLog{}
		b.cells = append(b.cells, make([]cell, len(watchers)))
	}
	return b
}

// tell adds a line to the ticker.
func (b *board) tell(source, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(time.Now(), source, text)
}

// add is tell with the lock held.
func (b *board) add(at time.Time, source, text string) {
	b.ticker = append(b.ticker, entry{at.Sub(b.start), source, text})
}

// now begins a step of the story.
func (b *board) now(story string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.story = story
	b.step++
	b.add(time.Now(), sourceStory, story)
}

// reported takes what the adapter says of a device.
func (b *board) reported(s device.Status, isChange bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.logs[s.Number]
	if l == nil {
		return
	}
	l.report(s, isChange)
	if isChange {
		b.add(s.At, sourcePBX, describe(s))
	}
}

// describe words a device's status.
func describe(s device.Status) string {
	if s.Kind == device.DNDFlag {
		return fmt.Sprintf("%s do not disturb %s", s.Name, map[bool]string{true: "on", false: "off"}[s.DND])
	}
	parts := []string{fmt.Sprintf("%s %s", s.Name, s.State)}
	for _, c := range s.Calls {
		arrow := "→"
		if c.Direction == device.Recipient {
			arrow = "←"
		}
		parts = append(parts, fmt.Sprintf("%s %s %s", c.Phase, arrow, cmp.Or(c.Remote.Name, c.Remote.Number, "…")))
	}
	return strings.Join(parts, " · ")
}

// begin starts the clock; what was told before is forgotten.
func (b *board) begin(title string, violations func() []siptest.Violation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.title, b.violations = title, violations
	b.start, b.ticker = time.Now(), nil
}

// running is how long it has been.
func (b *board) running() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Since(b.start)
}

// seen takes a NOTIFY that a watcher took.
func (b *board) seen(line, watcher int, s siptest.Seen) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w, c, log := &watchers[watcher], &b.cells[line][watcher], b.logs[office[line].number]
	b.notifies++
	if s.Substate == "terminated" {
		c.on = false
		if b.refusal[watcher] == "" {
			b.refusal[watcher] = s.Reason
			b.add(s.At, sourceSIP, fmt.Sprintf("NOTIFY ×%d to %s: terminated;reason=%s", len(office), w.title, s.Reason))
		}
		return
	}
	was := c.lamp
	c.on, c.lamp, c.party, c.at = true, lamp{s.Lamp.State, s.Lamp.Held}, party(s), s.At
	b.refusal[watcher] = ""
	n, ok := c.cause(w, log, w.faceOf(s))
	if !ok {
		return
	}
	c.latency = s.At.Sub(log.changes[n].at)
	b.took = append(b.took, c.latency)
	if was == c.lamp { // another party, or a phase that only some tell
		for _, g := range b.groups {
			if g.line == line && c.party != "" {
				g.party = c.party
			}
		}
		return
	}
	b.changed++
	g := b.group(line, n, s.At)
	g.cells = append(g.cells, groupCell{watcher, c.lamp, c.latency})
	g.party = cmp.Or(c.party, g.party)
}

// refused takes the answer to a SUBSCRIBE that was not accepted.
func (b *board) refused(watcher int, r *siptest.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := &watchers[watcher]
	b.refusal[watcher] = fmt.Sprint(r.Code)
	text := fmt.Sprintf("SUBSCRIBE from %s: %d %s", w.title, r.Code, r.Reason)
	b.refusals = append(b.refusals, text)
	b.add(time.Now(), sourceSIP, text)
}

// party is the other party as the NOTIFY tells it.
func party(s siptest.Seen) string {
	who := cmp.Or(s.Lamp.RemoteName, siptest.URIUser(s.Lamp.Remote))
	if who == "" || s.Lamp.Calls == 0 {
		return ""
	}
	if bytes.Contains(s.Body, []byte(recipient)) {
		return "← " + who
	}
	return "→ " + who
}

// group finds or opens the group of a change. The lock is held.
func (b *board) group(line, change int, at time.Time) *group {
	for _, g := range b.groups {
		if g.line == line && g.change == change {
			return g
		}
	}
	g := &group{first: at, line: line, change: change}
	b.groups = append(b.groups, g)
	return g
}

// merged is what all watchers together know of a line: presence knows DND, dialog knows
// hold, and a masked watcher counts only where nobody else looks.
func merged(n int, at func(i int) (watcher int, l lamp)) (out lamp) {
	rank := 0
	for i := range n {
		watcher, l := at(i)
		r := 2
		if w := &watchers[watcher]; w.masked {
			r = 1
		} else if w.event == "presence" {
			r = 3
		}
		if r > rank {
			rank, out.state = r, l.state
		}
		out.held = out.held || l.held
	}
	return out
}

// flush moves complete groups to the ticker; all of them if the demo is over.
func (b *board) flush(all bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.groups = slices.DeleteFunc(b.groups, func(g *group) bool {
		done := all || now.Sub(g.first) > together
		if done {
			b.add(g.first, sourceLamp, g.String())
		}
		return done
	})
}

// String is "1002 Bob Two   ringing ← Ann One    4 lamps 0.7–1.9 ms".
func (g *group) String() string {
	p := office[g.line]
	least, most := g.cells[0].took, g.cells[0].took
	for _, c := range g.cells {
		least, most = min(least, c.took), max(most, c.took)
	}
	span := millis(most)
	if from := millis(least); from != span {
		span = strings.TrimSuffix(from, "ms") + "–" + span
	}
	l := merged(len(g.cells), func(i int) (int, lamp) { return g.cells[i].watcher, g.cells[i].lamp })
	return fmt.Sprintf("%s %-9s  %-7s  %-11s  %s", p.number, p.name, l, g.party,
		plural(len(g.cells), "lamp")+" after "+span)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// millis is a short time to read: "0.8ms", "12ms", "1.4s".
func millis(d time.Duration) string {
	switch ms := d.Seconds() * 1000; {
	case ms < 9.95:
		return fmt.Sprintf("%.1fms", ms)
	case ms < 999.5:
		return fmt.Sprintf("%.0fms", ms)
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}
