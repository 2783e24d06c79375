package main

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestSeldom: where lines stay, there is one in ten seconds, with the news of then.
func TestSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		say := seldom(10*time.Second, func(text string) { said = append(said, text) })
		for i := range 100 { // 25 seconds
			say(time.Duration(i * 250e6).String())
			time.Sleep(250 * time.Millisecond)
		}
		if want := []string{"10s", "20s"}; !slices.Equal(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
	})
}
