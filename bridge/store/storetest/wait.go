package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Eventually polls cond until it holds, and fails the test if it has not within limit.
func Eventually(t testing.TB, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// HasLine reports whether an INFO-like text has the line.
func HasLine(text, line string) bool {
	return slices.Contains(strings.Split(text, "\r\n"), line)
}
