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
	minParty   = 11
	maxParty   = 18
	frameLines = 16 // without the ticker
	// minWidth and minHeight are the smallest terminal that a board fits.
	minWidth  = leftWidth + minParty + minCell*6
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

// frame draws the board: as many lines as it is high, none wider than the terminal.
func (v *view) frame(p palette) []string {
	cellWidth := min(maxCell, (v.width-leftWidth-minParty)/len(watchers))
	partyWidth := min(maxParty, v.width-leftWidth-cellWidth*len(watchers))
	left := leftWidth + partyWidth
	rule := p.colour(grey, strings.Repeat("─", min(v.width, left+cellWidth*len(watchers))))
	lines := []string{
		p.bold(fit("BLFBRIDGE", 11)) + p.colour(grey, fit(v.title, v.width-11-6)) + p.colour(grey, fmt.Sprintf("%5.1fs", v.running.Seconds())),
		rule,
	}
	lines = append(lines, v.head(p, left, cellWidth)...)
	for i := range v.rows {
		lines = append(lines, v.row(&v.rows[i], p, partyWidth, cellWidth))
	}
	lines = append(lines, rule, v.storyLine(p), "")
	lines = append(lines, v.tickerLines(p)...)
	return append(lines, rule, v.sums(p))
}

// head names the watchers.
func (v *view) head(p palette, left, cellWidth int) []string {
	lines := []string{fit("", left), p.colour(grey, fit("line, as its watchers see it", left)), ""}
	unit := ""
	if cellWidth <= minCell {
		unit = ", in ms"
	}
	lines[2] = p.colour(grey, fit("and the time from event to lamp"+unit, left))
	for i := range watchers {
		w := &watchers[i]
		how, note := w.how(cellWidth), w.note
		if len(note) >= cellWidth {
			note = w.short
		}
		if !strings.Contains(how, " ") && note == "" {
			note = w.transport()
		}
		if w.refused && v.refusal[i] == "" && v.rows[0].cells[i].on {
			note = "let in"
		}
		lines[0] += p.bold(fit(w.title, cellWidth))
		lines[1] += p.colour(grey, fit(how, cellWidth))
		lines[2] += p.colour(orange, fit(note, cellWidth))
	}
	return lines
}

func (v *view) row(r *row, p palette, partyWidth, cellWidth int) string {
	word, lampText := "", "  "
	if r.known {
		word, lampText = r.lamp.String(), v.light(r.lamp, p)+" "
	}
	_, colour, _ := light(r.lamp)
	s := p.colour(grey, r.number) + " " + p.bold(fit(r.name, 9)) + " " + lampText + p.colour(colour, fit(word, 8)) + fit(r.party, partyWidth-1) + " "
	for i := range r.cells {
		s += v.cell(&r.cells[i], v.refusal[i], p, cellWidth)
	}
	return s
}

func (v *view) cell(c *cell, refusal string, p palette, width int) string {
	switch {
	case !c.on && refusal != "":
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
	if width <= minCell {
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
		colour := map[string]string{sourcePBX: orange, sourceSIP: cyan, sourceLamp: green}[e.source]
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
		s += fmt.Sprintf(" · event → lamp: median %s, worst %s", millis(v.median), millis(v.worst))
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
