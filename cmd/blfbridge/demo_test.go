package main

import "testing"

func TestDemo(t *testing.T) {
	s := newShell(t)
	out := s.ok("demo", "--replay", "--speed", "10", "--log", "log")
	s.says(out, "Asterisk 22.10.1, recorded ─ARI→ bridge + bbolt", "SUBSCRIBE from Temp: 403 Forbidden",
		"1002 Bob Two    ringing  ← Ann One", "1003 Cat Three  dnd", "Summary", "PBX event → lamp   median",
		"✓ 0 breaches", "✓ 0 lamps wrong in the end", "✓ 0 NOTIFYs not answered with 200", "✓ 0 drift")
	s.says(s.read("log"), "level=DEBUG", "level=INFO")
}

func TestDemoFails(t *testing.T) {
	s := newShell(t)
	s.fails(exitUsage, []string{"--speed"}, "demo", "--speed", "0")
	s.fails(exitUsage, []string{`"up" is too much`}, "demo", "up")
	s.fails(exitFailure, []string{"the Asterisk cannot be used", "http://127.0.0.1:1"}, "demo", "--asterisk", "http://127.0.0.1:1")
	s.fails(exitFailure, []string{"no/such/folder"}, "demo", "--replay", "--log", "no/such/folder/log")
	s.env = []string{"PATH=/nonexistent"}
	s.fails(exitFailure, []string{"neither redis-server nor valkey-server"}, "demo", "--replay", "--redis")
}
