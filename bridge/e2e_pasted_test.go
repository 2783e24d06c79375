//go:build pbx || live

package bridge_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// command runs a command of the program with the server's configuration.
func (s *server) command(args ...string) (out string, err error) {
	s.t.Helper()
	cmd := exec.Command(build(s.t), append(args, "--config", s.path)...)
	var errs strings.Builder
	cmd.Stderr = &errs
	text, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, errs.String())
	}
	return string(text), err
}

// everywhere makes the server listen on every address, as it does by default.
func (s *server) everywhere() {
	s.t.Helper()
	text, err := os.ReadFile(s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), "]\n")
	s.write(s.path, strings.ReplaceAll(head, "//127.0.0.1:", "//0.0.0.0:")+"]\n"+rest)
}

// examine runs doctor and returns what it says, all of it good or not.
func (s *server) examine(args ...string) (good bool, text string) {
	s.t.Helper()
	out, err := s.command(append([]string{"doctor"}, args...)...)
	return err == nil && !strings.Contains(out, "warning "), out
}

// fault is one thing that is made wrong, and what doctor must say of it.
type fault struct {
	name string
	// old and new change the configuration that doctor reads, not the server's.
	old, new string
	args     []string
	break_   func()
	// finds is the line: result and name; fix is in the line below it. FILE stands for the
	// configuration.
	finds, fix string
}

// look runs doctor once for each fault.
func (s *server) look(t *testing.T, faults []fault) {
	t.Helper()
	text, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	running := s.path
	defer func() { s.path = running }()
	for _, f := range faults {
		s.path = filepath.Join(t.TempDir(), "doctor.yaml")
		changed := strings.Replace(string(text), f.old, f.new, 1)
		if f.old != "" && changed == string(text) {
			t.Fatalf("%s: the configuration has no %q:\n%s", f.name, f.old, text)
		}
		s.write(s.path, changed)
		if f.break_ != nil {
			f.break_()
		}
		_, said := s.examine(f.args...)
		f.fix = strings.ReplaceAll(f.fix, "FILE", s.path)
		found := false
		lines := strings.Split(said, "\n")
		for i, l := range lines {
			if words := strings.Join(strings.Fields(l), " "); strings.HasPrefix(words, f.finds) {
				found = f.fix == "" || i+1 < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[i+1]), "fix: ") && strings.Contains(lines[i+1], f.fix)
			}
		}
		if !found {
			t.Errorf("%s: doctor does not say %q with %q:\n%s", f.name, f.finds, f.fix, said)
		}
	}
}

// pasted lets phones over UDP, TCP and WebSocket do what phones do behind the edge, and
// doctor say that all is well; of what tells that it looked.
func pasted(o *pickupOffice, ws string, of ...string) {
	t, ctx, s := o.t, o.t.Context(), o.s
	for number, over := range map[string]string{"1001": "UDP", "1002": "TCP", "1003": "WS", "1006": "UDP"} {
		proxy := s.udp
		if over == "WS" {
			proxy = ws
		}
		h := &heard{}
		o.phones[number], o.heard[number] = o.at.phone(t, proxy, number, func(c *siptest.Config) { c.Transport, c.Trace = over, h.trace(t, number) }), h
	}
	lamp := o.lamp("1003", "1002", "")
	lamp.shows(device.Idle)
	good, text := s.examine()
	if !good {
		t.Errorf("after the paste doctor says\n%s", text)
	}
	for _, kind := range append(of, "pickup", "sip udp://", "sip tcp://", "sip ws://", "dialog", "presence", "idle in") {
		if !strings.Contains(text, kind) {
			t.Errorf("doctor says nothing of %s:\n%s", kind, text)
		}
	}
	for _, pair := range [][2]string{{"1001", "1002"}, {"1002", "1003"}, {"1003", "1001"}} {
		c, _ := talk(t, o.phones[pair[0]], o.phones[pair[1]])
		if pair[1] == "1002" || pair[0] == "1002" {
			lamp.shows(device.Busy)
		}
		o.must(c.Bye(ctx))
		lamp.shows(device.Idle)
	}
	caller := ring(t, o.phones["1001"], o.phones["1002"])
	callee, err := o.phones["1002"].Incoming(ctx)
	o.must(err)
	lamp.shows(device.Ringing)
	o.refused(403, "1006", "*891002")
	o.picks(caller, callee, "1003", "*891002")
	lamp.shows(device.Idle)
	if good, text := s.examine("--line", "1002", "--as", "1003"); !good {
		t.Errorf("doctor, as 1003:\n%s", text)
	}
}
