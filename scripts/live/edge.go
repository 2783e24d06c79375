package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"blfbridge/bridge/siptest/scenario"
)

// throughEdge reports whether the edge is tried: it takes a bridge of its own.
func (o *options) throughEdge() bool { return o.edge && o.bridge == "" && o.only == "" }

// playEdge runs the tests of the edge (bridge/e2e_live_test.go) on the PBX; ok is what was
// so far.
func (o *options) playEdge(ctx context.Context, cfg scenario.Config, ok bool) (bool, error) {
	type user struct{ Number, Password string }
	var users []user
	for _, u := range strings.Split(o.users, ",") {
		n, p, _ := strings.Cut(u, ":")
		users = append(users, user{n, p})
	}
	in := struct {
		PBX, Domain, Aliases string
		Users                []user
	}{o.pbxEntry("sip: udp://" + cfg.PBX.SIP), cfg.PBX.Domain, "", []user{users[0], users[1], users[2], users[4], users[3]}}
	if o.freeswitch != "" {
		in.Aliases = in.Domain // the domain of what its events name
	}
	text, err := json.Marshal(in)
	if err != nil {
		return false, err
	}
	fmt.Println("\nthrough the edge")
	tests := "^TestLive$"
	if o.program != "" {
		tests = "^TestLive(Paste.*)?$"
	}
	test := exec.CommandContext(ctx, "go", "test", "-tags", "live", "-json", "-count=1", "-timeout=15m", "-run", tests, "./bridge")
	test.Env, test.Stderr = append(os.Environ(), "BLFBRIDGE_LIVE="+string(text), "BLFBRIDGE_LIVE_PROGRAM="+o.program), os.Stderr
	out, err := test.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := test.Start(); err != nil {
		return false, err
	}
	said := map[string]string{}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Action, Test, Output string
			Elapsed              float64
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text()) // of the compiler
			continue
		}
		o.tell(said, e.Action, e.Test, e.Output, e.Elapsed)
	}
	if err := errors.Join(lines.Err(), test.Wait()); err != nil {
		return false, fmt.Errorf("through the edge: %w", err)
	}
	return ok, nil
}

// tell prints a test's outcome, and of what failed all that it said, with every message.
func (o *options) tell(said map[string]string, action, test, output string, seconds float64) {
	top, name, _ := strings.Cut(test, "/")
	if top != "TestLive" && top != "" {
		name = strings.TrimSuffix(strings.TrimPrefix(top, "TestLive")+"/"+name, "/")
	}
	name = strings.ReplaceAll(name, "_", " ")
	switch action {
	case "output":
		if o.verbose || test == "" && !strings.HasPrefix(output, "ok ") && output != "PASS\n" {
			fmt.Print(output)
		} else {
			said[test] += output
		}
	case "pass":
		if strings.Contains(name, "/") || name == "PasteLogin" { // others are groups of these
			fmt.Printf("  ok   %-75s %5.1f s\n", name, seconds)
		}
		delete(said, test)
	case "fail":
		fmt.Printf("  FAIL %s\n%s", name, said[test])
	}
}
