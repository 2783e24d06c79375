package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/device"
)

func TestExplainThroughServer(t *testing.T) {
	r := admintest.Start(t, nil)
	r.PBX("ast", device.Status{Name: "PJSIP/101", Number: "101", State: device.Idle})
	s := newShell(t)
	out := s.ok("explain", "201", "101", "--url", r.URL)
	s.says(out, "201 watches 101", "1  watcher     goes on", `group       allowed                same group "Standard"`, "ALLOWED: SUBSCRIBE gets 200, sees everything, may pick up")
	if strings.Contains(out, "\x1b") {
		t.Errorf("colours into a pipe: %q", out)
	}
	s.says(s.ok("explain", "201", "999", "--url", r.URL), "NOT FOUND: SUBSCRIBE gets 404")
	s.says(s.ok("explain", "201", "101", "--source", "203.0.113.9", "--url", r.URL), "ASKED FOR CREDENTIALS: SUBSCRIBE gets 401", "203.0.113.9")
	s.fails(exitFailure, []string{"no tenant", "default"}, "explain", "201", "101", "--tenant", "shop", "--url", r.URL)
	s.fails(exitFailure, []string{"no IP address"}, "explain", "201", "101", "--source", "pbx", "--url", r.URL)
	var e api.Explanation
	if err := json.Unmarshal([]byte(s.ok("explain", "201", "*89101", "--json", "--url", r.URL)), &e); err != nil || e.Status != 200 || !e.Target.PickupCode {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestExplainWithoutServer: the policy of the store, of policy.file, and of a file that
// is not in force, decide as the server would.
func TestExplainWithoutServer(t *testing.T) {
	s := newShell(t)
	s.file("policy.yaml", board)
	s.file("store.yaml", boltConfig)
	s.file("file.yaml", boltConfig+"policy: {file: policy.yaml}\n")
	s.ok("policy", "import", "policy.yaml", "--config", "store.yaml")
	for _, c := range []struct {
		args []string
		note string
	}{
		{[]string{"--config", "store.yaml"}, "no server answers; decided by the policy in blf.db"},
		{[]string{"--config", "file.yaml"}, "no server answers; decided by the policy in policy.yaml"},
		{[]string{"--policy", "policy.yaml"}, "decided by policy.yaml"},
	} {
		s.says(s.ok(append([]string{"explain", "555", "102"}, c.args...)...), "REFUSED: SUBSCRIBE gets 403", "Standard watches Board", c.note)
		s.says(s.ok(append([]string{"explain", "201", "102"}, c.args...)...), "phone SEP1 of tenant shop", "ALLOWED", "button 1 of phone SEP1", c.note)
	}
	// The networks that the configuration trusts count.
	s.file("trust.yaml", boltConfig+"sip: {trusted_networks: [203.0.113.0/24]}\n")
	s.says(s.ok("explain", "555", "101", "--source", "203.0.113.9", "--config", "trust.yaml"), "ALLOWED")
	s.says(s.ok("explain", "555", "101", "--source", "203.0.113.9", "--config", "store.yaml"), "gets 401")
	s.fails(exitFailure, []string{"does not answer"}, "explain", "555", "102", "--url", "http://127.0.0.1:1")
	s.fails(exitFailure, []string{"none.yaml"}, "explain", "555", "102", "--policy", "none.yaml")
	s.fails(exitFailure, []string{"none.yaml"}, "explain", "555", "102", "--config", "none.yaml")
}

// TestColours: on a terminal, and only there, and only if they are wanted.
func TestColours(t *testing.T) {
	s := newShell(t)
	s.file("policy.yaml", board)
	for _, c := range []struct {
		env     string
		colours bool
	}{{"TERM=xterm", true}, {"NO_COLOR=1", false}, {"TERM=dumb", false}} {
		out := s.onTerminal(c.env, "explain", "201", "102", "--policy", "policy.yaml")
		if !strings.Contains(out, "ALLOWED") || strings.Contains(out, "\x1b[32m") != c.colours {
			t.Errorf("%s: %q", c.env, out)
		}
	}
}

// onTerminal runs the program on a pseudo terminal and returns what that shows.
func (s *shell) onTerminal(env string, args ...string) string {
	s.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		s.Fatal(err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		s.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		s.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		s.Fatal(err)
	}
	shown := make(chan string, 1)
	go func() {
		var all []byte
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			all = append(all, buffer[:n]...)
			if err != nil { // EIO: the last one has closed the terminal
				shown <- string(all)
				return
			}
		}
	}()
	ctx, cancel := context.WithTimeout(s.Context(), 30*time.Second)
	defer cancel()
	cmd := s.command(ctx, args...)
	cmd.Env = append(cmd.Env, env)
	cmd.Stdout, cmd.Stderr = slave, slave
	err = cmd.Run()
	slave.Close()
	if err != nil {
		s.Fatal(err)
	}
	return <-shown
}
