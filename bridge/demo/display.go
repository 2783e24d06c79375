package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	frameEvery = 80 * time.Millisecond
	plainEvery = 20 * time.Millisecond
	maxTicker  = 14
)

// display shows the board: drawn in place on a terminal, else a line per change.
type display struct {
	board   *board
	out     io.Writer
	size    func() (width, height int) // of the terminal; nil: plain
	palette palette

	quit chan struct{}
	wg   sync.WaitGroup

	// The rest is the goroutine's.
	told   int // ticker lines printed
	drawn  int // lines of the last frame
	widest int
	phase  int
}

func newDisplay(o *Options, b *board) *display {
	d := &display{board: b, out: o.Out, quit: make(chan struct{})}
	if f, ok := o.Out.(*os.File); ok && !o.Plain && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		if width, height, ok := terminalSize(f); ok {
			d.palette = true
			if width >= minWidth && height >= minHeight {
				d.size = func() (int, int) {
					if w, h, ok := terminalSize(f); ok {
						return w, h
					}
					return width, height
				}
			}
		}
	}
	return d
}

// begin starts showing; stop ends it with what was the last.
func (d *display) begin() {
	every := plainEvery
	if d.size != nil {
		every = frameEvery
		fmt.Fprint(d.out, "\x1b[?25l") // no cursor
	} else {
		fmt.Fprintln(d.out, d.board.title)
	}
	d.wg.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				d.board.flush(false)
				d.show()
			case <-d.quit:
				d.board.flush(true)
				d.show()
				return
			}
		}
	})
}

func (d *display) stop() {
	close(d.quit)
	d.wg.Wait()
	if d.size != nil {
		fmt.Fprint(d.out, "\x1b[?25h")
	}
}

func (d *display) show() {
	if d.size == nil {
		d.lines()
		return
	}
	v := d.board.view()
	width, height := d.size()
	if width < minWidth || height < minHeight {
		return // too small now; the ticker is not lost
	}
	v.width, v.tickerMax = width, min(maxTicker, height-frameLines-1)
	v.phase, v.violations = d.phase, len(d.board.violations())
	d.phase++
	d.draw(v.frame(d.palette), width)
}

// draw replaces the last frame. A smaller width has broken its lines: then all is
// cleared.
func (d *display) draw(lines []string, width int) {
	var s strings.Builder
	switch {
	case d.widest > width:
		s.WriteString("\x1b[2J\x1b[H")
	case d.drawn > 0:
		fmt.Fprintf(&s, "\x1b[%dA\r", d.drawn)
	}
	for _, l := range lines {
		s.WriteString(l + "\x1b[K\n")
	}
	s.WriteString("\x1b[J")
	d.drawn, d.widest = len(lines), width
	io.WriteString(d.out, s.String()) // a terminal that is gone shows nothing
}

// lines prints what is new of story and lamps.
func (d *display) lines() {
	for _, e := range d.board.after(d.told) {
		d.told++
		switch e.source {
		case sourceStory:
			fmt.Fprintf(d.out, "%7.3f  %s\n", e.at.Seconds(), d.palette.bold(e.text))
		case sourceLamp, sourceSIP:
			fmt.Fprintf(d.out, "%7.3f    %s\n", e.at.Seconds(), e.text)
		}
	}
}
