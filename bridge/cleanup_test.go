package bridge

import (
	"testing"
	"time"
)

// TestWriteTime: a stop with nothing to write is as patient as any step; one that seals a
// million subscriptions gets a minute.
func TestWriteTime(t *testing.T) {
	for entries, want := range map[int]time.Duration{0: stopTime, 200_000: 20 * time.Second, 1_000_000: time.Minute} {
		if got := writeTime(entries); got != want {
			t.Errorf("%d entries: %v, want %v", entries, got, want)
		}
	}
}
