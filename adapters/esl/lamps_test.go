package esl

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"blfbridge/bridge/device"
)

// A lamps file says what a recording must show; testdata/README.md explains its lines.
type lamps struct {
	checks     []lampCheck
	sequences  []lampSequence
	registered []string // users with a registration of which the recording does not tell
}

// lampCheck: after the event of that sequence number (0: before the first, -1: after the
// last) the device looks like this.
type lampCheck struct {
	line      int
	recording string // "", "narrow" or "all"
	seq       int
	device    string
	state     string
	calls     []string // nil: not looked at
}

// lampSequence: all the states a device is ever shown in, in order.
type lampSequence struct {
	line   int
	device string
	states []string
}

const (
	atStart = 0
	atEnd   = -1
)

func readLamps(t *testing.T, path string) lamps {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var l lamps
	for i, line := range strings.Split(string(text), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		body, source, ok := strings.Cut(line, " # ")
		if !ok || strings.TrimSpace(source) == "" {
			t.Fatalf("%s:%d: no source named", path, i+1)
		}
		if err := l.add(i+1, strings.TrimSpace(body)); err != nil {
			t.Fatalf("%s:%d: %v", path, i+1, err)
		}
	}
	if len(l.checks) == 0 {
		t.Fatalf("%s: no line", path)
	}
	return l
}

func (l *lamps) add(line int, body string) error {
	parts := strings.Split(body, "|")
	f := strings.Fields(parts[0])
	if f[0] == "sequence" {
		if len(f) < 3 || len(parts) > 1 {
			return fmt.Errorf("want: sequence DEVICE STATE...")
		}
		l.sequences = append(l.sequences, lampSequence{line, f[1], f[2:]})
		return nil
	}
	if f[0] == "registered" && len(f) == 2 {
		l.registered = append(l.registered, f[1])
		return nil
	}
	c := lampCheck{line: line}
	if f[0] == "all" || f[0] == "narrow" {
		c.recording, f = f[0], f[1:]
	}
	if len(f) != 3 {
		return fmt.Errorf("want: [all|narrow] SEQ DEVICE STATE [| CALL]..., have %q", body)
	}
	switch f[0] {
	case "start":
		c.seq = atStart
	case "end":
		c.seq = atEnd
	default:
		n, err := strconv.Atoi(f[0])
		if err != nil || n <= 0 {
			return fmt.Errorf("bad sequence number %q", f[0])
		}
		c.seq = n
	}
	c.device, c.state = f[1], f[2]
	if len(parts) > 1 {
		c.calls = []string{}
		for _, p := range parts[1:] {
			if p = strings.TrimSpace(p); p != "-" {
				c.calls = append(c.calls, p)
			}
		}
	}
	l.checks = append(l.checks, c)
	return nil
}

// shown is a status in the words of a lamps file.
func shown(s device.Status, ok bool) string {
	switch {
	case !ok:
		return "absent"
	case s.Kind == device.DNDFlag && s.DND:
		return "dnd"
	case s.Kind == device.DNDFlag:
		return "clear"
	}
	return s.State.String()
}

func shownCall(c device.Call, withDialog bool) string {
	s := c.Direction.String() + " " + c.Phase.String()
	if c.Remote.Number != "" {
		s += " " + c.Remote.Number
	}
	if c.Remote.Name != "" {
		s += " " + strconv.Quote(c.Remote.Name)
	}
	if withDialog {
		s += " dialog=" + c.Dialog.CallID + "/" + c.Dialog.LocalTag + "/" + c.Dialog.RemoteTag
	}
	return s
}

// verify returns what differs, "" if nothing does.
func (c lampCheck) verify(s device.Status, ok bool) string {
	if got := shown(s, ok); got != c.state {
		return fmt.Sprintf("%s is %s, want %s", c.device, got, c.state)
	}
	if c.calls == nil {
		return ""
	}
	var got []string
	for i, call := range s.Calls {
		got = append(got, shownCall(call, i < len(c.calls) && strings.Contains(c.calls[i], "dialog=")))
	}
	if g, w := strings.Join(got, " | "), strings.Join(c.calls, " | "); g != w {
		return fmt.Sprintf("%s has calls [%s], want [%s]", c.device, g, w)
	}
	return ""
}

func lampFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/lamps/*.lamps")
	if err != nil || len(files) < 41 {
		t.Fatalf("%d lamps files, %v", len(files), err)
	}
	return files
}
