package ari

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// lampsFile is a testdata/*.lamps: what a recording must show, mark by mark. Its
// language is described in testdata/README.md.
type lampsFile struct {
	name      string
	recording string
	watch     []string
	devices   []string          // to follow by name
	start     map[string]string // raw states
	blocks    []lampsBlock
	cases     []lampsCase
}

// lampsBlock is what is to be seen after one mark. Watched devices without a line are as
// they were after the start.
type lampsBlock struct {
	mark  string
	lamps map[string]lampsLine
	down  string
	wait  time.Duration
}

// lampsLine: the lamps that a device shows one after the other from the mark on, and its
// calls at the end.
type lampsLine struct {
	path   []string
	calls  []string
	source string
}

// lampsCase is a damaged replay and its consequence.
type lampsCase struct {
	name  string
	drops []lampsEvent
	swap  []lampsEvent // none or two
	wrong string       // the first mark after which it differs; empty: never
	heals float64      // what the reconciler counts; -1: it cannot know
	until string       // heals < 0: the mark from which it is right again
}

type lampsEvent struct {
	typ, about string
	nth        int
}

func readLamps(t *testing.T, path string) *lampsFile {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := &lampsFile{name: strings.TrimSuffix(filepath.Base(path), ".lamps"), start: map[string]string{}}
	sc := bufio.NewScanner(f)
	for n := 1; sc.Scan(); n++ {
		if err := l.line(sc.Text()); err != nil {
			t.Fatalf("%s:%d: %v", path, n, err)
		}
	}
	if l.recording == "" || len(l.watch) == 0 {
		t.Fatalf("%s: needs recording and watch", path)
	}
	return l
}

func (l *lampsFile) line(text string) error {
	body, source, sourced := strings.Cut(text, "|")
	body, source = strings.TrimSpace(body), strings.TrimSpace(source)
	if body == "" || strings.HasPrefix(body, "#") {
		return nil
	}
	word, rest, _ := strings.Cut(body, " ")
	rest = strings.TrimSpace(rest)
	if text[0] == ' ' {
		if !sourced || source == "" {
			return fmt.Errorf("names no source after |")
		}
		if len(l.cases) > 0 {
			return l.outcome(word, rest)
		}
		return l.expectation(word, rest, source)
	}
	switch word {
	case "recording":
		l.recording = rest
	case "watch":
		l.watch = strings.Fields(rest)
	case "follow":
		l.devices = strings.Fields(rest)
	case "start":
		name, raw, _ := strings.Cut(rest, " ")
		l.start[name] = raw
	case "after":
		l.blocks = append(l.blocks, lampsBlock{mark: rest, lamps: map[string]lampsLine{}})
	case "case":
		l.cases = append(l.cases, lampsCase{name: rest})
	default:
		return fmt.Errorf("unknown word %q", word)
	}
	return nil
}

func (l *lampsFile) expectation(word, rest, source string) error {
	if len(l.blocks) == 0 {
		return fmt.Errorf("a lamp before the first after")
	}
	b := &l.blocks[len(l.blocks)-1]
	switch word {
	case "down":
		b.down = rest
		return nil
	case "wait":
		var err error
		b.wait, err = time.ParseDuration(rest)
		return err
	}
	states, calls, _ := strings.Cut(rest, " ")
	line := lampsLine{path: strings.Split(states, ">"), source: source}
	for c := range strings.SplitSeq(calls, ";") {
		if c = strings.TrimSpace(c); c != "" {
			line.calls = append(line.calls, c)
		}
	}
	b.lamps[word] = line
	return nil
}

func (l *lampsFile) outcome(word, rest string) error {
	c := &l.cases[len(l.cases)-1]
	switch word {
	case "drop":
		c.drops = append(c.drops, parseLampsEvent(rest))
	case "swap":
		a, b, ok := strings.Cut(rest, " with ")
		if !ok {
			return fmt.Errorf("swap needs … with …")
		}
		c.swap = []lampsEvent{parseLampsEvent(a), parseLampsEvent(b)}
	case "same":
	case "wrong":
		c.wrong = strings.TrimPrefix(rest, "after ")
	case "heals":
		n, err := strconv.ParseFloat(rest, 64)
		c.heals = n
		return err
	case "until":
		c.heals, c.until = -1, rest
	default:
		return fmt.Errorf("unknown outcome %q", word)
	}
	return nil
}

// parseLampsEvent reads "TYPE ABOUT" with an optional " #n".
func parseLampsEvent(s string) lampsEvent {
	e := lampsEvent{nth: 1}
	if head, n, ok := strings.Cut(s, " #"); ok {
		e.nth, _ = strconv.Atoi(strings.TrimSpace(n)) // 0 finds nothing, and fails there
		s = head
	}
	e.typ, e.about, _ = strings.Cut(strings.TrimSpace(s), " ")
	return e
}

// matches compares a block's mark with a recording's: whole, or up to "…".
func (b *lampsBlock) matches(mark string) bool {
	mark = strings.TrimSpace(mark)
	if p, ok := strings.CutSuffix(b.mark, "…"); ok {
		return strings.HasPrefix(mark, p)
	}
	return mark == b.mark
}
