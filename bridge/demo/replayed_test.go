package demo

import (
	"cmp"
	"context"
	"errors"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// run runs the demo on the recording and returns what it printed.
func run(t *testing.T, o Options) (string, error) {
	t.Helper()
	out := &output{}
	o.Source, o.Plain, o.Out = source, true, out
	err := Run(t.Context(), o)
	t.Log(out)
	return out.String(), err
}

// wants checks that a text has these parts in this order.
func wants(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		_, rest, ok := strings.Cut(text, p)
		if !ok {
			t.Errorf("no %q in what is left: %.300s", p, text)
			return
		}
		text = rest
	}
}

// byTime puts what the ticker printed in the order of its times: lamps are printed when all
// of a change are there, perhaps behind the next step of the story.
func byTime(text string) string {
	lines := strings.SplitAfter(text, "\n")
	at := func(line string) (float64, bool) {
		first, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		t, err := strconv.ParseFloat(first, 64)
		return t, err == nil && strings.Contains(first, ".")
	}
	from := slices.IndexFunc(lines, func(l string) bool { _, ok := at(l); return ok })
	to := from
	for from >= 0 && to < len(lines) {
		if _, ok := at(lines[to]); !ok {
			break
		}
		to++
	}
	if from >= 0 {
		slices.SortStableFunc(lines[from:to], func(a, b string) int {
			x, _ := at(a)
			y, _ := at(b)
			return cmp.Compare(x, y)
		})
	}
	return strings.Join(lines, "")
}

// what the recording shows, whatever the store: the steps, and each one's lamps, which may
// come after the next step on a machine that does much else.
var recorded = [][]string{
	{
		"SUBSCRIBE ×6 from Yealink (dialog, udp): 200 OK", "SUBSCRIBE ×6 from snom (dialog, tcp): 200 OK", "SUBSCRIBE from Temp: 403 Forbidden",
		"Ann calls Bob", "Bob answers", "Bob puts Ann on hold", "Bob takes Cat's call", "Bob transfers Ann to Fay", "Cat dials *78",
		"The administrator lets Temp watch", "SUBSCRIBE ×6 from Temp (dialog, udp): 200 OK", "Fay picks the call up", "Dan's phone leaves",
		"Summary", "refused, as the policy says: SUBSCRIBE from Temp: 403 Forbidden",
		"PBX event → lamp   median", "█",
		"✓ 0 breaches", "✓ 0 lamps wrong in the end", "✓ 0 NOTIFYs not answered with 200", "✓ 0 drift",
	},
	{"Ann calls Bob", "1002 Bob Two    ringing  ← Ann One", "1002 Bob Two    busy     ← Ann One", "1002 Bob Two    held     ← Ann One    3 lamps"},
	{"Bob takes Cat's call", "1002 Bob Two    busy     ← Cat Three"},
	{"Bob transfers Ann to Fay", "1006 Fay Six    ringing  ← Ann One    4 lamps"},
	{"Cat dials *78", "1003 Cat Three  dnd"},
	{"The administrator lets Temp watch", "REST PUT /api/v1/policy: 200 OK"},
	{"Fay picks the call up", "1006 Fay Six    busy     → Eve Five"},
	{"The administrator takes it back", "NOTIFY ×6 to Temp: terminated;reason=rejected"},
	{"Dan's phone leaves", "1004 Dan Four   unknown"},
}

func TestRecording(t *testing.T) {
	text, err := run(t, Options{Speed: 8})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, text, "Asterisk 22.10.1, recorded ─ARI→ bridge + bbolt")
	for _, r := range recorded {
		wants(t, byTime(text), r...)
	}
}

func TestRecordingRedis(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("redis-server is needed:", err)
	}
	text, err := run(t, Options{Speed: 8, Redis: true})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, text, "Asterisk 22.10.1, recorded ─ARI→ bridge + Redis")
	for _, r := range recorded {
		wants(t, byTime(text), r...)
	}
}

// At any speed the last lamps are right; what happens too fast may be merged.
func TestRecordingFast(t *testing.T) {
	text, err := run(t, Options{Speed: 200})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, text, "Summary", "✓ 0 breaches", "✓ 0 lamps wrong in the end")
}

// Ctrl-C ends it early, with a summary; in a demo that keeps running it is the usual end.
func TestInterrupted(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		at   string
		want error
	}{
		{"in the story", Options{Speed: 8}, "Bob answers", context.Canceled},
		{"kept running", Options{Speed: 100, KeepRunning: true}, "Stays until Ctrl-C", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			out := &output{}
			c.o.Source, c.o.Plain, c.o.Out = source, true, out
			done := make(chan error, 1)
			go func() { done <- Run(ctx, c.o) }()
			for !strings.Contains(out.String(), c.at) && ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			cancel()
			if err := <-done; !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			wants(t, out.String(), c.at, "Summary", "✓ 0 breaches")
		})
	}
}

// Every mark of the recording is a step of the story, in its order.
func TestRecordingIsOfTheStory(t *testing.T) {
	p, err := startReplay()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}()
	n := 0
	for _, s := range p.rec.Steps {
		if s.Event != nil {
			continue
		}
		if n >= len(story) || story[n].say != s.Mark {
			t.Fatalf("mark %d is %q, not the story's: record it anew (recording/README.md)", n, s.Mark)
		}
		n++
	}
	if n != len(story) {
		t.Errorf("the recording has %d of %d steps: record it anew (recording/README.md)", n, len(story))
	}
}

func TestNoAsterisk(t *testing.T) {
	addr, err := freeAddress("tcp")
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{"http://" + addr: "connection refused", "localhost": "is no URL"} {
		err := Run(t.Context(), Options{Source: source, Asterisk: url, Out: &output{}})
		if !errors.Is(err, ErrPBX) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", url, err, want)
		}
	}
}
