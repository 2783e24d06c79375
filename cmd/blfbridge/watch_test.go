package main

import (
	"bufio"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWatch: the lamp of a line from a call's begin to its end, and what a test of an
// installation says.
func TestWatch(t *testing.T) {
	url, pbx := startPBX(t)
	s := newShell(t)
	s.file("blf.yaml", serveConfig(url, ""))
	v := s.start("--config", "blf.yaml").ready()
	udp := "udp://" + v.sipAddr()
	admin := []string{"--server", udp, "--url", v.adminURL()}
	once := append([]string{"watch", "--once"}, admin...)
	s.says(s.ok(once...), " 1001 idle\n")
	s.says(s.ok("watch", "1002", "--once", "--server", udp, "--event", "presence"), " 1002 idle\n")
	s.fails(exitFailure, []string{"SUBSCRIBE to 1999", "404"}, "watch", "1999", "--once", "--server", udp)
	s.fails(exitFailure, []string{"no answer"}, "watch", "1001", "--once", "--server", "udp://"+freePort(t), "--timeout", "300ms")
	s.fails(exitFailure, []string{"nonsense"}, "watch", "1001", "--server", "nonsense")

	cmd := s.command(t.Context(), "watch", "1002", "--server", udp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // our own child; gone already, mostly
	shown := make(chan string)
	go func() {
		defer close(shown)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			_, lamp, _ := strings.Cut(lines.Text(), " 1002 ")
			shown <- lamp
		}
	}()
	last := ""
	expect := func(want string) {
		t.Helper()
		for end := time.After(10 * time.Second); last != want; {
			select {
			case got := <-shown:
				if got != want && got != last { // the same again: what is known of the call grew
					t.Fatalf("shows %q, want %q", got, want)
				}
				last = got
			case <-end:
				t.Fatalf("never shows %q", want)
			}
		}
	}
	expect("idle")
	go func() { _ = pbx.Play(t.Context(), 4) }() // it rings for 2 s
	expect("ringing")
	expect("idle")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range shown {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("interrupted: %v", err)
	}
	// It leaves as it has answered its last NOTIFY: the server may not have read that yet.
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		shown := s.ok("show", "presence", "subscription", "--url", v.adminURL())
		if strings.Contains(shown, "0 subscriptions") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("still subscribed:\n%s", shown)
		}
	}
}

// TestWatchKnowsNoLine: a server without lines says so after the time to wait.
func TestWatchKnowsNoLine(t *testing.T) {
	s := newShell(t)
	s.file("blf.yaml", serveConfig("http://"+freePort(t), ""))
	v := s.start("--config", "blf.yaml").ready()
	s.fails(exitFailure, []string{"knows no line yet"}, "watch", "--once", "--server", "udp://"+v.sipAddr(), "--url", v.adminURL(), "--timeout", "600ms")
}
