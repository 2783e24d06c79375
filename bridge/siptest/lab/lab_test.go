package lab_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"blfbridge/bridge/siptest/lab"
)

// script writes an executable shell script.
func script(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestUpDown(t *testing.T) {
	dir := t.TempDir()
	a := lab.Asterisk{Scripts: dir, Name: "x1", SIPPort: 15001, HTTPPort: 15002, RTP: "15010-15020"}
	script(t, dir, "up", `echo chatter >&2; echo sip=127.0.0.1:$BLFBRIDGE_ASTERISK_SIP_PORT; echo ari=http://127.0.0.1:$BLFBRIDGE_ASTERISK_HTTP_PORT/ari`)
	if addr, err := a.Up(t.Context()); err != nil || addr.SIP != "127.0.0.1:15001" || addr.ARI != "http://127.0.0.1:15002/ari" {
		t.Errorf("%+v, %v", addr, err)
	}
	script(t, dir, "up", `echo "needs root" >&2; exit 3`)
	if _, err := a.Up(t.Context()); !errors.Is(err, lab.ErrUnavailable) || !strings.Contains(err.Error(), "needs root") {
		t.Errorf("exit 3: %v", err)
	}
	script(t, dir, "up", `echo "does not come up" >&2; exit 1`)
	if _, err := a.Up(t.Context()); err == nil || errors.Is(err, lab.ErrUnavailable) || !strings.Contains(err.Error(), "does not come up") {
		t.Errorf("exit 1: %v", err)
	}
	script(t, dir, "up", `echo nothing`)
	if _, err := a.Up(t.Context()); err == nil {
		t.Error("up that prints no addresses passed")
	}
	script(t, dir, "down", `echo "$BLFBRIDGE_ASTERISK_NAME $BLFBRIDGE_ASTERISK_RTP $*" >>`+filepath.Join(dir, "log"))
	for _, err := range []error{a.Down(t.Context(), false), a.Down(t.Context(), true), a.Remove(t.Context())} {
		if err != nil {
			t.Error(err)
		}
	}
	const want = "x1 15010-15020 \nx1 15010-15020 -KILL\nx1 15010-15020 -remove\n"
	if got, err := os.ReadFile(filepath.Join(dir, "log")); err != nil || string(got) != want {
		t.Errorf("down was called as %q, %v", got, err)
	}
}

func TestFresh(t *testing.T) {
	a, err := lab.Fresh("s", "test")
	if err != nil {
		t.Fatal(err)
	}
	b, err := lab.Fresh("s", "test")
	if err != nil || a.Name == b.Name || a.SIPPort >= 32768 || a.SIPPort == a.HTTPPort || a.RTP == "" {
		t.Errorf("%+v, %+v, %v", a, b, err)
	}
}
