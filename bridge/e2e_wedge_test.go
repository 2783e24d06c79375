package bridge_test

import (
	"testing"
	"time"
)

// mendARI waits until the bridge is connected. Killing a client of ARI may lock it up for
// good (Asterisk issue 2170): then the bridge must have said so, and Asterisk is
// restarted, as the alarm asks for.
func mendARI(t *testing.T, s *server, ast *pbx) {
	t.Helper()
	for end := time.Now().Add(12 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if s.metric("blfbridge_ari_up") == 1 {
			return
		}
		if s.metric("blfbridge_ari_wedged") == 1 {
			t.Log("killing the bridge has locked up this Asterisk's ARI; it was recognised and Asterisk is restarted")
			ast.stop(t, true)
			ast.start(t)
			s.ready()
			return
		}
	}
	t.Fatal("neither connected nor alarmed")
}
