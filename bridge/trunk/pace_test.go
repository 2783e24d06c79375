package trunk

import (
	"fmt"
	"testing"
	"time"
)

// TestStartPaced: lines that all want their subscription at once, as after a start, get a
// second's worth of them at once and the rest by the rate; another server's do not wait,
// and no lamp goes dark before its own SUBSCRIBE was sent.
func TestStartPaced(t *testing.T) {
	inWorld(t, func(w *world) {
		const lines = 300
		for i := range lines {
			w.watch(fmt.Sprintf("9%03d", 100+i), user)
		}
		seen := map[string]bool{}
		count := func() (fresh int) {
			for _, s := range w.clear() {
				if id := s.header("Call-ID"); !seen[id] {
					seen[id], fresh = true, fresh+1
				}
				if s.header("CSeq") == "1 SUBSCRIBE" {
					w.accept(s)
				}
			}
			return fresh
		}
		if n := count(); n < 50 || n > 51 {
			t.Errorf("%d SUBSCRIBEs at once, want 50", n)
		}
		w.watch("7001", user)
		if s := w.clear(); len(s) != 1 || s[0].flow.Remote.String() != "192.0.2.9:5060" {
			t.Errorf("another server has to wait: %d sent", len(s))
		}
		for second := 1; len(seen) < lines; second++ {
			w.pass(time.Second)
			if n := count(); n < 49 && len(seen) < lines || n > 51 {
				t.Errorf("second %d: %d SUBSCRIBEs, want 50", second, n)
			}
			if second > 6 {
				t.Fatalf("%d of %d lines were subscribed", len(seen), lines)
			}
		}
		for number, l := range w.lamps {
			if number[0] == '9' {
				t.Errorf("%s went dark: %v", number, l.State)
			}
		}
	})
}
