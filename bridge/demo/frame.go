package demo

import (
	"fmt"
	"strings"
	"time"

	"blfbridge/bridge/device"
)

// view is the board at one moment.
type view struct {
	title, story     string
	step, steps      int
	running          time.Duration
	rows             []row
	refusal          []string
	ticker           []entry
	notifies, lamps  int
	median, worst    time.Duration
	phase            int // counts frames, for what blinks
	violations       int
	width, tickerMax int
}

// row is one line of the office.
type row struct {
	person
	lamp  lamp
	known bool
	party string
	cells []cell
}

// columns of the left part, without the party.
const (
	leftWidth  = 4 + 1 + 9 + 1 + 2 + 8
	minCell    = 7
	maxCell    = 15
	minParty   = 12
	maxParty   = 18
	frameLines = 16 // without the ticker
	// minWidth and minHeight are the smallest terminal that a board fits.
	minWidth  = leftWidth + minParty + minCell*6 + 1
	minHeight = frameLines + 4
	// blinkFrames is how many frames a light is on, and then off.
	blinkFrames = 3
	recent      = 600 * time.Millisecond
)

// light is a lamp's symbol and colour, and whether it blinks.
func light(l lamp) (symbol, colour string, blinks bool) {
	switch {
	case l.held:
		return "●", orange, true
	case l.state == device.Idle:
		return "●", green, false
	case l.state == device.Ringing:
		return "●", yellow, true
	case l.state == device.Busy:
		return "●", red, false
	case l.state == device.DND:
		return "●", magenta, false
	}
	return "○", grey, false
}

func (v *view) light(l lamp, p palette) string {
	symbol, colour, blinks := light(l)
	if blinks && v.phase/blinkFrames%2 == 1 {
		symbol = "○"
	}
	return p.colour(colour, symbol)
}

// layout is how the width is shared.
type layout struct {
	party, left int
	cells       []int
	narrow      bool // no room for units
}

func (v *view) layout() layout {
	cell := min(maxCell, max(minCell, (v.width-leftWidth-minParty)/len(watchers)))
	l := layout{narrow: cell <= minCell}
	sum := 0
	for i := range watchers {
		l.cells = append(l.cells, max(cell, len(watchers[i].title)+1))
		sum += l.cells[i]
	}
	l.party = min(maxParty, v.width-leftWidth-sum)
	l.left = leftWidth + l.party
	return l
}

// frame draws the board: as many lines as it is high, none wider than the terminal.
func (v *view) frame(p palette) []string {
	l := v.layout()
	rule := p.colour(grey, strings.Repeat("─", v.width))
	lines := []string{
		p.bold(fit("BLFBRIDGE", 11)) + p.colour(grey, fit(v.title, v.width-11-7)) + p.colour(grey, fmt.Sprintf("%6.1fs", v.running.Seconds())),
		rule,
	}
	lines = append(lines, v.head(p, &l)...)
	for i := range v.rows {
		lines = append(lines, v.row(&v.rows[i], p, &l))
	}
	lines = append(lines, rule, v.storyLine(p), "")
	lines = append(lines, v.tickerLines(p)...)
	return append(lines, rule, v.sums(p))
}

// head names the watchers.
func (v *view) head(p palette, l *layout) []string {
	what := "time from event to lamp"
	if l.narrow {
		what += ", in ms"
	}
	lines := []string{fit("", l.left), p.colour(grey, fit("line, as its watchers see it", l.left)), p.colour(grey, fit(what, l.left))}
	for i, width := range l.cells {
		w := &watchers[i]
		how, note := w.how(width), w.note
		if len(note) >= width {
			note = w.short
		}
		if note == "" && !strings.Contains(how, " ") {
			note = w.transport()
		}
		if w.refused && v.refusal[i] == "" && v.rows[0].cells[i].on {
			note = "let in"
		}
		lines[0] += p.bold(fit(w.title, width))
		lines[1] += p.colour(grey, fit(how, width))
		lines[2] += p.colour(orange, fit(note, width))
	}
	return lines
}

func (v *view) row(r *row, p palette, l *layout) string {
	word, lampText := "", "  "
	if r.known {
		word, lampText = r.lamp.String(), v.light(r.lamp, p)+" "
	}
	_, colour, _ := light(r.lamp)
	s := p.colour(grey, r.number) + " " + p.bold(fit(r.name, 9)) + " " + lampText + p.colour(colour, fit(word, 8)) + fit(r.party, l.party-1) + " "
	for i := range r.cells {
		s += v.cell(&r.cells[i], v.refusal[i], p, l.cells[i], l.narrow)
	}
	return s
}

func (v *view) cell(c *cell, refusal string, p palette, width int, narrow bool) string {
	switch {
	case !c.on && refusal != "":
		if len(refusal)+2 >= width {
			refusal = "end"
		}
		return p.colour(red, "✗") + p.colour(grey, fit(" "+refusal, width-1))
	case !c.on:
		return p.colour(grey, fit("·", width))
	case c.latency == 0:
		return v.light(c.lamp, p) + fit("", width-1)
	}
	shade := grey
	if v.running-c.since < recent {
		shade = cyan
	}
	took := millis(c.latency)
	if narrow {
		took = strings.TrimSuffix(took, "ms")
	}
	return v.light(c.lamp, p) + p.colour(shade, fit(" "+took, width-1))
}

func (v *view) storyLine(p palette) string {
	done := fmt.Sprintf("%d/%d", min(v.step, v.steps), v.steps)
	if v.step == 0 {
		done = ""
	}
	return p.colour(cyan, "▶ ") + p.bold(fit(v.story, v.width-2-len(done)-1)) + " " + p.colour(grey, done)
}

func (v *view) tickerLines(p palette) []string {
	var lines []string
	for _, e := range v.ticker[max(0, len(v.ticker)-v.tickerMax):] {
		colour := map[string]string{sourcePBX: orange, sourceSIP: cyan, sourceCall: magenta, sourceLamp: green}[e.source]
		text := fit(e.text, v.width-14)
		if e.source == sourceStory {
			text = p.bold(text)
		}
		lines = append(lines, p.colour(grey, fmt.Sprintf("%7.3f ", e.at.Seconds()))+p.colour(colour, fmt.Sprintf("%-4s ", e.source))+text)
	}
	for len(lines) < v.tickerMax {
		lines = append(lines, "")
	}
	return lines
}

func (v *view) sums(p palette) string {
	s := fmt.Sprintf("%s · %s", plural(v.notifies, "NOTIFY"), plural(v.lamps, "lamp change"))
	if v.worst > 0 {
		s += fmt.Sprintf(" · event → lamp %s, worst %s", millis(v.median), millis(v.worst))
	}
	breaches := fmt.Sprintf(" · %s", plural(v.violations, "breach"))
	if v.violations != 1 {
		breaches = fmt.Sprintf(" · %d breaches", v.violations)
	}
	colour := grey
	if v.violations > 0 {
		colour = red
	}
	s = fit(s, min(len([]rune(s)), v.width-len(breaches)))
	return p.colour(grey, s) + p.colour(colour, breaches)
}
