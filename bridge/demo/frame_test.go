package demo

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"blfbridge/bridge/device"
)

var escape = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// office at work: Ann talks to Bob, whom Cat calls; Temp may not watch.
func busyView(width, ticker int) *view {
	v := &view{title: "Asterisk ─ARI→ bridge", story: "Cat calls Bob", step: 3, steps: 21, running: 12 * time.Second,
		refusal: make([]string, len(watchers)), notifies: 91, lamps: 40, median: 900 * time.Microsecond, worst: 12 * time.Millisecond,
		width: width, tickerMax: ticker}
	v.refusal[5] = "403"
	for i, p := range office {
		r := row{person: p, known: true, lamp: lamp{state: device.Idle}, cells: make([]cell, len(watchers))}
		for j := range 5 {
			r.cells[j] = cell{on: true, lamp: r.lamp, latency: time.Duration(i*j) * 700 * time.Microsecond}
		}
		v.rows = append(v.rows, r)
	}
	v.rows[1].lamp, v.rows[1].party = lamp{device.Busy, true}, "← Cat Three"
	v.rows[3].lamp = lamp{}
	for range 20 {
		v.ticker = append(v.ticker, entry{time.Second, sourcePBX, strings.Repeat("long ", 60)})
	}
	return v
}

// No line is wider than the terminal, and the board is as high at every width.
func TestFrameFits(t *testing.T) {
	height := len(busyView(200, 5).frame(true))
	if height != frameLines+5 {
		t.Errorf("the board has %d lines, want %d", height, frameLines+5)
	}
	for width := minWidth; width < 220; width++ {
		lines := busyView(width, 5).frame(true)
		if len(lines) != height {
			t.Errorf("width %d: %d lines, want %d", width, len(lines), height)
		}
		for i, l := range lines {
			if n := utf8.RuneCountInString(escape.ReplaceAllString(l, "")); n > width {
				t.Errorf("width %d: line %d has %d: %q", width, i, n, l)
			}
		}
	}
}

func TestFrame(t *testing.T) {
	if minWidth > 80 || minHeight > 24 {
		t.Errorf("the board needs %d×%d, a usual terminal has 80×24", minWidth, minHeight)
	}
	for width, want := range map[int][]string{
		80: {
			"line, as its watchers see it         dialog  pres.  dialog pres.  dialog dialog",
			"1002 Bob Two   ● held    ← Cat Three ●       ● 0.7  ● 1.4  ● 2.1  ● 2.8  ✗ 403",
			"1004 Dan Four  ○ unknown             ●       ● 2.1",
		},
		120: {
			"target in To              busy if away              busy or not",
			"1002 Bob Two   ● held    ← Cat Three      ●            ● 0.7ms      ● 1.4ms      ● 2.1ms      ● 2.8ms      ✗ 403",
			"▶ Cat calls Bob",
			"91 NOTIFYs · 40 lamp changes · event → lamp 0.9ms, worst 12ms · 0 breaches",
		},
	} {
		lines := busyView(width, 5).frame(false)
		wants(t, strings.Join(lines, "\n"), want...)
		if t.Failed() {
			t.Fatalf("\n%s", strings.Join(lines, "\n"))
		}
	}
}

// What rings and what is held blinks; nothing else does.
func TestBlink(t *testing.T) {
	for _, c := range []struct {
		l    lamp
		want string
	}{
		{lamp{state: device.Ringing}, "●○"}, {lamp{device.Busy, true}, "●○"}, {lamp{state: device.Busy}, "●●"},
		{lamp{state: device.Idle}, "●●"}, {lamp{state: device.DND}, "●●"}, {lamp{}, "○○"},
	} {
		if got := (&view{}).light(c.l, false) + (&view{phase: blinkFrames}).light(c.l, false); got != c.want {
			t.Errorf("%s: %s, want %s", c.l, got, c.want)
		}
	}
}
